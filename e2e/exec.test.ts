import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findTool } from '../src/lib/testing/kubectl.ts';
import { eventually, newPlatform, type Platform } from './testing/platform.ts';

const pods = `apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  containers:
    - {name: main, image: none, command: [sh, -c, "echo up; sleep 600"], env: [{name: WHO, value: me}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, annotations: {kubectl.kubernetes.io/default-container: side}}
spec:
  restartPolicy: Never
  containers:
    - {name: main, image: none, command: [sh, -c, exit 0]}
    - {name: side, image: none, command: [sleep, "600"], env: [{name: WHO, value: side}]}
`;

/** Of util-linux: gives kubectl a terminal. */
const script = '/usr/bin/script';

const served = `apiVersion: nought.dev/v1
kind: Function
metadata: {name: greet}
spec:
  runtime: node
  source:
    inline: |
      export default (input) => ({ hello: input.who, long: 'x'.repeat(input.size ?? 0) });
  scaling: {min: 1}
`;

let platform: Platform;
let kubectl: string;
let folder: string;

before(async () => {
  kubectl = (await findTool('kubectl')) ?? 'kubectl';
  folder = await mkdtemp(join(tmpdir(), 'nought-exec-e2e-'));
  platform = await newPlatform();
  await platform.start();
  await platform.apply(pods);
  await platform.kubectl('wait', '--for=condition=Ready', 'pod/one', '--timeout=20s');
  await eventually('main of two has ended', async () => {
    const path = '{.status.containerStatuses[?(@.name=="main")].state.terminated.exitCode}';
    assert.equal(await platform.kubectl('get', 'pod', 'two', '-o', `jsonpath=${path}`), '0');
  });
});

after(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: folder,
  KUBECONFIG: platform.endpoints.kubeconfig,
});

/** kubectl with bytes on its standard input. */
async function piped(args: readonly string[], input: Uint8Array): Promise<Buffer> {
  const child = spawn(kubectl, args, { env: environment(), stdio: ['pipe', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0);
  return Buffer.concat(parts);
}

test('kubectl exec runs a command in the container: output, errors and exit code apart', async () => {
  const ran = await platform.tryKubectl(
    'exec',
    'one',
    '--',
    'sh',
    '-c',
    'echo $WHO; echo no >&2; exit 3',
  );
  assert.deepEqual(ran, {
    code: 3,
    stdout: 'me\n',
    stderr: 'no\ncommand terminated with exit code 3\n',
  });
  assert.equal(await platform.kubectl('exec', 'one', '--', 'echo', 'a "b"  $c'), 'a "b"  $c\n');
});

test('kubectl exec -i hands over what comes, byte for byte, and its end', async () => {
  const bytes = Buffer.alloc(3_000_000, 'The quick brown fox \0\xff');
  assert.ok((await piped(['exec', '-i', 'one', '--', 'cat'], bytes)).equals(bytes));
  // What is not taken holds nothing up.
  assert.equal(String(await piped(['exec', '-i', 'one', '--', 'echo', 'done'], bytes)), 'done\n');
});

test('kubectl exec names what is wrong: container, command, ended container', async () => {
  const tried = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await platform.tryKubectl('exec', ...args);
    assert.equal(code, 1, stderr);
    return stderr;
  };
  assert.match(
    await tried('one', '--', 'no-such-program'),
    /no-such-program": executable file not found in \$PATH/,
  );
  assert.match(
    await tried('one', '-c', 'other', '--', 'true'),
    /container other (is not valid|not found)/,
  );
  assert.match(await tried('two', '-c', 'main', '--', 'true'), /container not found \("main"\)/);
  assert.match(await tried('nobody', '--', 'true'), /pods "nobody" not found/);
});

test('kubectl exec takes the default container of a pod', async () => {
  assert.equal(await platform.kubectl('exec', 'two', '--', 'sh', '-c', 'echo $WHO'), 'side\n');
});

test('a command ends when kubectl goes', async () => {
  const mark = join(folder, 'pid');
  const text = 'echo $$; exec sleep 654';
  const child = spawn(kubectl, ['exec', 'one', '--', 'sh', '-c', text], { env: environment() });
  let pid = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (pid += part));
  await eventually('the command runs', () => assert.match(pid, /\n$/));
  await writeFile(mark, pid);
  assert.match(readFileSync(`/proc/${pid.trim()}/cmdline`, 'utf8'), /sleep/);
  child.kill('SIGKILL');
  await once(child, 'close');
  await eventually('the command has ended', () => assert.ok(!existsSync(`/proc/${pid.trim()}`)));
});

test('kubectl exec -it gives a terminal', { skip: !existsSync(script) }, async () => {
  const line = `stty rows 31 cols 97; ${kubectl} exec -it one -- sh -c 'read a; stty size; echo "<$a>"; exit 4'`;
  const child = spawn(script, ['-qec', line, '/dev/null'], {
    env: { ...environment(), SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  child.stdin.write('typed\n');
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 4, text);
  assert.match(text, /31 97\r\n<typed>\r\n/);
});

test('kubectl cp copies a file in and out', async () => {
  const from = join(folder, 'from.bin');
  const back = join(folder, 'back.bin');
  const content = Buffer.alloc(500_000, 'content ');
  await writeFile(from, content);
  const home = (await platform.kubectl('exec', 'one', '--', 'sh', '-c', 'echo $HOME')).trim();
  await platform.kubectl('cp', from, `one:${home}/in.bin`);
  await platform.kubectl('cp', `one:${home}/in.bin`, back);
  assert.ok((await readFile(back)).equals(content));
});

/** kubectl port-forward to a target, and the local address that it has taken. */
async function forwarding(
  target: string,
  env: NodeJS.ProcessEnv = {},
): Promise<AsyncDisposable & { readonly url: string; readonly errors: () => string }> {
  const args = ['port-forward', target, ':8080'];
  const child = spawn(kubectl, args, { env: { ...environment(), ...env } });
  let text = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (errors += part));
  await eventually('it forwards', () => assert.match(text, /127\.0\.0\.1:\d+ -> /, errors));
  return {
    url: `http://127.0.0.1:${/127\.0\.0\.1:(\d+)/.exec(text)?.[1]}`,
    errors: () => errors,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

test('kubectl port-forward reaches the port of a pod, many times at once', async () => {
  await platform.apply(served);
  await platform.kubectl('wait', '--for=condition=Ready', 'function/greet', '--timeout=20s');
  const pod = await platform.kubectl(
    'get',
    'pods',
    '-l',
    'nought.dev/function=greet',
    '-o',
    'name',
  );
  const replicaSet = await platform.kubectl(
    'get',
    'rs',
    '-l',
    'nought.dev/function=greet',
    '-o',
    'name',
  );
  const ways = [
    { target: pod.trim() },
    { target: `rs/${replicaSet.trim().split('/').at(-1) ?? ''}` },
    { target: pod.trim(), env: { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' } },
  ];
  for (const { target, env } of ways) {
    await using forward = await forwarding(target, env);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, who) => {
        const body = JSON.stringify({ who, size: 300_000 });
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(forward.url, { method: 'POST', body, headers });
        return (await answer.json()) as { readonly hello: number; readonly long: string };
      }),
    );
    assert.deepEqual(
      answers.map(({ hello, long }) => [hello, long.length]),
      Array.from({ length: 20 }, (_, who) => [who, 300_000]),
    );
  }
});

test('kubectl port-forward tells why a port cannot be reached', async () => {
  await using forward = await forwarding('pod/one');
  await assert.rejects(fetch(forward.url));
  await eventually('it says so', () => assert.match(forward.errors(), /connection refused/));
});

test('nought exec runs commands as kubectl does', async () => {
  const { code, stdout, stderr } = await platform.nought(
    'exec',
    'one',
    '--',
    'sh',
    '-c',
    'echo $WHO; echo no >&2; exit 3',
  );
  assert.deepEqual(
    [code, stdout, stderr],
    [3, 'me\n', 'no\ncommand terminated with exit code 3\n'],
  );
  assert.equal(
    (await platform.nought('exec', 'two', '--', 'sh', '-c', 'echo $WHO')).stdout,
    'side\n',
  );
  const missing = await platform.nought('exec', 'one', '--', 'no-such-program');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /no-such-program": executable file not found in \$PATH/);
  const ended = await platform.nought('exec', 'two', '-c', 'main', '--', 'true');
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /container not found \("main"\)/);
  assert.equal((await platform.nought('exec', 'one', 'ls')).code, 2);
});

test('nought exec -i hands over standard input and its end', async () => {
  const launcher = fileURLToPath(new URL('../bin/nought', import.meta.url));
  const child = spawn(launcher, ['exec', '-i', 'one', '--', 'cat'], {
    env: { ...environment(), NOUGHT_HOME: platform.home },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const bytes = Buffer.alloc(1_000_000, 'input \xff');
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stdin.end(bytes);
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0);
  assert.ok(Buffer.concat(parts).equals(bytes));
});

test('kubectl exec falls back to SPDY', async () => {
  const env = { ...environment(), KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' };
  const run = async (args: readonly string[], input: Uint8Array) => {
    const child = spawn(kubectl, args, { env, stdio: 'pipe' });
    const parts: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
    child.stdin.on('error', () => undefined).end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout: Buffer.concat(parts), stderr };
  };
  const none = Buffer.alloc(0);
  const ran = await run(['exec', 'one', '--', 'sh', '-c', 'echo $WHO; echo no >&2; exit 3'], none);
  assert.deepEqual(
    [ran.code, String(ran.stdout), ran.stderr],
    [3, 'me\n', 'no\ncommand terminated with exit code 3\n'],
  );
  const bytes = Buffer.alloc(2_000_000, 'over SPDY \0\xff');
  const fed = await run(['exec', '-i', 'one', '--', 'cat'], bytes);
  assert.equal(fed.code, 0, fed.stderr);
  assert.ok(fed.stdout.equals(bytes));
  assert.equal((await run(['exec', '-i', 'one', '--', 'echo', 'done'], bytes)).code, 0);
  const told = await run(['-v=6', 'exec', 'one', '--', 'true'], none);
  assert.match(told.stderr, /POST.*\/exec\?/);
  const missing = await run(['exec', 'one', '--', 'no-such-program'], none);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /no-such-program": executable file not found in \$PATH/);
});

test('kubectl logs --previous shows the run before the present one', async () => {
  await platform.apply(`apiVersion: v1
kind: Pod
metadata: {name: again}
spec:
  volumes: [{name: data, emptyDir: {}}]
  containers:
    - name: main
      image: none
      command: [sh, -c, 'if [ -e $DATA/ran ]; then echo second; sleep 600; fi; touch $DATA/ran; echo first; exit 1']
      env: [{name: DATA, value: /data}]
      volumeMounts: [{name: data, mountPath: /data}]
`);
  await eventually('it runs again', async () => {
    assert.equal(await platform.kubectl('logs', 'again'), 'second\n');
  });
  assert.equal(await platform.kubectl('logs', 'again', '--previous'), 'first\n');
});
