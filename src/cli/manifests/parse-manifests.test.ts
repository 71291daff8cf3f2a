import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifests } from './parse-manifests.ts';

const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';

async function parse(text: string): Promise<readonly unknown[]> {
  const all = await parseManifests({ name: 'f.yaml', text });
  return all.map((each) => ('problem' in each ? each.problem : each.object));
}

async function problem(text: string): Promise<string> {
  const [only] = (await parse(text)).filter((each) => typeof each === 'string');
  assert(typeof only === 'string');
  return only;
}

test('parseManifests() reads several documents and leaves out empty ones', async () => {
  const found = await parse(`---\n# nothing\n---\n${head}---\n${head}---\n`);
  assert.equal(found.length, 2);
});

test('parseManifests() reads JSON', async () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { b: '1' } };
  assert.deepEqual(await parse(JSON.stringify(object, undefined, 2)), [object]);
});

test('parseManifests() takes lists apart', async () => {
  const items = [1, 2].map((n) => ({ apiVersion: 'v1', kind: 'A', metadata: { name: `a${n}` } }));
  assert.deepEqual(await parse(JSON.stringify({ apiVersion: 'v1', kind: 'List', items })), items);
});

test('parseManifests() reads YAML 1.1 as Kubernetes does, without dates and base 60', async () => {
  const [found] = await parse(
    `${head}data:\n  on: yes\n  mode: 0644\n  day: 2026-01-02\n  at: 12:30:00\n`,
  );
  const { data } = found as { data: object };
  assert.deepEqual(data, { true: true, mode: 420, day: '2026-01-02', at: '12:30:00' });
});

test('parseManifests() names file, document and line of what cannot be read', async () => {
  const text = await problem(`${head}---\n${head}data:\n  a: [1\n  b: 2\n`);
  assert.match(text, /^error: error parsing "f\.yaml", document 2: line \d+: /);
});

test('parseManifests() refuses a key that is there twice', async () => {
  assert.match(await problem(`${head}data: {}\ndata: {}\n`), /"f\.yaml": line 5: .*unique/i);
});

test('parseManifests() says what an object lacks, and reads the others', async () => {
  const text = `${head}---\nkind: A\nmetadata: {name: a}\n---\n${head}`;
  assert.equal((await parse(text)).length, 3);
  assert.equal(await problem(text), 'error: "f.yaml", document 2, line 5: apiVersion not set');
});

test('parseManifests() refuses names that are no texts', async () => {
  const text = await problem('apiVersion: v1\nkind: A\nmetadata: {name: 12}\n');
  assert.match(text, /metadata\.name not set/);
});
