import assert from 'node:assert/strict';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findTool, runTool } from '../src/lib/testing/kubectl.ts';
import { eventually, functionManifest, type Platform, startPlatform } from './testing/platform.ts';

const bin = fileURLToPath(new URL('../bin', import.meta.url));
const examples = fileURLToPath(new URL('../examples', import.meta.url));

describe('the first call', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform[Symbol.asyncDispose]());

  test('up prints one line per endpoint and writes endpoints.json', async () => {
    const { endpoints } = platform;
    // The file can be seen before what came through the pipe has been read.
    await eventually('the lines have come', () => {
      assert.match(platform.output, new RegExp(`^API server +${endpoints.apiServer}$`, 'm'));
      assert.match(platform.output, new RegExp(`^gateway +${endpoints.gateway}$`, 'm'));
    });
    assert.equal(endpoints.gateway, platform.gatewayUrl);
    assert.ok(existsSync(endpoints.kubeconfig));
  });

  test('the examples are applied by kubectl and become ready', async () => {
    const applied = await platform.kubectl('apply', '-f', examples);
    assert.match(applied, /^function\.nought\.dev\/diff created$/m);
    await platform.kubectl('wait', '--for=condition=Ready', 'functions', '--all', '--timeout=60s');
    const table = await platform.kubectl('get', 'functions');
    assert.match(table, /^NAME +RUNTIME +READY +REPLICAS +AGE$/m);
    assert.match(table, /^diff +node +True +1 /m);
  });

  for (const [name, input, output] of [
    ['diff', { x: 1, y: 2 }, '{"x":-1,"y":1}'],
    ['greet', { name: 'Ada' }, '{"greeting":"Hello, Ada!"}'],
    ['total', { prices: [3, 4.5] }, '{"total":7.5}'],
    ['legacy', { x: 1, y: 2 }, '{"x":-1,"y":1}'],
  ] as const) {
    test(`${name} answers over HTTP and through nought execute`, async () => {
      const answer = await platform.call(name, input);
      assert.equal(answer.status, 200);
      assert.equal(await answer.text(), output);
      const executed = await platform.nought('execute', `default/${name}`, JSON.stringify(input));
      assert.deepEqual(executed, { code: 0, stdout: `${output}\n`, stderr: '' });
    });
  }

  test('kubectl execute calls a function through the plugin', async () => {
    const kubectl = await findTool('kubectl');
    assert.ok(kubectl !== undefined);
    // kubectl finds plugins in PATH, and this one its Node through the folder that it stands in.
    const plugins = join(platform.home, 'plugins');
    symlinkSync(bin, plugins);
    const path = `${plugins}:${process.env['PATH'] ?? ''}`;
    const { code, stdout, stderr } = await runTool(
      'env',
      [
        `PATH=${path}`,
        `NOUGHT_HOME=${platform.home}`,
        kubectl,
        'execute',
        'default/diff',
        '{"x":1,"y":2}',
      ],
      { kubeconfig: platform.endpoints.kubeconfig, home: platform.home },
    );
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '{"x":-1,"y":1}\n', stderr: '' });
  });

  test('a check tells the state and does not count as a call', async () => {
    const url = `${platform.gatewayUrl}/default/diff`;
    const first = (await (await fetch(url)).json()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(first).toSorted(), [
      'inFlight',
      'lastInvoked',
      'name',
      'namespace',
      'ready',
      'readyReplicas',
      'replicas',
      'revision',
    ]);
    assert.equal(
      ((await (await fetch(url)).json()) as Record<string, unknown>)['lastInvoked'],
      first['lastInvoked'],
    );
  });

  test("a function's logs are read with kubectl, followed to the end of its pod", async () => {
    await platform.apply(
      functionManifest(
        'talk',
        'node',
        'export default ({ word }) => { console.log("said", word); return word; };',
      ),
    );
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/talk', '--timeout=30s');
    await (await platform.call('talk', { word: 'one' })).text();
    const pod = (
      await platform.kubectl('get', 'pods', '-l', 'nought.dev/function=talk', '-o', 'name')
    ).trim();
    await eventually('the line is in the log', async () => {
      assert.equal(await platform.kubectl('logs', pod), 'said one\n');
    });
    assert.match(
      await platform.kubectl('logs', pod, '--timestamps', '--tail=1'),
      /^\d{4}-\d\d-\d\dT[\d:.]+Z said one\n$/,
    );
    const following = platform.kubectl('logs', '-f', pod);
    await platform.kubectl('delete', 'fn/talk');
    assert.match(await following, /^said one\n/);
  });
});

describe('zero and back', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform('--warm-pool', 'off');
  });
  after(() => platform[Symbol.asyncDispose]());

  const goesToZero = (name: string): Promise<void> =>
    eventually(`${name} is at zero and no process of it is left`, async () => {
      const sets = JSON.parse(
        await platform.kubectl('get', 'rs', '-l', `nought.dev/function=${name}`, '-o', 'json'),
      ) as {
        readonly items: readonly { readonly spec: { readonly replicas: number } }[];
      };
      assert.deepEqual(
        sets.items.map(({ spec }) => spec.replicas),
        [0],
      );
      assert.equal(platform.podProcesses().length, 0);
    });

  test('an idle function goes to zero; a call is held and answered, again and again', async () => {
    await platform.apply(
      functionManifest(
        'nap',
        'node',
        'export default (input) => input;',
        '  scaling: {idle: 1s}\n',
      ),
    );
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/nap', '--timeout=30s');
    for (const round of [1, 2]) {
      await goesToZero('nap');
      const check = (await (await fetch(`${platform.gatewayUrl}/default/nap`)).json()) as Record<
        string,
        unknown
      >;
      assert.equal(check['readyReplicas'], 0);
      const answer = await platform.call('nap', { round });
      assert.deepEqual(await answer.json(), { round });
      assert.match(answer.headers.get('server-timing') ?? '', /^cold;dur=[\d.]+$/);
    }
  });

  test('with coldStart refuse a call is told at once to come back, and a moment later it is answered', async () => {
    await platform.apply(
      functionManifest(
        'shy',
        'python',
        'def handler(event): return event',
        '  scaling: {idle: 1s}\n  coldStart: refuse\n',
      ),
    );
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/shy', '--timeout=30s');
    await goesToZero('shy');
    const refused = await platform.call('shy', {});
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    const problem = (await refused.json()) as { readonly title: string };
    assert.match(problem.title, /starting/);
    await eventually('the same call is answered', async () => {
      assert.equal((await platform.call('shy', {})).status, 200);
    });
  });

  test('Prefer: wait=0 refuses and wakes, Prefer: wait=N overrides a function that refuses', async () => {
    await goesToZero('nap');
    const refused = await platform.call('nap', {}, { headers: { prefer: 'wait=0' } });
    assert.equal(refused.status, 503);
    await refused.text();
    await eventually('it answers', async () => {
      assert.equal((await platform.call('nap', {}, { headers: { prefer: 'wait=0' } })).status, 200);
    });
    await goesToZero('shy');
    assert.equal((await platform.call('shy', {}, { headers: { prefer: 'wait=30' } })).status, 200);
  });

  test('a call in flight keeps its pod past the idle time', async () => {
    const slow =
      'export default async ({ ms }) => { await new Promise((r) => setTimeout(r, ms)); return process.pid; };';
    await platform.apply(functionManifest('long', 'node', slow, '  scaling: {idle: 1s}\n'));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/long', '--timeout=30s');
    const answer = await platform.call('long', { ms: 4000 });
    assert.equal(answer.status, 200);
    await answer.text();
  });
});
