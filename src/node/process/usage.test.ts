import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGroupUsage, ticksOf } from './usage.ts';

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nought-usage-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

test('readGroupUsage() reads cgroup v2 without the inactive files', async () => {
  const folder = await folderWith({
    'cpu.stat': 'usage_usec 1234567\nuser_usec 1000000\n',
    'memory.current': '5000000\n',
    'memory.stat': 'anon 1\ninactive_file 2000000\nactive_file 3\n',
  });
  assert.deepEqual(await readGroupUsage([{ version: 2, folder }]), {
    cpuNanos: 1_234_567_000,
    workingSetBytes: 3_000_000,
  });
  await rm(folder, { recursive: true });
});

test('readGroupUsage() finds what it can in the hierarchies of cgroup v1', async () => {
  const cpu = await folderWith({ 'cpu.stat': 'nr_periods 0\n', 'cpuacct.usage': '77\n' });
  const memory = await folderWith({
    'memory.usage_in_bytes': '4096\n',
    'memory.stat': 'inactive_file 1\ntotal_inactive_file 8192\n',
  });
  const both = [cpu, memory].map((folder) => ({ version: 1 as const, folder }));
  assert.deepEqual(await readGroupUsage(both), { cpuNanos: 77, workingSetBytes: 0 });
  assert.deepEqual(await readGroupUsage(both.slice(1)), {
    cpuNanos: undefined,
    workingSetBytes: 0,
  });
  await Promise.all([cpu, memory].map((folder) => rm(folder, { recursive: true })));
});

test('ticksOf() adds up a process and the children it waited for, whatever its name', () => {
  const after = 'S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0 1 0 500';
  assert.equal(ticksOf(`42 (a) b) ${after}`), 127);
});
