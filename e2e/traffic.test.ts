import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { FunctionObject, TrafficStatus, TrafficTarget } from '../src/api/index.ts';
import { eventually, functionManifest, type Platform, startPlatform } from './testing/platform.ts';

const version = (value: string): string =>
  `export default async () => { await null; return '${value}'; };`;

describe('traffic', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform[Symbol.asyncDispose]());

  async function read(name: string): Promise<FunctionObject> {
    return JSON.parse(await platform.kubectl('get', 'fn', name, '-o', 'json')) as FunctionObject;
  }

  /** Applies one version after the other, and tells their revisions. */
  async function deploy(name: string, versions: readonly string[], more = ''): Promise<string[]> {
    const revisions: string[] = [];
    for (const value of versions) {
      await platform.apply(functionManifest(name, 'node', version(value), more));
      await eventually(`${value} serves`, async () => {
        const { metadata, status } = await read(name);
        assert.equal(status?.observedGeneration, metadata.generation);
        assert.equal(status?.conditions?.[0]?.status, 'True');
      });
      revisions.push((await read(name)).status?.revision ?? '');
    }
    assert.equal(new Set(revisions).size, versions.length);
    return revisions;
  }

  async function share(name: string, traffic: readonly TrafficTarget[] | null): Promise<void> {
    const patch = JSON.stringify({ spec: { traffic } });
    await platform.kubectl('patch', 'fn', name, '--type=merge', '-p', patch);
  }

  async function inForce(
    name: string,
    check: (traffic: readonly TrafficStatus[]) => void,
  ): Promise<void> {
    await eventually('the traffic is in force', async () => {
      check((await read(name)).status?.traffic ?? []);
    });
  }

  async function answer(name: string): Promise<string> {
    const response = await platform.call(name, {});
    assert.equal(response.status, 200, await response.clone().text());
    return JSON.parse(await response.text()) as string;
  }

  /** Calls until stopped, each of which must be answered with 200; what was answered, in order. */
  function load(name: string): { readonly answers: string[]; stop(): Promise<void> } {
    const answers: string[] = [];
    const done = new AbortController();
    const workers = Array.from({ length: 4 }, async () => {
      while (!done.signal.aborted) answers.push(await answer(name));
    });
    return {
      answers,
      stop: async () => {
        done.abort();
        await Promise.all(workers);
      },
    };
  }

  async function atZero(name: string, revision: string): Promise<void> {
    await eventually('the revision is at zero', async () => {
      const set = `rs/${name}-${revision}`;
      const replicas = await platform.kubectl('get', set, '-o', 'jsonpath={.status.replicas}');
      assert.equal(replicas, '0');
    });
  }

  test('calls are shared by weight between revisions', async () => {
    const [old = ''] = await deploy('split', ['one', 'two']);
    await share('split', [
      { latest: true, weight: 80 },
      { revision: old, weight: 20 },
    ]);
    await inForce('split', (traffic) => {
      assert.deepEqual(
        traffic.map(({ weight }) => weight),
        [80, 20],
      );
    });
    const seen = new Map<string, number>();
    const calls = 400;
    for (let call = 0; call < calls; call += 1) {
      const value = await answer('split');
      seen.set(value, (seen.get(value) ?? 0) + 1);
    }
    // Six standard deviations (8 each) around 80: missed by chance once in 500 million runs.
    const ones = seen.get('one') ?? 0;
    assert.ok(ones > 80 - 48 && ones < 80 + 48, `${ones} of ${calls}`);
    assert.equal(ones + (seen.get('two') ?? 0), calls);
    const { code, stderr } = await platform.nought('rollback', 'split');
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^Warning: spec\.traffic sends 20 % of the calls to revisions by their names/,
    );
  });

  test('a tag reaches its revision by path, host and command, and wakes it from zero', async () => {
    const [old = ''] = await deploy('tagged', ['one', 'two'], '  scaling: {idle: 1s}\n');
    await atZero('tagged', old);
    await share('tagged', [{ revision: old, tag: 'old' }]);
    await inForce('tagged', (traffic) => {
      assert.deepEqual(
        traffic.map(({ weight, tag, replicas }) => [weight, tag, replicas]),
        [
          [0, 'old', 0],
          [100, undefined, traffic[1]?.replicas],
        ],
      );
    });
    assert.equal(await answer('tagged@old'), 'one');
    assert.equal(await answer('tagged'), 'two');
    const [check] = (await read('tagged')).status?.traffic ?? [];
    assert.equal(check?.url, `${platform.gatewayUrl}/default/tagged@old`);
    assert.equal(await byHost(platform.gatewayUrl, 'old-tagged.default.localhost'), '"one"');
    const state = await fetch(`${platform.gatewayUrl}/default/tagged@old`);
    assert.equal(((await state.json()) as { readonly revision: string }).revision, old);
    const { code, stdout } = await platform.nought('execute', 'default/tagged@old', '{}');
    assert.deepEqual([code, stdout], [0, '"one"\n']);
    await atZero('tagged', old);
    assert.equal(await answer('tagged@old'), 'one');
    // Who has given a tag may call it at once.
    await share('tagged', [{ latest: true, tag: 'now' }]);
    assert.equal(await answer('tagged@now'), 'two');
  });

  test('calls move to a revision at zero without a cold start, and back', async () => {
    const [old = ''] = await deploy('pinned', ['one', 'two'], '  coldStart: refuse\n');
    await atZero('pinned', old);
    // The pod of the last rollout may be idle by now; where calls wait for none, one must be up.
    await fetch(`${platform.gatewayUrl}/default/pinned`, {
      method: 'POST',
      headers: { prefer: 'wait=20' },
    });
    const calls = load('pinned');
    await share('pinned', [{ revision: old, weight: 100 }]);
    await eventually('the old revision answers', () => {
      assert.equal(calls.answers.at(-1), 'one');
    });
    await share('pinned', null);
    await eventually('the latest one answers again', () => {
      assert.equal(calls.answers.at(-1), 'two');
    });
    await calls.stop();
    await eventually('the status is plain again', async () => {
      assert.equal((await read('pinned')).status?.traffic, undefined);
    });
  });

  test('a new revision takes the share of the latest one over, and no call fails', async () => {
    const [old = ''] = await deploy('canary', ['one', 'two']);
    await share('canary', [
      { revision: old, weight: 50 },
      { latest: true, weight: 50 },
    ]);
    await inForce('canary', (traffic) => assert.equal(traffic[0]?.weight, 50));
    const calls = load('canary');
    await platform.apply(
      functionManifest(
        'canary',
        'node',
        version('three'),
        `  traffic: [{revision: ${old}, weight: 50}, {latest: true, weight: 50}]\n`,
      ),
    );
    await eventually('the new one answers, and no longer the one before', () => {
      const last = calls.answers.slice(-200);
      assert.deepEqual(new Set(last), new Set(['one', 'three']));
    });
    await calls.stop();
  });

  test('a rollback under load fails no call, and the next one goes forward again', async () => {
    const [one = '', two = ''] = await deploy('back', ['one', 'two']);
    await atZero('back', one);
    const calls = load('back');
    const { code, stdout } = await platform.nought('rollback', 'back');
    assert.deepEqual(
      [code, stdout],
      [0, `function.nought.dev/back rolled back to revision ${one}\n`],
    );
    await eventually('the old code answers', () => {
      assert.equal(calls.answers.at(-1), 'one');
    });
    assert.equal((await read('back')).spec.source.inline, `${version('one')}\n`);
    const again = await platform.nought('rollback', 'fn/back', `--to-revision=${two}`);
    assert.equal(again.code, 0, again.stderr);
    await eventually('the new code answers', () => {
      assert.equal(calls.answers.at(-1), 'two');
    });
    await calls.stop();
    const same = await platform.nought('rollback', 'back', '--to-revision', two);
    assert.match(same.stdout, /skipped rollback/);
    const list = await platform.nought('revisions', 'back');
    const [heading = '', ...rows] = list.stdout.trimEnd().split('\n');
    assert.match(heading, /^REVISION +LATEST +TRAFFIC +TAGS +READY +AGE +NOTE$/);
    assert.match(rows[0] ?? '', new RegExp(`^${two} +yes +100% +<none> +[0-9/]+ `));
    assert.match(rows[1] ?? '', new RegExp(`^${one} +<none> +0/0 `));
  });

  test('a bad revision leaves the old one serving, and a rollback takes it back', async () => {
    const [good = ''] = await deploy('broken', ['one']);
    await platform.apply(
      functionManifest('broken', 'node', 'export default () => 4;\nconst x = = 1;'),
    );
    await eventually('the status names file and line', async () => {
      const ready = (await read('broken')).status?.conditions?.[0];
      assert.equal(ready?.reason, 'UpdateFailed');
      assert.match(ready?.message ?? '', /index\.js:2: SyntaxError/);
    });
    assert.equal(await answer('broken'), 'one');
    const list = await platform.nought('revisions', 'broken');
    assert.match(list.stdout, /given up: LoadFailed/);
    // Sending calls to it does not help it: they stay where they are.
    const bad = list.stdout.split('\n')[1]?.split(' ')[0] ?? '';
    await share('broken', [{ revision: bad, weight: 100 }]);
    assert.equal(await answer('broken'), 'one');
    await share('broken', null);
    const { code, stdout } = await platform.nought('rollback', 'broken');
    assert.deepEqual(
      [code, stdout],
      [0, `function.nought.dev/broken rolled back to revision ${good}\n`],
    );
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/broken', '--timeout=30s');
    const none = await platform.nought('rollback', 'broken');
    assert.equal(none.code, 1);
    // Each change of the spec gives it another chance, until something else is asked for.
    assert.match(
      none.stderr,
      /it has no earlier revision that worked; it has .*\((?:given up|has not worked)/,
    );
  });

  test('a revision that is not there is told in words, and the rest keeps serving', async () => {
    const [only = ''] = await deploy('gone', ['one']);
    await share('gone', [
      { revision: 'nope', weight: 90, tag: 'n' },
      { latest: true, weight: 10 },
    ]);
    await eventually('the status tells', async () => {
      const { conditions = [] } = (await read('gone')).status ?? {};
      assert.deepEqual(
        conditions.map(({ type, status, reason }) => [type, status, reason]),
        [
          ['Ready', 'False', 'RevisionMissing'],
          ['Serving', 'True', conditions[1]?.reason],
        ],
      );
      assert.match(conditions[0]?.message ?? '', new RegExp(`"nope": .* there are "${only}"`));
    });
    assert.equal(await answer('gone'), 'one');
    assert.equal((await platform.call('gone@n', {})).status, 404);
    const wrong = await platform.nought('rollback', 'gone', '--to-revision', 'nope');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, new RegExp(`it has no revision "nope"; it has ${only}`));
    const absent = await platform.nought('rollback', 'nothing');
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /"nothing" not found/);
    const usage = await platform.nought('rollback');
    assert.equal(usage.code, 2);
    assert.match(usage.stderr, /Missing the function[^]*Usage: nought rollback NAME/);
  });

  test('what makes no sense as traffic is refused when it is applied', async () => {
    await deploy('refused', ['one']);
    const patch = '{"spec":{"traffic":[{"latest":true,"weight":50}]}}';
    const refusal = await platform.tryKubectl(
      'patch',
      'fn',
      'refused',
      '--type=merge',
      '-p',
      patch,
    );
    assert.equal(refusal.code, 1);
    assert.match(refusal.stderr, /the weights must add up to 100.*they add up to 50/);
  });
});

test('gateways keep the hard limit of pods that two targets share, and starve none', async () => {
  await using platform = await startPlatform('--gateways', '2');
  const code = `let now = 0;
export default async () => {
  now += 1;
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  now -= 1;
  return now;
};`;
  await platform.apply(
    functionManifest('narrow', 'node', code, '  scaling: {hardConcurrency: 1, max: 2}\n'),
  );
  await platform.kubectl('wait', '--for=condition=Ready', 'fn/narrow', '--timeout=30s');
  const revision = await platform.kubectl('get', 'fn/narrow', '-o', 'jsonpath={.status.revision}');
  const traffic = [
    { latest: true, weight: 50 },
    { revision, weight: 50, tag: 'same' },
  ];
  const patch = JSON.stringify({ spec: { traffic } });
  await platform.kubectl('patch', 'fn/narrow', '--type=merge', '-p', patch);
  await eventually('the traffic is in force', async () => {
    assert.match(await platform.kubectl('get', 'fn/narrow', '-o', 'yaml'), /tag: same\n +url:/);
  });
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, call) => {
      const response = await platform.call(call % 3 === 0 ? 'narrow@same' : 'narrow', {});
      return `${response.status} ${await response.text()}`;
    }),
  );
  assert.deepEqual(new Set(answers), new Set(['200 0']));
});

function byHost(gateway: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(gateway, { method: 'POST', headers: { host } }, (response) => {
      text(response).then(resolve, reject);
    });
    sent.on('error', reject);
    sent.end('{}');
  });
}
