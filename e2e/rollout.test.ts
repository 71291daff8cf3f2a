import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, functionManifest, type Platform, startPlatform } from './testing/platform.ts';

const version = (value: number): string =>
  `export default async () => { await null; return ${value}; };`;

describe('revisions', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform[Symbol.asyncDispose]());

  test('no call fails while a new revision takes over', async () => {
    await platform.apply(functionManifest('app', 'node', version(1)));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/app', '--timeout=30s');
    const seen = new Map<number, number>();
    let latest = 1;
    const done = new AbortController();
    const load = Array.from({ length: 4 }, async () => {
      while (!done.signal.aborted) {
        const answer = await platform.call('app', {});
        assert.equal(answer.status, 200, await answer.clone().text());
        const value = Number(await answer.text());
        seen.set(value, (seen.get(value) ?? 0) + 1);
        latest = value;
      }
    });
    for (const next of [2, 3]) {
      await platform.apply(functionManifest('app', 'node', version(next)));
      await eventually(`version ${next} answers`, () => assert.equal(latest, next));
    }
    done.abort();
    await Promise.all(load);
    assert.deepEqual([...seen.keys()], [1, 2, 3]);
    await eventually('old revisions are at zero', async () => {
      const replicas = await platform.kubectl(
        'get',
        'rs',
        '-l',
        'nought.dev/function=app',
        '-o',
        'jsonpath={.items[*].spec.replicas}',
      );
      assert.deepEqual(replicas.split(' ').toSorted(), ['0', '0', '1']);
    });
  });

  test('a revision that does not load leaves the old one serving and says where the error is', async () => {
    await platform.apply(
      functionManifest('app', 'node', 'export default () => 4;\nconst x = = 1;'),
    );
    await eventually('the status names file and line', async () => {
      const condition = await platform.kubectl(
        'get',
        'fn/app',
        '-o',
        'jsonpath={.status.conditions[?(@.type=="Ready")]}',
      );
      const { status, reason, message } = JSON.parse(condition) as Record<string, string>;
      assert.equal(status, 'False');
      assert.equal(reason, 'UpdateFailed');
      assert.match(message ?? '', /index\.js:2: SyntaxError/);
    });
    assert.equal(await (await platform.call('app', {})).text(), '3');
    await platform.apply(functionManifest('app', 'node', version(5)));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/app', '--timeout=30s');
    await eventually('the repaired one answers', async () => {
      assert.equal(await (await platform.call('app', {})).text(), '5');
    });
  });
});
