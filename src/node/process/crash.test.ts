import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silentLog } from '../../lib/log.ts';
import type { ContainerSpec, Runtime, Sandbox } from '../runtime.ts';
import { allOfIt, shell, textOf } from '../runtime.contract.ts';
import { eventually, isRunning } from '../testing/eventually.ts';
import { instanceOf } from '../testing/instance-of.ts';
import type { RuntimeOrder } from '../testing/runtime-process.ts';
import { openProcessRuntime } from './runtime.ts';

const never = new AbortController().signal;
const program = new URL('../testing/runtime-process.ts', import.meta.url).pathname;

describe('process runtime, crash', () => {
  let folder: string;
  let publicFolder: string;
  let holder: ChildProcess | undefined;
  let runtime: Runtime | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nought-crash-'));
    publicFolder = '/var/lib/nought';
  });
  afterEach(async () => {
    holder?.kill('SIGKILL');
    runtime ??= await open();
    for (const box of await runtime.recover()) await box.remove();
    await runtime[Symbol.asyncDispose]();
    runtime = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  const open = (): Promise<Runtime> =>
    openProcessRuntime({ folder, publicFolder, images: {}, log: silentLog });

  /** Starts a container from a process of its own, which is killed once the log has that text. */
  async function startAndKill(spec: ContainerSpec, text = ''): Promise<string> {
    const uid = randomUUID();
    holder = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const order: RuntimeOrder = { folder, images: {}, uid, spec: { ...spec, env: [...spec.env] } };
    holder.send(order);
    await once(holder, 'message');
    const log = async (): Promise<string> =>
      text === '' ? '' : readFile(join(await podsFolder(), uid, 'logs', 'main.0.log'), 'utf8');
    await eventually('output', async () => (await log().catch(() => undefined))?.includes(text));
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    return uid;
  }

  async function adopt(): Promise<Sandbox> {
    runtime = await open();
    const [box] = await runtime.recover();
    assert.ok(box);
    return box;
  }

  it('a container goes on, logs and ends with its own code after kill -9 of its agent', async () => {
    await startAndKill(
      shell('n=0; while [ $n -lt 40 ]; do echo line $n; n=$((n+1)); sleep 0.02; done; exit 9'),
      'line 3',
    );
    const box = await adopt();
    const [container] = box.containers();
    assert.equal((await container?.exited)?.exitCode, 9);
    const lines = (await textOf(box.logs('main', allOfIt, never))).trim().split('\n');
    assert.deepEqual(
      lines,
      Array.from({ length: 40 }, (_, index) => `line ${index}`),
    );
  });

  it('the code of a container that ended while no agent was there is known', async () => {
    const uid = await startAndKill(shell('sleep 0.2; exit 6'));
    await eventually('it has ended', () => exists(uid, 'exit'));
    const box = await adopt();
    assert.equal((await box.containers()[0]?.exited)?.exitCode, 6);
  });

  it('after a reboot the number of another process is not taken for the container', async () => {
    await startAndKill(shell('sleep 600'));
    const path = await recordPath();
    const record = JSON.parse(await readFile(path, 'utf8')) as { shim: { pid: number } };
    const other = { ...record, shim: { pid: process.pid, born: 'another boot/1' } };
    await writeFile(path, JSON.stringify(other));
    const box = await adopt();
    assert.equal((await box.containers()[0]?.exited)?.exitCode, 137);
    assert.ok(!isRunning(record.shim.pid), 'the real one was found by its marker');
  });

  it('a process that was started without a record is killed', async () => {
    await startAndKill(shell('sleep 600'));
    const path = await recordPath();
    const record = JSON.parse(await readFile(path, 'utf8')) as { shim: { pid: number } };
    await rm(path);
    const box = await adopt();
    assert.deepEqual(box.containers(), []);
    assert.ok(!isRunning(record.shim.pid));
  });

  it('a folder that another runtime holds is refused', async () => {
    runtime = await open();
    await assert.rejects(open(), /another node agent runs them/);
  });

  it('pods of a folder that was removed leave nothing in the public one', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root');
    const others = await mkdtemp(join(tmpdir(), 'nought-public-'));
    await mkdir(join(others, 'aaa'));
    await writeFile(join(others, 'aaa', '.home'), join(folder, 'removed'));
    await mkdir(join(others, 'bbb'));
    await writeFile(join(others, 'bbb', '.home'), folder);
    runtime = await openProcessRuntime({
      folder,
      publicFolder: others,
      images: {},
      log: silentLog,
    });
    assert.ok(!(await readdir(others)).includes('aaa'));
    assert.ok((await readdir(others)).includes('bbb'));
    await runtime[Symbol.asyncDispose]();
    runtime = undefined;
    await rm(others, { recursive: true });
    return undefined;
  });

  async function podsFolder(): Promise<string> {
    const own = join(folder, 'pods');
    const found = await readdir(own).catch(() => []);
    if (found.some((name) => !name.startsWith('.'))) return own;
    return join(publicFolder, instanceOf(folder));
  }

  async function recordPath(): Promise<string> {
    const pods = await podsFolder();
    const uid = (await readdir(pods)).find((name) => !name.startsWith('.'));
    return join(pods, uid ?? '', 'containers', 'main', '0', 'state.json');
  }

  async function exists(uid: string, file: string): Promise<boolean> {
    const path = join(await podsFolder(), uid, 'containers', 'main', '0', file);
    return readFile(path).then(
      () => true,
      () => false,
    );
  }
});
