import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { FunctionSource } from './function.ts';
import {
  type RevisionSpec,
  restoreRevision,
  revisionPart,
  revisionRecord,
} from './revision-record.ts';

/** What the revision's ConfigMap holds. */
function codeOf({ inline, files = {} }: FunctionSource): Record<string, string> {
  const texts = inline === undefined ? Object.values(files) : [inline];
  return Object.fromEntries(texts.map((text, index) => [`f${index}`, text]));
}

const text = fc.string({ unit: 'grapheme' });
const path = fc.stringMatching(/^[a-z][a-z/.]{0,9}$/);
const source: fc.Arbitrary<FunctionSource> = fc.oneof(
  fc.record({ inline: text }, { noNullPrototype: true }),
  fc.dictionary(path, text, { minKeys: 1, noNullPrototype: true }).map((files) => ({ files })),
  fc.record({ image: path }).map(({ image }) => ({ package: { name: image } })),
  fc.record({ image: path }, { noNullPrototype: true }),
);
const spec: fc.Arbitrary<RevisionSpec> = fc.record(
  {
    runtime: fc.constantFrom('node', 'python', 'image'),
    source,
    handler: path,
    signature: fc.constantFrom('json', 'http'),
    env: fc.array(fc.record({ name: path, value: text }, { noNullPrototype: true })),
    envFrom: fc.array(fc.record({ prefix: path }, { noNullPrototype: true })),
    resources: fc.constant({ limits: { memory: '1Gi' } }),
    serviceAccountName: path,
  },
  { requiredKeys: ['runtime', 'source'], noNullPrototype: true },
);

test('restoreRevision() gives back what revisionRecord() was made from, code included', () => {
  fc.assert(
    fc.property(spec, (given) => {
      const record = revisionRecord({ ...given, timeout: '1s' } as RevisionSpec);
      assert.ok(record !== undefined);
      assert.deepEqual(restoreRevision(record, codeOf(given.source)), revisionPart(given));
    }),
  );
});

test('revisionRecord() holds no code', () => {
  const record = revisionRecord({ runtime: 'node', source: { inline: 'secret()' } });
  assert.equal(record, '{"runtime":"node","source":{"inline":true}}');
});

test('revisionRecord() refuses what an annotation cannot hold', () => {
  const env = [{ name: 'A', value: 'x'.repeat(250_000) }];
  assert.equal(revisionRecord({ runtime: 'node', source: { image: 'a' }, env }), undefined);
});

test('restoreRevision() knows a record that is none, and code that is missing', () => {
  assert.equal(restoreRevision('{', {}), undefined);
  assert.equal(restoreRevision('{"runtime":"node"}', {}), undefined);
  assert.equal(restoreRevision('{"runtime":"node","source":{"inline":true}}', {}), undefined);
  const record = '{"runtime":"node","source":{"files":["a.js","b.js"]}}';
  assert.equal(restoreRevision(record, { f0: '' }), undefined);
});
