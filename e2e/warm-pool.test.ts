import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { eventually, functionManifest, type Platform, startPlatform } from './testing/platform.ts';

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly status?: {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
  }[];
}

const idle = '  scaling: {idle: 1s}\n';
const codes = {
  node: `export default () => ({
  pid: process.pid,
  name: process.env.NOUGHT_FUNCTION,
  own: process.env.OWN,
  secret: process.env.NOUGHT_CLAIM_DIGEST ?? null,
});`,
  python: `import os
def handler(event):
    env = os.environ
    secret = env.get("NOUGHT_CLAIM_DIGEST")
    return {"pid": os.getpid(), "name": env["NOUGHT_FUNCTION"], "own": env.get("OWN"), "secret": secret}`,
};

/** Names of the pods with this label that are not on their way out, the ready ones. */
async function readyPods(platform: Platform, label: string): Promise<readonly string[]> {
  const list = JSON.parse(
    await platform.kubectl('get', 'pods', '-l', label, '-o', 'json'),
  ) as PodList;
  return list.items
    .filter(({ metadata, status }) => {
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      return metadata.deletionTimestamp === undefined && ready?.status === 'True';
    })
    .map(({ metadata }) => metadata.name);
}

/** Waits until so many pods wait in the pool; gives their names. */
async function pool(platform: Platform, runtime: string, count = 1): Promise<readonly string[]> {
  let names: readonly string[] = [];
  await eventually(`${count} pods of ${runtime} wait`, async () => {
    names = await readyPods(platform, `nought.dev/pool=${runtime}`);
    assert.equal(names.length, count);
  });
  return names;
}

async function atZero(platform: Platform, ...names: readonly string[]): Promise<void> {
  await eventually(`${names.join(', ')} are at zero`, async () => {
    for (const name of names) {
      const state = (await (await fetch(`${platform.gatewayUrl}/default/${name}`)).json()) as {
        readonly revision?: string | null;
      };
      assert.ok((state.revision ?? '') !== '');
      const pods = await platform.kubectl(
        'get',
        'pods',
        '-l',
        `nought.dev/function=${name}`,
        '-o',
        'name',
      );
      assert.equal(pods, '');
    }
  });
}

/** The process of a pod: the one that was told the pod's address. */
async function processOf(platform: Platform, pod: string): Promise<number> {
  const address = await platform.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
  const pid = platform
    .podProcesses()
    .find((each) => readFileSync(`/proc/${each}/environ`, 'utf8').includes(`HOST=${address}\0`));
  assert.ok(pid !== undefined, `${pod} has a process`);
  return pid;
}

describe('warm pools', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform('--warm-pool', '1');
  });
  after(() => platform[Symbol.asyncDispose]());

  test('there are none without functions', async () => {
    assert.deepEqual(await readyPods(platform, 'nought.dev/pool'), []);
    assert.deepEqual(platform.podProcesses(), []);
  });

  for (const runtime of ['node', 'python'] as const) {
    test(`a call from zero is answered by the ${runtime} pod that waited; each pod serves one function`, async () => {
      const more = `  env: [{name: OWN, value: "yes"}]\n${idle}`;
      await platform.apply(functionManifest(`own-${runtime}`, runtime, codes[runtime], more));
      const seen = new Set<string>();
      for (let round = 0; round < 3; round += 1) {
        await atZero(platform, `own-${runtime}`);
        const waiting = await pool(platform, runtime);
        const answer = await platform.call(`own-${runtime}`, {});
        assert.equal(answer.status, 200);
        const { pid, ...rest } = (await answer.json()) as { readonly pid: number };
        assert.deepEqual(rest, { name: `own-${runtime}`, own: 'yes', secret: null });
        assert.ok(pid > 0);
        await eventually('the pod is the function’s', async () => {
          const pods = await readyPods(platform, `nought.dev/function=own-${runtime}`);
          assert.deepEqual(pods, waiting);
        });
        assert.equal(seen.has(waiting[0] ?? ''), false);
        seen.add(waiting[0] ?? '');
      }
    });
  }

  test('functions of all forms are told to a waiting pod', async () => {
    const functions = {
      fetcher: [
        'node',
        "export default { fetch: async (request) => new Response('fetched ' + (await request.text())) };",
        '  signature: fetch\n',
      ],
      asgi: [
        'python',
        `async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fetched \\"x\\""})`,
        '  signature: asgi\n',
      ],
    } as const;
    for (const [name, [runtime, code, more]] of Object.entries(functions)) {
      await platform.apply(functionManifest(name, runtime, code, more + idle));
    }
    await platform.apply(`apiVersion: nought.dev/v1
kind: Function
metadata: {name: files}
spec:
  runtime: node
  source:
    files:
      index.js: |
        import { word } from './lib/word.js';
        export default () => word + ' "x"';
      lib/word.js: export const word = 'fetched';
${idle}`);
    const names = ['fetcher', 'asgi', 'files'];
    await atZero(platform, ...names);
    for (const name of names) {
      const waiting = await pool(platform, name === 'asgi' ? 'python' : 'node');
      const answer = await platform.call(name, 'x');
      assert.match(await answer.text(), /fetched \\?"x/);
      await eventually('it is the pod that waited', async () =>
        assert.deepEqual(await readyPods(platform, `nought.dev/function=${name}`), waiting),
      );
    }
  });

  test('what a pool cannot know starts from scratch', async () => {
    const more = `  resources: {limits: {memory: 300Mi}}\n${idle}`;
    await platform.apply(functionManifest('sized', 'node', codes.node, more));
    await atZero(platform, 'sized');
    const waiting = await pool(platform, 'node');
    assert.equal((await platform.call('sized', {})).status, 200);
    assert.deepEqual(await pool(platform, 'node'), waiting);
    const own = await readyPods(platform, 'nought.dev/function=sized');
    assert.match(own.join(), /^sized-/);
  });

  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    test(`a pod that got ${signal} while it waited costs the caller no answer`, async () => {
      await atZero(platform, 'own-node');
      const [waiting = ''] = await pool(platform, 'node');
      process.kill(await processOf(platform, waiting), signal);
      const answer = await platform.call('own-node', {});
      assert.equal(answer.status, 200);
      assert.equal(((await answer.json()) as { readonly name: string }).name, 'own-node');
    });
  }

  test('code that does not load in a warm pod is told as ever', async () => {
    const breaksAt = Date.now() + 5000;
    const code = `if (Date.now() > ${breaksAt}) throw new Error('It is too late');
export default () => 'fine';`;
    await platform.apply(functionManifest('fragile', 'node', code, idle));
    await atZero(platform, 'fragile');
    await eventually('it does not load any more', () => assert.ok(Date.now() > breaksAt));
    await pool(platform, 'node');
    const answer = await platform.call('fragile', {});
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /index\.js:1: It is too late/);
    assert.equal((await platform.call('own-node', {})).status, 200);
  });

  test('pods of a pool go with the last function that could use them', async () => {
    await platform.kubectl('delete', 'functions', '--all');
    await eventually('nothing waits', async () => {
      assert.equal(await platform.kubectl('get', 'pods', '-o', 'name'), '');
      assert.deepEqual(platform.podProcesses(), []);
    });
  });
});

test('a burst teaches the pool how many pods to keep, and no more than it may', async () => {
  await using platform = await startPlatform('--warm-pool', '4');
  const names = Array.from({ length: 6 }, (_, index) => `f${index}`);
  const manifests = names.map((name) => functionManifest(name, 'node', codes.node, idle));
  await platform.apply(manifests.join('---\n'));
  await atZero(platform, ...names);
  await pool(platform, 'node');
  for (let round = 0; round < 2; round += 1) {
    const answers = await Promise.all(names.map((name) => platform.call(name, {})));
    const told = await Promise.all(
      answers.map((answer) => answer.json() as Promise<{ readonly name: string }>),
    );
    assert.deepEqual(
      told.map(({ name }) => name),
      names,
    );
    await atZero(platform, ...names);
    await pool(platform, 'node', 4);
  }
});

test('a claim is survived by its function when the control plane is killed at any moment of it', async () => {
  await using platform = await startPlatform();
  await platform.apply(functionManifest('echo', 'node', codes.node, idle));
  for (const afterMs of [2, 6, 12]) {
    await atZero(platform, 'echo');
    await pool(platform, 'node');
    const victim = platform.processId('control-plane');
    const call = platform.call('echo', {});
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    process.kill(victim, 'SIGKILL');
    const answer = await call;
    assert.equal(answer.status, 200);
    assert.equal(((await answer.json()) as { readonly name: string }).name, 'echo');
    await eventually('it runs again', () => {
      assert.notEqual(platform.processId('control-plane'), victim);
    });
    // The pod of the call is the function's, or it is gone: nothing is left in between.
    assert.equal((await platform.call('echo', {})).status, 200);
  }
  await platform.stop();
  assert.deepEqual(platform.podProcesses(), []);
});
