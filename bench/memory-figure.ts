import { setTimeout as sleep } from 'node:timers/promises';
import { startPlatform } from '../e2e/testing/platform.ts';
import type { Row } from './figure.ts';
import { memoryOfTree } from './process-cost.ts';

const idleMs = 8000;

/** Memory of all processes of an idle platform without functions. */
export async function measureMemory(tell: (line: string) => void): Promise<readonly Row[]> {
  await using platform = await startPlatform();
  await sleep(idleMs);
  const processes = memoryOfTree(platform.endpoints.pid);
  for (const { name, pss, anonymous } of processes) {
    tell(
      `  ${name.padEnd(18)} PSS ${pss.toFixed(1)} MB, of it anonymous ${anonymous.toFixed(1)} MB`,
    );
  }
  const sum = (pick: (each: (typeof processes)[number]) => number): number =>
    processes.map(pick).reduce((total, each) => total + each, 0);
  return [
    {
      name: 'memory, idle, all processes (PSS)',
      value: sum(({ pss }) => pss),
      unit: 'MB',
      bar: { kind: 'at most', value: 150 },
      note: `anonymous ${sum(({ anonymous }) => anonymous).toFixed(1)} MB; ${processes
        .map(({ name, pss }) => `${name} ${pss.toFixed(0)}`)
        .join(', ')}`,
    },
  ];
}
