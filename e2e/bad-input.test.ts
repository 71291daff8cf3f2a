import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  eventually,
  functionManifest,
  newPlatform,
  type Platform,
  startPlatform,
} from './testing/platform.ts';

describe('bad input', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    await platform.apply(functionManifest('good', 'node', 'export default (input) => input;'));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/good', '--timeout=30s');
  });
  after(async () => {
    // Nothing of all this has broken what was good.
    assert.deepEqual(await (await platform.call('good', { still: 'here' })).json(), {
      still: 'here',
    });
    await platform[Symbol.asyncDispose]();
  });

  const refused = async (manifest: string): Promise<string> => {
    const path = join(platform.home, 'bad.yaml');
    writeFileSync(path, manifest);
    const { code, stderr } = await platform.tryKubectl('apply', '-f', path);
    assert.notEqual(code, 0);
    return stderr;
  };

  test('invalid YAML names the file and the line', async () => {
    assert.match(await refused('kind: Function\n  bad: [\n'), /bad\.yaml.*line 2/s);
  });

  test('an unknown field is named', async () => {
    const text = await refused(
      functionManifest('bad', 'node', 'export default () => 1', '  scalling: {}\n'),
    );
    assert.match(text, /unknown field "spec\.scalling"/);
  });

  test('a wrong type is named with its path', async () => {
    const text = await refused(
      functionManifest('bad', 'node', 'export default () => 1', '  scaling: {max: "many"}\n'),
    );
    assert.match(text, /spec\.scaling\.max/);
    assert.match(text, /integer/);
  });

  test('two sources at once are refused by name', async () => {
    const manifest = functionManifest('bad', 'node', 'export default () => 1').replace(
      '  source:',
      '  source:\n    files: {index.js: ""}',
    );
    assert.match(await refused(manifest), /spec\.source.*exactly one of/s);
  });

  test('an unknown runtime is refused with what is supported', async () => {
    assert.match(
      await refused(functionManifest('bad', 'ruby', 'x')),
      /spec\.runtime: Unsupported value: "ruby": supported values: "image", "node", "python"|spec\.runtime: Unsupported value: "ruby": supported values: "node", "python", "image"/,
    );
  });

  const fails = async (
    name: string,
    runtime: string,
    code: string,
    pattern: RegExp,
  ): Promise<void> => {
    await platform.apply(functionManifest(name, runtime, code));
    await eventually('the status says why', async () => {
      const condition = JSON.parse(
        await platform.kubectl(
          'get',
          `fn/${name}`,
          '-o',
          'jsonpath={.status.conditions[?(@.type=="Ready")]}',
        ),
      ) as Record<string, string>;
      assert.equal(condition['reason'], 'LoadFailed');
      assert.match(condition['message'] ?? '', pattern);
    });
    await eventually('callers are told too', async () => {
      const answer = await platform.call(name, {});
      assert.equal(answer.status, 503);
      assert.match(((await answer.json()) as { detail: string }).detail, pattern);
    });
    await eventually('it is not started again and again', async () => {
      const replicas = await platform.kubectl(
        'get',
        'rs',
        '-l',
        `nought.dev/function=${name}`,
        '-o',
        'jsonpath={.items[*].spec.replicas}',
      );
      assert.equal(replicas, '0');
    });
  };

  test('a missing handler reaches the status and the caller', () =>
    fails('headless', 'node', 'export const other = 1;', /index\.js.*"other"/));

  test('a syntax error in JavaScript reaches both with file and line', () =>
    fails('broken-js', 'node', 'export default () => 1;\nlet = ;', /index\.js:2: SyntaxError/));

  test('a syntax error in Python reaches both with file and line', () =>
    fails('broken-py', 'python', 'def handler(event):\n    return (', /main\.py:2: SyntaxError/));

  test('a handler that throws answers 500 with its message, and it stays a 500', async () => {
    await platform.apply(
      functionManifest(
        'thrower',
        'node',
        'export default () => { throw new Error("out of tea"); };',
      ),
    );
    const answer = await platform.call('thrower', {});
    assert.equal(answer.status, 500);
    assert.equal(((await answer.json()) as { detail: string }).detail, 'out of tea');
    const executed = await platform.nought('execute', 'default/thrower', '{}');
    assert.equal(executed.code, 1);
    assert.equal(executed.stderr, 'execute failed: 500 The function failed: out of tea\n');
  });

  test('a promise that never settles ends with 504 after the timeout, and the next call is answered', async () => {
    await platform.apply(
      functionManifest(
        'stuck',
        'node',
        'export default ({ wait }) => (wait ? new Promise(() => {}) : "free");',
        '  timeout: 1s\n',
      ),
    );
    const answer = await platform.call('stuck', { wait: true });
    assert.equal(answer.status, 504);
    await answer.text();
    assert.equal(await (await platform.call('stuck', {})).text(), '"free"');
  });

  test('a handler that ends its process costs its caller a 502, and others nothing', async () => {
    await platform.apply(
      functionManifest(
        'quitter',
        'node',
        'export default ({ quit }) => (quit ? process.exit(3) : "here");',
      ),
    );
    assert.equal((await platform.call('quitter', {})).status, 200);
    assert.equal((await platform.call('quitter', { quit: true })).status, 502);
    assert.equal(await (await platform.call('quitter', {})).text(), '"here"');
  });

  test('a handler that allocates without end is stopped at its limit, and comes back', async () => {
    const hog =
      'const kept = [];\nexport default ({ eat }) => { while (eat) kept.push(new Array(100_000).fill(kept.length)); return "light"; };';
    await platform.apply(
      functionManifest('hog', 'node', hog, '  resources: {limits: {memory: 128Mi}}\n'),
    );
    assert.equal((await platform.call('hog', {})).status, 200);
    assert.equal((await platform.call('hog', { eat: true })).status, 502);
    assert.equal(await (await platform.call('hog', {})).text(), '"light"');
  });

  test('invalid JSON to a function is a 400', async () => {
    const answer = await platform.call('good', {}, { body: '{"x":' });
    assert.equal(answer.status, 400);
    assert.match(((await answer.json()) as { detail: string }).detail, /no valid JSON/);
  });

  test('execute names what is wrong with its arguments and sends nothing', async () => {
    for (const [args, pattern] of [
      [[], /Missing the function/],
      [['good'], /Missing the JSON/],
      [['/good', '{}'], /namespace .* is empty/],
      [['default/', '{}'], /name .* is empty/],
      [['good', '{"x":'], /Invalid JSON/],
    ] as const) {
      const { code, stderr } = await platform.nought('execute', ...args);
      assert.equal(code, 2);
      assert.match(stderr, pattern);
      assert.match(stderr, /^Usage: nought execute \[NS\/\]NAME '\{json\}'/m);
    }
  });

  test('an unknown function is a 404 that names it', async () => {
    const answer = await platform.call('nobody', {});
    assert.equal(answer.status, 404);
    assert.match(((await answer.json()) as { detail: string }).detail, /nobody/);
    const { code, stderr } = await platform.nought('execute', 'default/nobody', '{}');
    assert.equal(code, 1);
    assert.match(stderr, /^execute failed: 404 .*nobody/);
  });

  test('a body over the limit is a 413', async () => {
    const answer = await platform.call('good', {}, { body: `"${'x'.repeat(8 * 1024 * 1024)}"` });
    assert.equal(answer.status, 413);
    assert.match(((await answer.json()) as { detail: string }).detail, /8388608|8 MiB/);
  });

  test('a home in use is refused and its holder goes on', async () => {
    const second = platform.spawnUp();
    const [code] = (await once(second, 'close')) as [number];
    assert.equal(code, 1);
    assert.match(
      platform.output,
      /Cannot use home ".*": nought is already running on it \(process \d+\)/,
    );
  });
});

describe('a start that cannot be', () => {
  async function failedStart(
    prepare: (platform: Platform) => void,
    ...flags: readonly string[]
  ): Promise<string> {
    await using platform = await newPlatform(...flags);
    prepare(platform);
    const child = platform.spawnUp();
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 1, platform.output);
    return platform.output;
  }

  test('a port in use is named', async () => {
    await using holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    for (const flag of ['--port', '--gateway-port']) {
      const output = await failedStart(() => undefined, flag, String(port));
      assert.match(
        output,
        new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use`),
      );
    }
  });

  test('a file in the way of the home is named', async () => {
    const output = await failedStart(({ home }) => writeFileSync(join(home, 'store'), 'no folder'));
    assert.match(output, /Cannot use home ".*": a file is in the way/);
  });

  test('a corrupt store is named', async () => {
    const output = await failedStart(({ home }) => {
      mkdirSync(join(home, 'store'));
      writeFileSync(join(home, 'store', 'data.mdb'), 'this is no database'.repeat(1000));
    });
    assert.match(output, /store.*(damaged|corrupt)/s);
  });

  test('a corrupt credentials file is named', async () => {
    const output = await failedStart(({ home }) =>
      writeFileSync(join(home, 'credentials.json'), '{'),
    );
    assert.match(output, /Cannot use ".*credentials\.json"/);
  });

  test('a wrong flag is named, with exit code 2', async () => {
    await using platform = await newPlatform('--port', 'many');
    const [code] = (await once(platform.spawnUp(), 'close')) as [number];
    assert.equal(code, 2);
    assert.match(platform.output, /Cannot use --port "many": expected a number from 0 to 65535/);
  });
});
