import { readdir, readFile } from 'node:fs/promises';
import { markerVariable } from '../process/strays.ts';
import { eventually } from './eventually.ts';
import { instanceOf } from './instance-of.ts';

/** Ids of the processes that wait in berths of the runtime on a folder. */
export async function berthProcesses(folder: string): Promise<readonly number[]> {
  const wanted = `${markerVariable}=${instanceOf(folder)}/berth/`;
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const environ = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '');
    if (environ.includes(wanted)) found.push(Number(name));
  }
  return found;
}

/** Waits until the runtime on a folder has filled its stock: two processes for each of three berths. */
export async function berthsReady(folder: string): Promise<void> {
  await eventually('berths', async () => (await berthProcesses(folder)).length >= 6);
}
