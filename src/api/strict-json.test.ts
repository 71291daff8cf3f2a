import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { StatusError } from './status-error.ts';
import { parseJson } from './strict-json.ts';

function refusal(text: string, maxDepth?: number): string {
  try {
    parseJson(text, maxDepth === undefined ? {} : { maxDepth });
  } catch (error) {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, 400);
    return error.message;
  }
  throw new assert.AssertionError({ message: `Expected a refusal of ${text.slice(0, 100)}` });
}

suite('parseJson()', () => {
  test('gives what JSON.parse gives and finds no duplicates where there are none', () => {
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 0, max: 3 }), (text, indent) => {
        fc.pre(!text.includes('__proto__'));
        const value: unknown = JSON.parse(text);
        const pretty = JSON.stringify(value, null, indent);
        assert.deepEqual(parseJson(pretty), { value, duplicates: [] });
      }),
    );
  });

  test('finds each duplicate key by its path', () => {
    const key = fc.constantFrom('a', 'b', 'x"y', String.raw`\\`, 'é', ':', '');
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('1', '"a:b"', '"\\""', 'null'),
        fc.array(tie('tree'), { maxLength: 3 }).map((items) => ({ items })),
        fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }).map((members) => ({ members })),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const expected = new Set<string>();
        const text = write(value, '', expected);
        const parsed = parseJson(text);
        assert.deepEqual(parsed.value, JSON.parse(text));
        assert.deepEqual(new Set(parsed.duplicates), expected);
      }),
    );
  });

  test('names paths as upstream does', () => {
    const text = '{"spec":{"replicas":1,"containers":[{},{"name":"a","name":"b"}],"replicas":2}}';
    const { value, duplicates } = parseJson(text);
    assert.deepEqual(duplicates, ['spec.containers[1].name', 'spec.replicas']);
    assert.deepEqual(value, { spec: { replicas: 2, containers: [{}, { name: 'b' }] } });
  });

  test('sees through escapes: "a" is "a"', () => {
    assert.deepEqual(parseJson(String.raw`{"a":1,"\u0061":2}`).duplicates, ['a']);
  });

  test('stops at 100 duplicates', () => {
    const members = Array.from({ length: 500 }, (_, index) => `"k${index}":1`).join(',');
    assert.equal(parseJson(`{${members},${members}}`).duplicates.length, 100);
  });

  test('refuses what is no JSON', () => {
    for (const text of ['', '{', '{"a":1,}', "{'a':1}", '01', 'NaN', '{"a":1}{']) {
      assert.match(refusal(text), /^Cannot parse the body as JSON: /);
    }
  });

  test('refuses nesting beyond the limit, however deep', () => {
    parseJson('[[1]]', { maxDepth: 2 });
    parseJson(`${'['.repeat(1000)}${']'.repeat(1000)}`);
    assert.match(refusal('[[[1]]]', 2), /nested too deeply/);
    assert.match(refusal('{"a":'.repeat(500_000) + '1' + '}'.repeat(500_000)), /nested too deeply/);
  });

  test('refuses numbers that become infinite', () => {
    assert.match(refusal('{"a":[1e400]}'), /number is too large/);
  });

  test('refuses __proto__, escaped or not, and pollutes nothing', () => {
    assert.match(refusal('{"a":{"__proto__":{"polluted":true}}}'), /"__proto__" is not supported/);
    assert.match(refusal(String.raw`{"\u005f_proto__":1}`), /"__proto__" is not supported/);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });

  test('replaces lone surrogates in values and keys', () => {
    const { value } = parseJson(String.raw`{"\ud800k":["\udc00", "\ud83d\ude00"]}`);
    assert.deepEqual(value, { '�k': ['�', '😀'] });
    assert.deepEqual(parseJson('"\ud800"').value, '�');
  });
});

type Tree =
  | string
  | { readonly items: readonly Tree[] }
  | { readonly members: readonly (readonly [string, Tree])[] };

/** Writes a tree as JSON and notes the paths of repeated keys. */
function write(tree: Tree, path: string, duplicates: Set<string>): string {
  if (typeof tree === 'string') return tree;
  if ('items' in tree) {
    const items = tree.items.map((item, index) => write(item, `${path}[${index}]`, duplicates));
    return `[${items.join(' , ')}]`;
  }
  const seen = new Set<string>();
  const members = tree.members.map(([key, member]) => {
    const at = path === '' ? key : `${path}.${key}`;
    if (seen.has(key)) duplicates.add(at);
    seen.add(key);
    return `${JSON.stringify(key)} : ${write(member, at, duplicates)}`;
  });
  return `{\n${members.join(',')}}`;
}
