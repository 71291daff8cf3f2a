import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Platform, startPlatform } from './testing/platform.ts';

describe('nought deploy', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform[Symbol.asyncDispose]());

  async function folder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const path = join(platform.home, 'code', name);
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), text);
    }
    return path;
  }

  const answer = async (name: string, body: unknown): Promise<string> =>
    (await platform.call(name, body)).text();

  /** Gateways hear of a new revision a moment after the Function is ready. */
  const takesOver = (name: string, body: unknown, wanted: string): Promise<void> =>
    eventually('the new code answers', async () => assert.equal(await answer(name, body), wanted));

  const packages = async (): Promise<string> =>
    platform.kubectl('get', 'configmaps', '-l', 'nought.dev/package', '-o', 'name');

  test('runs a folder of JavaScript, and its new code after the next deploy', async () => {
    const path = await folder('My_Sum', {
      'index.js': 'import { sum } from "./lib/sum.js";\nexport default ({ x }) => sum(x);',
      'lib/sum.js': 'export const sum = (x) => x.reduce((a, b) => a + b, 0);',
      'package.json': '{"type":"module"}',
      'node_modules/left/out.js': '',
    });
    const created = await platform.nought('deploy', path);
    assert.equal(created.code, 0, created.stderr);
    const url = `${platform.gatewayUrl}/default/my-sum`;
    assert.equal(created.stdout, `function.nought.dev/my-sum created\n${url}\n`);
    assert.equal(await answer('my-sum', { x: [1, 2, 3] }), '6');

    const again = await platform.nought('deploy', path);
    assert.equal(again.stdout, `function.nought.dev/my-sum unchanged\n${url}\n`);

    await folder('My_Sum', { 'lib/sum.js': 'export const sum = (x) => x.length;' });
    const changed = await platform.nought('deploy', path);
    assert.equal(changed.stdout, `function.nought.dev/my-sum configured\n${url}\n`);
    await takesOver('my-sum', { x: [1, 1, 4] }, '3');
  });

  test('runs a folder of Python with a package in it, under a given name', async () => {
    const path = await folder('report', {
      'main.py': 'from jobs.words import words\ndef handler(event): return words(event["text"])',
      'jobs/__init__.py': '',
      'jobs/words.py': 'def words(text): return len(text.split())',
    });
    const { code, stderr } = await platform.nought('deploy', path, '--name', 'words');
    assert.equal(code, 0, stderr);
    assert.equal(await answer('words', { text: 'one two' }), '2');
  });

  test('takes more than one ConfigMap holds', async () => {
    const noise = Array.from({ length: 120_000 }, (_, i) => Math.sin(i).toString(36)).join('');
    const path = await folder('large', {
      'index.mjs': `import { readFileSync } from "node:fs";
export default () => readFileSync(new URL("./noise", import.meta.url)).length;`,
      noise,
    });
    const { code, stderr } = await platform.nought('deploy', path);
    assert.equal(code, 0, stderr);
    assert.match(await packages(), /pkg-large-[0-9a-f]+-2-1$/m);
    assert.equal(await answer('large', {}), String(noise.length));
  });

  test('replaces inline code and keeps the rest of the spec', async () => {
    await platform.apply(`apiVersion: nought.dev/v1
kind: Function
metadata: { name: kept }
spec: { runtime: node, timeout: 7s, source: { inline: 'export default () => 1' } }`);
    const path = await folder('kept', { 'index.mjs': 'export default () => 2' });
    const { code, stderr } = await platform.nought('deploy', path);
    assert.equal(code, 0, stderr);
    await takesOver('kept', {}, '2');
    const timeout = await platform.kubectl('get', 'fn', 'kept', '-o', 'jsonpath={.spec.timeout}');
    assert.equal(timeout, '7s');
  });

  test('ends with 1 and tells file and line of code that does not load', async () => {
    const path = await folder('broken', {
      'index.mjs': 'import "./lib/bad.mjs";\nexport default () => 1;',
      'lib/bad.mjs': 'const fine = 1;\nconst x = = 2;\n',
    });
    const { code, stdout, stderr } = await platform.nought('deploy', path);
    assert.equal(code, 1);
    assert.equal(stdout, 'function.nought.dev/broken created\n');
    assert.match(stderr, /^Function "broken" does not work \(LoadFailed\): lib\/bad\.mjs:2: /m);
  });

  test('names the folder that it cannot deploy', async () => {
    const empty = join(platform.home, 'code/empty');
    await mkdir(empty, { recursive: true });
    const text = await folder('text', { 'notes.txt': '' });
    for (const [path, why] of [
      [join(platform.home, 'absent'), 'there is no such folder'],
      [join(text, 'notes.txt'), 'it is a file, expected a folder'],
      [empty, 'it has no files'],
    ] as const) {
      const { code, stderr } = await platform.nought('deploy', path);
      assert.deepEqual({ code, stderr }, { code: 1, stderr: `Cannot deploy "${path}": ${why}\n` });
    }
    const { stderr } = await platform.nought('deploy', text);
    assert.match(stderr, new RegExp(`^Cannot tell the runtime of "${text}"`));
    assert.equal((await platform.nought('deploy', text, '--name', 'A_b')).code, 2);
  });

  test('leaves no folder behind, and no package of a function that was deleted', async () => {
    const left = (await readdir(tmpdir())).filter((name) => name.startsWith('nought-deploy-'));
    assert.deepEqual(left, []);
    await platform.kubectl('delete', 'functions', '--all');
    await eventually('the packages are gone', async () => assert.equal(await packages(), ''));
  });
});
