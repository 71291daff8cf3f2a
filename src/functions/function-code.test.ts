import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { FunctionSpec } from '../api/index.ts';
import { functionCode } from './function-code.ts';

const node = (spec: Partial<FunctionSpec>) =>
  functionCode({ runtime: 'node', source: { inline: '1' }, ...spec });

test('functionCode() names inline code after the handler, by default after the runtime', () => {
  const file = (spec: FunctionSpec) => {
    const code = functionCode(spec);
    return code.kind === 'files' ? [code.files[0]?.path, code.handler] : code;
  };
  const source = { inline: '1' };
  assert.deepEqual(file({ runtime: 'node', source }), ['index.js', 'index.js']);
  assert.deepEqual(file({ runtime: 'python', source }), ['main.py', 'main.py']);
  const handler = 'lib/app.ts:run';
  assert.deepEqual(file({ runtime: 'node', source, handler }), ['lib/app.ts', handler]);
});

test('functionCode() finds the default handler that the files have', () => {
  const code = node({ source: { files: { 'index.ts': '1', 'lib/a.js': '2' } } });
  assert.equal(code.kind === 'files' && code.handler, 'index.ts');
});

for (const [what, spec, message] of [
  [
    'two sources',
    { source: { inline: '1', image: 'x' } },
    /exactly one .* inline and image are set/,
  ],
  ['no source', { source: {} }, /none is set/],
  [
    'a handler that is not there',
    { source: { files: { 'a.js': '' } }, handler: 'b.js' },
    /Cannot find the handler's file "b.js" among the source files: these are a.js/,
  ],
  ['a path that leaves the root', { source: { files: { '../a.js': '' } } }, /"\.\.\/a.js"/],
  ['an absolute path', { source: { files: { '/a.js': '' } } }, /must be relative/],
  [
    'a file that is a folder too',
    { source: { files: { a: '', 'a/index.js': '' } }, handler: 'a/index.js' },
    /"a" is a file too/,
  ],
  ['too much code', { source: { inline: 'x'.repeat(2 << 20) } }, /2097152 bytes.*nought deploy/],
  [
    'a package of unknown size',
    { source: { package: { name: 'diff-3f2a' } } },
    /number of its chunks/,
  ],
  ['an image for node', { source: { image: 'x' } }, /set spec.runtime to "image"/],
  ['python code as fetch', { runtime: 'python', signature: 'fetch' }, /signature "fetch"/],
] as const) {
  test(`functionCode() refuses ${what} in words`, () => {
    const code = node(spec);
    assert.equal(code.kind, 'invalid');
    assert.match(code.message, message);
  });
}

test('functionCode() lets no file out of the root', () => {
  const part = fc.constantFrom('a', 'b', '.', '..', '', '..c', 'd.js');
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(path, (each) => {
      const code = node({ source: { files: { [each]: '', 'index.js': '' } } });
      if (code.kind !== 'files') return;
      const { pathname } = new URL(each, 'file:///base/');
      assert.equal(pathname, `/base/${each}`);
    }),
  );
});
