import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ContainerSpec, LogOptions, Runtime, Sandbox } from './runtime.ts';
import { StartError } from './runtime.ts';
import { eventually, isRunning } from './testing/eventually.ts';

export interface RuntimeUnderTest {
  readonly name: string;
  /** Opens a runtime on a folder; a second one on the same folder finds what the first left. */
  open(folder: string): Promise<Runtime>;
  /** An image that has /bin/sh. */
  readonly image: string;
}

export const allOfIt: LogOptions = {
  previous: false,
  follow: false,
  timestamps: false,
  tailLines: undefined,
  since: undefined,
  limitBytes: undefined,
};

/** A container that runs a shell script. */
export function shell(script: string, more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: 'main',
    attempt: 0,
    image: 'shell',
    command: ['/bin/sh', '-c', script],
    args: [],
    env: new Map(),
    workingDir: undefined,
    mounts: [],
    ports: [],
    memoryBytes: undefined,
    milliCpu: undefined,
    hostname: 'pod',
    terminationMessagePath: '/dev/termination-log',
    messageFromLogs: false,
    ...more,
  };
}

export async function textOf(chunks: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  assert.ok(chunks, 'there is a log');
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

const never = new AbortController().signal;

/** What every runtime must do; run by each implementation with itself. */
export function runtimeContract(under: RuntimeUnderTest): void {
  describe(`${under.name} runtime`, () => {
    let folder: string;
    let runtime: Runtime;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nought-runtime-'));
      runtime = await under.open(folder);
      assert.deepEqual(await runtime.recover(), []);
    });
    after(async () => {
      // A test that failed may have left something: a runtime opened anew finds it.
      for (const box of await reopened()) await box.remove();
      await runtime[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    async function sandbox(): Promise<Sandbox> {
      const pod = { uid: randomUUID(), namespace: 'default', name: 'pod' };
      return runtime.openSandbox({ pod, ports: [], images: [under.image] });
    }
    async function isUp(box: Sandbox): Promise<void> {
      const read = (): Promise<string> => textOf(box.logs('main', allOfIt, never));
      await eventually('it has written something', async () => (await read()) !== '');
    }
    const script = (text: string, more: Partial<ContainerSpec> = {}): ContainerSpec =>
      shell(text, { image: under.image, ...more });

    it('start() runs the command and exited tells code, reason and times', async () => {
      const box = await sandbox();
      const earliest = Date.now();
      const container = await box.start(script('exit 3'), never);
      const exit = await container.exited;
      assert.equal(exit.exitCode, 3);
      assert.equal(exit.reason, 'Error');
      assert.ok(container.startedAt >= earliest && exit.finishedAt >= earliest);
      assert.equal(container.exit(), exit);
      const good = await box.start(script('true', { name: 'good' }), never);
      assert.equal((await good.exited).reason, 'Completed');
      await box.remove();
    });

    it('usage() counts CPU time and memory of a container and its children until it has ended', async () => {
      const box = await sandbox();
      const container = await box.start(
        script('(i=0; while :; do i=$((i+1)); done) & echo up; wait'),
        never,
      );
      await isUp(box);
      const first = await container.usage();
      assert.ok(first !== undefined && first.workingSetBytes > 0);
      await eventually('it has used 50 ms more', async () => {
        const later = await container.usage();
        return later !== undefined && later.cpuNanos - first.cpuNanos >= 50_000_000;
      });
      await container.stop(0);
      assert.equal(await container.usage(), undefined);
      await box.remove();
    });

    it('start() hands over environment, arguments and nothing of its own environment', async () => {
      process.env['NOUGHT_TEST_SECRET'] = 'leaked';
      const box = await sandbox();
      const container = await box.start(
        script('echo "$GREETING/$1/$NOUGHT_TEST_SECRET/$HOSTNAME"', {
          env: new Map([['GREETING', 'hello  world']]),
          args: ['sh', 'a "b" $c'],
        }),
        never,
      );
      await container.exited;
      const text = await textOf(box.logs('main', allOfIt, never));
      assert.equal(text, 'hello  world/a "b" $c//pod\n');
      const odd = await box.start(
        script('', { name: 'odd', command: ['env'], env: new Map([['odd.name', '1']]) }),
        never,
      );
      await odd.exited;
      assert.match(await textOf(box.logs('odd', allOfIt, never)), /^odd.name=1$/m);
      await box.remove();
    });

    it('mounts are found under their mount path in arguments and environment', async () => {
      const box = await sandbox();
      const data = join(box.volumesFolder, 'data');
      const scratch = join(box.volumesFolder, 'scratch');
      await Promise.all([mkdir(data, { mode: 0o755 }), mkdir(scratch)]);
      await writeFile(join(data, 'in.txt'), 'input\n', { mode: 0o644 });
      await chmod(scratch, 0o777);
      const container = await box.start(
        script('cat "$1"; echo "$2" > "$OUT/file"; cat "$OUT/file"', {
          args: ['sh', '/data/in.txt', '/database'],
          env: new Map([['OUT', '/scratch']]),
          mounts: [
            { mountPath: '/data', hostPath: data, readOnly: true },
            { mountPath: '/scratch', hostPath: scratch, readOnly: false },
          ],
        }),
        never,
      );
      assert.equal((await container.exited).exitCode, 0);
      assert.equal(await textOf(box.logs('main', allOfIt, never)), 'input\n/database\n');
      await box.remove();
    });

    it('stop() sends SIGTERM and lets the container end by itself', async () => {
      const box = await sandbox();
      const container = await box.start(
        script('trap "echo bye; exit 7" TERM; echo up; while :; do :; done'),
        never,
      );
      await isUp(box);
      const exit = await container.stop(10_000);
      assert.equal(exit.exitCode, 7);
      assert.equal(await textOf(box.logs('main', allOfIt, never)), 'up\nbye\n');
      await box.remove();
    });

    it('stop() kills at the end of the grace, and a shorter grace wins', async () => {
      const box = await sandbox();
      const container = await box.start(
        script('trap "" TERM; echo up; while :; do sleep 0.05; done'),
        never,
      );
      await isUp(box);
      const slow = container.stop(60_000);
      const exit = await container.stop(50);
      assert.equal(exit.exitCode, 137);
      assert.equal(await slow, exit);
      await box.remove();
    });

    it('nothing is left of a container: children, other sessions, orphans', async () => {
      const box = await sandbox();
      const container = await box.start(
        script(
          'sleep 600 & echo $!; setsid sh -c "sleep 601 & echo \\$!; wait" & sleep 0.3; exit 0',
        ),
        never,
      );
      await container.exited;
      const pids = (await textOf(box.logs('main', allOfIt, never))).trim().split('\n').map(Number);
      assert.equal(pids.length, 2);
      assert.deepEqual(pids.filter(isRunning), []);
      await box.remove();
    });

    it('the termination message comes from its file, or from the log when asked', async () => {
      const box = await sandbox();
      const file = await box.start(
        script('echo "because" > "$TLOG"; echo noise; exit 1', {
          env: new Map([['TLOG', '/dev/termination-log']]),
          messageFromLogs: true,
        }),
        never,
      );
      assert.equal((await file.exited).message, 'because\n');
      const log = await box.start(
        script('echo last words; exit 1', { name: 'log', messageFromLogs: true }),
        never,
      );
      assert.equal((await log.exited).message, 'last words\n');
      await box.remove();
    });

    it('logs() gives streams in order, tails, times, limits, the previous start', async () => {
      const box = await sandbox();
      const first = await box.start(script('echo one; echo two >&2; printf three'), never);
      await first.exited;
      const read = (more: Partial<LogOptions>): Promise<string> =>
        textOf(box.logs('main', { ...allOfIt, ...more }, never));
      const all = await read({});
      assert.deepEqual(all.split('\n').toSorted(), ['one', 'three', 'two']);
      assert.equal((await read({ tailLines: 1 })).split('\n').filter(Boolean).length, 1);
      assert.equal(await read({ tailLines: 0 }), '');
      assert.equal((await read({ limitBytes: 4 })).length, 4);
      assert.equal(await read({ since: Date.now() + 60_000 }), '');
      assert.match(await read({ timestamps: true }), /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z \w+/);
      assert.equal(box.logs('main', { ...allOfIt, previous: true }, never), undefined);
      const second = await box.start(script('echo again', { attempt: 1 }), never);
      await second.exited;
      assert.equal(await read({}), 'again\n');
      assert.equal(await read({ previous: true }), all);
      assert.equal(box.logs('other', allOfIt, never), undefined);
      await box.remove();
    });

    it('logs() follows until the container has ended', async () => {
      const box = await sandbox();
      const container = await box.start(
        script('echo a; sleep 0.2; echo b; sleep 0.2; printf c'),
        never,
      );
      const text = await textOf(box.logs('main', { ...allOfIt, follow: true }, never));
      assert.equal(text, 'a\nb\nc');
      assert.equal((await container.exited).exitCode, 0);
      await box.remove();
    });

    it('a program that does not exist is a StartError that names it', async () => {
      const box = await sandbox();
      await assert.rejects(
        box.start(script('', { command: ['no-such-program'] }), never),
        (error) => error instanceof StartError && error.message.includes('no-such-program'),
      );
      await box.remove();
    });

    it('sandboxes have addresses of their own on which containers can be reached', async () => {
      const [a, b] = await Promise.all([sandbox(), sandbox()]);
      assert.notEqual(a.address, b.address);
      await Promise.all([a.remove(), b.remove()]);
    });

    it('recover() finds containers again: running, ended meanwhile, and their logs', async () => {
      const box = await sandbox();
      const main = await box.start(
        script('trap "echo second; exit 5" TERM; echo first; while :; do :; done'),
        never,
      );
      await box.start(script('sleep 0.2; exit 4', { name: 'short' }), never);
      await isUp(box);
      await runtime[Symbol.asyncDispose]();
      runtime = await under.open(folder);
      const found = (await runtime.recover()).find((each) => each.pod.uid === box.pod.uid);
      assert.ok(found);
      assert.equal(found.address, box.address);
      const adopted = found.containers().find((each) => each.name === 'main');
      assert.equal(adopted?.id, main.id);
      assert.equal(adopted.exit(), undefined);
      const short = found.containers().find((each) => each.name === 'short');
      assert.equal((await short?.exited)?.exitCode, 4);
      assert.equal((await adopted.stop(10_000)).exitCode, 5);
      assert.equal(await textOf(found.logs('main', allOfIt, never)), 'first\nsecond\n');
      await found.remove();
      assert.deepEqual(await reopened(), []);
    });

    async function reopened(): Promise<readonly Sandbox[]> {
      await runtime[Symbol.asyncDispose]();
      runtime = await under.open(folder);
      return runtime.recover();
    }
  });
}
