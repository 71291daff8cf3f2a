import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { InvocationObject } from '../src/api/index.ts';
import { eventually, functionManifest, type Platform, startPlatform } from './testing/platform.ts';

const finishedIn = ['--timeout=60s'];

async function deploy(platform: Platform, name: string, code: string, more = ''): Promise<void> {
  await platform.apply(functionManifest(name, 'node', code, more));
}

async function ready(platform: Platform, ...names: readonly string[]): Promise<void> {
  const functions = names.map((name) => `fn/${name}`);
  await platform.kubectl('wait', '--for=condition=Ready', ...functions, ...finishedIn);
}

/** Calls asynchronously; the path of the invocation once it was accepted. */
async function accept(
  platform: Platform,
  name: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await platform.call(name, body, {
    headers: { prefer: 'respond-async', ...headers },
  });
  assert.equal(answer.status, 202, await answer.text());
  return answer.headers.get('location') ?? '';
}

function at(platform: Platform, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${platform.gatewayUrl}${path}`, init);
}

function result(platform: Platform, path: string): Promise<Response> {
  return at(platform, `${path}/result`, { headers: { prefer: 'wait=60' } });
}

async function invocations(platform: Platform): Promise<readonly InvocationObject[]> {
  const list = await platform.kubectl('get', 'invocations', '-o', 'json');
  return (JSON.parse(list) as { readonly items: readonly InvocationObject[] }).items;
}

const echo = 'export default (input) => ({ echo: input });';
/** Answers only when it is told to stop. */
const endless = `export default (input, ctx) => new Promise((resolve) => {
  ctx.signal.addEventListener('abort', () => resolve('late'));
});`;

let platform: Platform;

before(async () => {
  platform = await startPlatform();
});

after(async () => {
  await platform[Symbol.asyncDispose]();
});

test('execute --async prints a name, result --wait the answer that execute would have printed', async () => {
  await deploy(platform, 'echo', echo);
  await ready(platform, 'echo');
  const executed = await platform.nought('execute', 'default/echo', '{"a":1}', '--async');
  assert.equal(executed.code, 0, executed.stderr);
  assert.match(executed.stdout, /^default\/echo-[a-z0-9]+\n$/);
  const name = executed.stdout.trim();
  const printed = await platform.nought('result', name, '--wait', '60s');
  assert.deepEqual(printed, { code: 0, stdout: '{"echo":{"a":1}}\n', stderr: '' });
  const whole = await platform.nought('result', name, '-i');
  assert.match(whole.stdout, /^HTTP\/1\.1 200 OK\n[^]*Content-Type: application\/json/i);
  const listed = await platform.nought('get', 'inv');
  assert.match(listed.stdout, /^NAME +FUNCTION +PHASE +ATTEMPTS +AGE\n/);
  assert.match(listed.stdout, /^echo-[a-z0-9]+ +echo +Succeeded +1 /m);
  await platform.kubectl(
    'wait',
    '--for=condition=Complete',
    `invocation/${name.split('/')[1]}`,
    ...finishedIn,
  );
});

test('a function at zero that refuses to be waited for is waited for by its asynchronous calls', async () => {
  await deploy(platform, 'shy', echo, '  coldStart: refuse\n  scaling: {idle: 1s}\n');
  await ready(platform, 'shy');
  await eventually('it is at zero', async () => {
    const check = (await (await at(platform, '/default/shy')).json()) as Record<string, unknown>;
    assert.equal(check['replicas'], 0);
  });
  const answer = await result(platform, await accept(platform, 'shy', { n: 1 }));
  assert.equal(await answer.text(), '{"echo":{"n":1}}');
});

test('a call that fails is repeated until it succeeds; execute fails, and result says so, when it never does', async () => {
  const code = `export default (input, { headers }) => {
  const attempt = Number(headers['x-nought-attempt']);
  if (attempt < input.from) throw new Error('not at attempt ' + attempt);
  return { attempt, key: headers['idempotency-key'] };
};`;
  await deploy(platform, 'later', code, '  async: {retries: 3, backoff: 20ms}\n');
  await ready(platform, 'later');
  const good = await result(platform, await accept(platform, 'later', { from: 3 }));
  const { attempt, key } = (await good.json()) as {
    readonly attempt: number;
    readonly key: string;
  };
  assert.equal(attempt, 3);
  assert.match(key, /^[0-9a-f-]{36}$/);
  const executed = await platform.nought('execute', 'later', '{"from":99}', '--async');
  const failed = await platform.nought('result', executed.stdout.trim(), '--wait', '1m');
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^execute failed: 500 .*not at attempt 4\n$/);
  const [, name = ''] = executed.stdout.trim().split('/');
  await platform.kubectl('wait', '--for=condition=Failed', `inv/${name}`, ...finishedIn);
  const described = await platform.nought('events', '--for', `invocation/${name}`);
  assert.match(described.stdout, /InvocationFailed .*Failed for good at attempt 4/);
});

test('what has failed for good reaches the dead letter once, with the original body and what went wrong', async () => {
  await deploy(platform, 'morgue', 'export default (input, { event }) => ({ input, event });');
  await deploy(
    platform,
    'doomed',
    "export default () => { throw new Error('never'); };",
    '  async: {retries: 1, backoff: 20ms, deadLetter: morgue}\n',
  );
  await ready(platform, 'morgue', 'doomed');
  const path = await accept(
    platform,
    'doomed',
    { order: 17 },
    { 'content-type': 'application/json' },
  );
  const name = path.split('/').at(-1);
  let letters: readonly InvocationObject[] = [];
  await eventually('the dead letter is carried out', async () => {
    letters = (await invocations(platform)).filter(
      ({ spec, status }) => spec.functionRef.name === 'morgue' && status?.phase === 'Succeeded',
    );
    assert.equal(letters.length, 1);
  });
  const body = Buffer.from(letters[0]?.status?.response?.body ?? '', 'base64').toString();
  const told = JSON.parse(body) as {
    readonly input: unknown;
    readonly event: Readonly<Record<string, unknown>>;
  };
  assert.deepEqual(told.input, { order: 17 });
  assert.equal(told.event['type'], 'dev.nought.invocation.failed');
  assert.equal(told.event['subject'], name);
  assert.equal(told.event['attempts'], '2');
  assert.equal(told.event['errordetail'], 'never');
});

test('cancel ends an invocation that runs: its call is broken off, and nothing is adopted afterwards', async () => {
  await deploy(
    platform,
    'endless',
    endless,
    '  timeout: 1h\n  scaling: {max: 1, hardConcurrency: 1}\n',
  );
  await ready(platform, 'endless');
  const running = await accept(platform, 'endless', {});
  const waiting = await accept(platform, 'endless', {});
  await eventually('one runs', async () => {
    const state = (await (await at(platform, running)).json()) as Record<string, unknown>;
    assert.equal(state['phase'], 'Running');
    const check = (await (await at(platform, '/default/endless')).json()) as Record<
      string,
      unknown
    >;
    assert.equal(check['inFlight'], 1);
  });
  const name = (path: string): string => path.split('/').slice(-2).join('/');
  const early = await platform.nought('result', name(running));
  assert.equal(early.code, 1);
  assert.match(early.stderr, /^No result yet: .* is Running \(1 attempt\); .*--wait/);
  // The one that has not begun goes first, or it would begin.
  for (const path of [waiting, running]) {
    const cancelled = await platform.nought('cancel', name(path));
    assert.equal(cancelled.code, 0, cancelled.stderr);
    assert.match(cancelled.stdout, /^invocation\.nought\.dev\/endless-[a-z0-9]+ cancelled\n$/);
  }
  await eventually('the function has no call any more', async () => {
    const check = (await (await at(platform, '/default/endless')).json()) as Record<
      string,
      unknown
    >;
    assert.equal(check['inFlight'], 0);
  });
  for (const path of [waiting, running]) {
    assert.equal((await result(platform, path)).status, 410);
    const late = await platform.nought('result', name(path));
    assert.match(late.stderr, /^execute failed: 410 /);
  }
  const states = (await invocations(platform)).filter(
    ({ spec }) => spec.functionRef.name === 'endless',
  );
  assert.deepEqual(states.map(({ status }) => `${status?.phase} ${status?.attempts}`).toSorted(), [
    'Cancelled 0',
    'Cancelled 1',
  ]);
});

test('a result is read byte for byte, and is gone after the retention', async () => {
  const code = `export default { fetch: async (request) => new Response(await request.arrayBuffer(), {
  status: 203, headers: { 'content-type': 'application/x-mine', 'x-path': new URL(request.url).pathname },
}) };`;
  await deploy(platform, 'bytes', code, '  signature: fetch\n  async: {retention: 2s}\n');
  await ready(platform, 'bytes');
  const bytes = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 7) % 256));
  const answer = await at(platform, '/default/bytes/a/b', {
    method: 'PUT',
    body: bytes,
    headers: { prefer: 'respond-async', 'content-type': 'application/octet-stream' },
  });
  const path = answer.headers.get('location') ?? '';
  const kept = await result(platform, path);
  assert.equal(kept.status, 203);
  assert.equal(kept.headers.get('content-type'), 'application/x-mine');
  assert.equal(kept.headers.get('x-path'), '/a/b');
  assert.deepEqual(Buffer.from(await kept.arrayBuffer()), bytes);
  await eventually('it is gone', async () => assert.equal((await at(platform, path)).status, 404));
});

test('a Python function is called asynchronously too', async () => {
  const code = 'def handler(event, ctx=None):\n    return event["x"] * 2';
  await platform.apply(functionManifest('snake', 'python', code));
  await ready(platform, 'snake');
  const answer = await result(platform, await accept(platform, 'snake', { x: 21 }));
  assert.equal((await answer.text()).trim(), '42');
});

test('wrong words are told with the usage line before anything is sent', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['result'], /^Missing the invocation: expected NS\/NAME\nUsage: nought result /],
    [['result', 'a/b/c'], /^Cannot read "a\/b\/c"/],
    [['result', 'a', '--wait', 'soon'], /^Cannot use --wait "soon"/],
    [['cancel'], /^Missing the invocation/],
    [['cancel', 'a', 'b'], /^Unexpected argument "b"/],
  ];
  for (const [args, words] of cases) {
    const { code, stderr } = await platform.nought(...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, words);
  }
  const unknown = await platform.nought('cancel', 'default/nobody');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^cancel failed: 404 No such invocation: /);
});

test('a call is accepted through a restart of the control plane', async () => {
  const victim = platform.processId('control-plane');
  process.kill(victim, 'SIGKILL');
  const answer = await result(platform, await accept(platform, 'echo', { through: true }));
  assert.equal(await answer.text(), '{"echo":{"through":true}}');
});

test('kill -9 of everything right after the 202s loses none: each is done at least once, its result adopted once', async () => {
  const slow = `export default async (input, { headers }) => {
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { n: input.n, attempt: headers['x-nought-attempt'] };
};`;
  await deploy(platform, 'slow', slow, '  scaling: {max: 2, hardConcurrency: 2}\n');
  await ready(platform, 'slow');
  const paths = await Promise.all(
    Array.from({ length: 40 }, (_, n) => accept(platform, 'slow', { n })),
  );
  await platform.crash();
  await platform.start();
  for (const [n, path] of paths.entries()) {
    const answer = await result(platform, path);
    assert.equal(answer.status, 200);
    // What was cut off is made again under its number.
    assert.deepEqual(await answer.json(), { n, attempt: '1' });
  }
  const mine = (await invocations(platform)).filter(({ spec }) => spec.functionRef.name === 'slow');
  assert.equal(mine.length, paths.length);
  for (const { status } of mine) {
    assert.deepEqual(
      status?.conditions?.map(({ type }) => type),
      ['Complete'],
    );
  }
});
