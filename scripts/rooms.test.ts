import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkRooms } from './rooms.ts';

function check(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'nought-rooms-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return checkRooms(root).map(({ file, line, message }) => `${file}:${line}: ${message}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('checkRooms() finds nothing in this tree', () => {
  assert.deepEqual(checkRooms(fileURLToPath(new URL('../src', import.meta.url))), []);
});

for (const [kind, text] of [
  ['an import', "import { x } from '../apiserver/index.ts';"],
  ['a type import', "import type { X } from '../apiserver/index.ts';"],
  ['a re-export', "export { x } from '../apiserver/index.ts';"],
  ['a dynamic import', "const x = await import('../apiserver/index.ts');"],
  ['an import type', "type X = import('../apiserver/index.ts').X;"],
] as const) {
  test(`checkRooms() catches ${kind} that goes uphill`, () => {
    assert.deepEqual(check({ 'store/a.ts': `export {};\n${text}` }), [
      'store/a.ts:2: Room "store" may not import room "apiserver" ("../apiserver/index.ts")',
    ]);
  });
}

test('checkRooms() catches an import past the door, a stray room, depth and empty names', () => {
  const found = check({
    'client/a.ts': "import { x } from '../api/object.ts';\nimport { y } from '../lib/clock.ts';",
    'plumbing/a.ts': '',
    'api/a/b/c.ts': '',
    'lib/util.ts': '',
  });
  assert.deepEqual(
    found.map((line) => line.split(':')[0]),
    ['api/a/b/c.ts', 'client/a.ts', 'lib/util.ts', 'plumbing/a.ts'],
  );
});
