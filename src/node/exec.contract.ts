import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ContainerSpec, Runtime, RuntimeContainer, Sandbox } from './runtime.ts';
import { StartError } from './runtime.ts';
import { allOfIt, type RuntimeUnderTest, shell, textOf } from './runtime.contract.ts';
import { eventually, isRunning } from './testing/eventually.ts';

const never = new AbortController().signal;

/** What every runtime must do with more commands in a container. */
export function execContract(under: RuntimeUnderTest): void {
  describe(`exec() of the ${under.name} runtime`, () => {
    let folder: string;
    let runtime: Runtime;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nought-exec-'));
      runtime = await under.open(folder);
      await runtime.recover();
    });
    after(async () => {
      for (const box of await reopened()) await box.remove();
      await runtime[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    async function sandbox(): Promise<Sandbox> {
      const pod = { uid: randomUUID(), namespace: 'default', name: 'pod' };
      return runtime.openSandbox({ pod, ports: [], images: [under.image] });
    }
    async function isUp(box: Sandbox): Promise<void> {
      await eventually(
        'it has written something',
        async () => (await textOf(box.logs('main', allOfIt, never))) !== '',
      );
    }
    const script = (text: string, more: Partial<ContainerSpec> = {}): ContainerSpec =>
      shell(text, { image: under.image, ...more });

    it('runs a command beside the container, with its environment and mounts', async () => {
      const box = await sandbox();
      const data = join(box.volumesFolder, 'data');
      await mkdir(data, { mode: 0o755 });
      await writeFile(join(data, 'in.txt'), 'input\n', { mode: 0o644 });
      const container = await box.start(
        script('echo up; id -u; sleep 600', {
          env: new Map([['GREETING', 'hello']]),
          mounts: [{ mountPath: '/data', hostPath: data, readOnly: true }],
        }),
        never,
      );
      await isUp(box);
      const ran = await run(
        container,
        'echo "$GREETING"; cat "$1"; id -u; echo oops >&2; cat; exit 5',
        { args: ['sh', '/data/in.txt'] },
      );
      const [, user = ''] = (await textOf(box.logs('main', allOfIt, never))).split('\n');
      const said = { stdout: `hello\ninput\n${user}\n`, stderr: 'oops\n', exitCode: 5 };
      assert.deepEqual(ran, said);
      const fed = await run(container, 'read -r a; echo "got $a"; cat', { input: 'one\ntwo' });
      assert.equal(fed.stdout, 'got one\ntwo');
      assert.equal((await run(container, 'kill -9 $$')).exitCode, 137);
      await assert.rejects(
        container.exec({ command: ['no-such-program'], stdin: false, terminal: false }, never),
        (error) => error instanceof StartError && error.message.includes('no-such-program'),
      );
      assert.equal(container.exit(), undefined);
      await container.stop(0);
      await assert.rejects(
        container.exec({ command: ['true'], stdin: false, terminal: false }, never),
        StartError,
      );
      await box.remove();
    });

    it('takes all that it started with it: at its end, its abort, the container’s end', async () => {
      const box = await sandbox();
      const container = await box.start(script('echo up; sleep 600'), never);
      await isUp(box);
      const tree = 'sleep 602 & echo $!; setsid sleep 603 & echo $!;';
      const pidsOf = (text: string): readonly number[] => text.trim().split('\n').map(Number);
      const ended = await run(container, tree);
      assert.equal(pidsOf(ended.stdout).length, 2);
      assert.deepEqual(pidsOf(ended.stdout).filter(isRunning), []);
      const command = ['/bin/sh', '-c', `${tree} wait`];
      for (const end of ['abort', 'stop'] as const) {
        const gone = new AbortController();
        const exec = await container.exec({ command, stdin: true, terminal: false }, gone.signal);
        let text = '';
        exec.stdout.on('data', (chunk) => (text += String(chunk)));
        exec.stderr.resume();
        await eventually('both have started', () => text.split('\n').length === 3);
        if (end === 'abort') gone.abort();
        else await container.stop(0);
        assert.equal((await exec.exited).exitCode, 137);
        assert.deepEqual(pidsOf(text).filter(isRunning), []);
      }
      await box.remove();
    });

    it('with a terminal: one screen, sizes, keys, exit code', async () => {
      const box = await sandbox();
      const container = await box.start(script('echo up; sleep 600'), never);
      await isUp(box);
      const command = [
        '/bin/sh',
        '-c',
        'tty -s && echo tty; read -r a; stty size; echo $a >&2; exit 6',
      ];
      const exec = await container.exec({ command, stdin: true, terminal: true }, never);
      let text = '';
      exec.stdout.on('data', (chunk) => (text += String(chunk)));
      exec.stderr.resume();
      await eventually('it has started', () => text.includes('tty'));
      exec.resize({ rows: 33, columns: 111 });
      exec.resize({ rows: 44, columns: 99 });
      exec.stdin?.write('key\n');
      assert.equal((await exec.exited).exitCode, 6);
      await eventually('all has come', () => text.endsWith('key\r\n'));
      assert.match(text, /^tty\r\nkey\r\n44 99\r\nkey\r\n$/);
      await box.remove();
    });

    it('works in a container that recover() found', async () => {
      const box = await sandbox();
      await box.start(script('echo up; sleep 600', { env: new Map([['WHO', 'me']]) }), never);
      await isUp(box);
      const found = (await reopened()).find((each) => each.pod.uid === box.pod.uid);
      const [container] = found?.containers() ?? [];
      assert.ok(container);
      assert.equal((await run(container, 'echo $WHO')).stdout, 'me\n');
      await found?.remove();
    });

    async function reopened(): Promise<readonly Sandbox[]> {
      await runtime[Symbol.asyncDispose]();
      runtime = await under.open(folder);
      return runtime.recover();
    }
  });
}

async function run(
  container: RuntimeContainer,
  text: string,
  { args = [], input }: { readonly args?: readonly string[]; readonly input?: string } = {},
): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  const stdin = input !== undefined;
  const command = ['/bin/sh', '-c', text, ...args];
  const exec = await container.exec({ command, stdin, terminal: false }, never);
  exec.stdin?.end(input);
  const [stdout, stderr, { exitCode }] = await Promise.all([
    textOf(exec.stdout),
    textOf(exec.stderr),
    exec.exited,
  ]);
  return { stdout, stderr, exitCode };
}
