import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { jsonPatch } from './json-patch.ts';
import { deepFreeze, jsonValue } from './testing/json-values.ts';

function refusal(original: unknown, operations: unknown): StatusError {
  try {
    jsonPatch(original, operations);
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return error;
  }
  throw new assert.AssertionError({
    message: `Expected a refusal of ${JSON.stringify(operations)}`,
  });
}

suite('jsonPatch()', () => {
  // RFC 6902 appendix A and RFC 6901 section 5, and the corners.
  const cases: readonly (readonly [string, unknown, readonly unknown[], unknown])[] = [
    ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['adds over a member', { a: 1 }, [{ op: 'add', path: '/a', value: 2 }], { a: 2 }],
    ['inserts an item', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['appends an item', { a: [1] }, [{ op: 'add', path: '/a/-', value: [2] }], { a: [1, [2]] }],
    ['appends at the length', [1], [{ op: 'add', path: '/1', value: 2 }], [1, 2]],
    ['adds the whole', { a: 1 }, [{ op: 'add', path: '', value: [] }], []],
    ['removes a member', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    ['removes an item', [1, 2, 3], [{ op: 'remove', path: '/1' }], [1, 3]],
    [
      'replaces a value',
      { a: { b: 1 } },
      [{ op: 'replace', path: '/a/b', value: 2 }],
      { a: { b: 2 } },
    ],
    ['replaces the whole', { a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
    [
      'moves a value',
      { a: { x: 1 }, b: {} },
      [{ op: 'move', from: '/a/x', path: '/b/y' }],
      { a: {}, b: { y: 1 } },
    ],
    ['moves an item', [1, 2, 3, 4], [{ op: 'move', from: '/1', path: '/3' }], [1, 3, 4, 2]],
    ['moves to itself', { a: 1 }, [{ op: 'move', from: '/a', path: '/a' }], { a: 1 }],
    [
      'copies a value',
      { a: { x: 1 } },
      [
        { op: 'copy', from: '/a', path: '/b' },
        { op: 'add', path: '/b/x', value: 2 },
      ],
      { a: { x: 1 }, b: { x: 2 } },
    ],
    ['copies the whole', { a: 1 }, [{ op: 'copy', from: '', path: '/b' }], { a: 1, b: { a: 1 } }],
    [
      'tests and goes on',
      { a: { b: [1, null] } },
      [
        { op: 'test', path: '/a', value: { b: [1, null] } },
        { op: 'add', path: '/c', value: null },
      ],
      { a: { b: [1, null] }, c: null },
    ],
    [
      'unescapes names',
      { '~1': 1, '/': 2, '': 3 },
      [
        { op: 'test', path: '/~01', value: 1 },
        { op: 'remove', path: '/~1' },
        { op: 'remove', path: '/' },
      ],
      { '~1': 1 },
    ],
    [
      'takes - and numbers as names',
      { '-': 1 },
      [
        { op: 'add', path: '/00', value: 1 },
        { op: 'remove', path: '/-' },
      ],
      { '00': 1 },
    ],
    ['does nothing for no operations', { a: 1 }, [], { a: 1 }],
  ];
  for (const [name, original, operations, result] of cases) {
    test(name, () => assert.deepEqual(jsonPatch(original, operations), result));
  }

  const failures: readonly (readonly [unknown, unknown, string])[] = [
    [{ a: 1 }, { op: 'test', path: '/a', value: 2 }, 'test failed at "/a"'],
    [{ a: 1 }, { op: 'test', path: '/b', value: null }, 'there is nothing at "/b"'],
    [{ a: 1 }, { op: 'remove', path: '/b' }, 'there is nothing at "/b"'],
    [{ a: 1 }, { op: 'remove', path: '' }, 'the whole document cannot be removed'],
    [{ a: 1 }, { op: 'replace', path: '/b', value: 1 }, 'there is nothing at "/b"'],
    [{ a: 1 }, { op: 'add', path: '/b/c', value: 1 }, 'there is nothing at "/b/c"'],
    [{ a: 1 }, { op: 'add', path: '/a/c', value: 1 }, 'there is nothing at "/a/c"'],
    [[1], { op: 'add', path: '/2', value: 1 }, 'there is nothing at "/2"'],
    [[1], { op: 'add', path: '/01', value: 1 }, 'there is nothing at "/01"'],
    [[1], { op: 'add', path: '/-1', value: 1 }, 'there is nothing at "/-1"'],
    [[1], { op: 'replace', path: '/-', value: 1 }, 'there is nothing at "/-"'],
    [[1], { op: 'remove', path: '/length' }, 'there is nothing at "/length"'],
    [{ a: 1 }, { op: 'copy', from: '/x', path: '/a' }, 'there is nothing at "/x"'],
    [{ a: { b: 1 } }, { op: 'move', from: '/a', path: '/a/b' }, '"/a" cannot be moved into itself'],
    [{}, { op: 'test', path: '/toString', value: 1 }, 'there is nothing at "/toString"'],
    [{}, { op: 'add', path: '/__proto__/x', value: 1 }, 'there is nothing at "/__proto__/x"'],
    [
      {},
      { op: 'add', path: '/constructor/prototype/x', value: 1 },
      'there is nothing at "/constructor/prototype/x"',
    ],
  ];
  for (const [original, operation, cause] of failures) {
    test(`fails on ${JSON.stringify(operation)}`, () => {
      const error = refusal(original, [operation]);
      assert.deepEqual([error.code, error.reason], [422, 'Invalid']);
      assert.equal(error.message, 'the server rejected our request due to an error in our request');
      const causes = error.details?.causes?.map(({ message }) => message);
      assert.deepEqual(causes, [`operations[0]: ${cause}`]);
      assert.equal(Reflect.get({}, 'x'), undefined);
    });
  }

  test('refuses a malformed patch with 400', () => {
    const malformed: readonly unknown[] = [
      {},
      null,
      'x',
      [1],
      [null],
      [{}],
      [{ op: 'add', value: 1 }],
      [{ op: 'add', path: '/a' }],
      [{ op: 'add', path: 'a', value: 1 }],
      [{ op: 'add', path: '/~2', value: 1 }],
      [{ op: 'add', path: 1, value: 1 }],
      [{ op: 'move', path: '/a' }],
      [{ op: 'frobnicate', path: '/a' }],
      [{ op: 'remove', path: '/a'.repeat(1001) }],
    ];
    for (const operations of malformed) {
      const error = refusal({ a: 1 }, operations);
      assert.deepEqual([error.code, error.reason], [400, 'BadRequest']);
      assert.match(error.message, /^error decoding patch: /);
    }
  });

  test('refuses more than 10,000 operations with 413', () => {
    const operation = { op: 'add', path: '/a', value: 1 };
    assert.deepEqual(jsonPatch({}, repeat(10_000, operation)), { a: 1 });
    const error = refusal({}, repeat(10_001, operation));
    assert.deepEqual([error.code, error.reason], [413, 'RequestEntityTooLarge']);
    assert.equal(
      error.message,
      'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    );
  });

  test('bounds copies of copies', () => {
    const bomb = repeat(100, { op: 'copy', from: '', path: '/a/-' });
    assert.match(causeOf(refusal({ a: ['x'.repeat(1000)] }, bomb)), /too much is copied/);
    const nest = repeat(1100, { op: 'copy', from: '/a', path: '/a/a' });
    assert.match(causeOf(refusal({ a: {} }, nest)), /nested too deeply/);
  });

  test('bounds the depth that moves can build', () => {
    const wrap = [
      { op: 'add', path: '/b', value: { c: { c: {} } } },
      { op: 'move', from: '/a', path: '/b/c/c/a' },
      { op: 'move', from: '/b', path: '/a' },
    ];
    const operations = repeat(2000, wrap).flat();
    assert.match(causeOf(refusal({ a: {} }, operations)), /the result is nested too deeply/);
  });

  test('sets __proto__ as data', () => {
    const result = jsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: 1 } }]);
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal(JSON.stringify(result), '{"__proto__":{"polluted":1}}');
  });

  test('does what a slow model does, and changes neither argument', () => {
    const part = fc.constantFrom('a', 'b', 'c', '0', '1', '-', '~0~1', '', '01');
    const path = fc
      .array(part, { maxLength: 3 })
      .map((parts) => parts.map((p) => `/${p}`).join(''));
    const operation = fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
        path,
        from: path,
        value: jsonValue,
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(jsonValue, fc.array(operation, { maxLength: 5 }), (original, operations) => {
        const expected = model(original, operations);
        deepFreeze(original);
        deepFreeze(operations);
        let actual: unknown;
        try {
          actual = { document: jsonPatch(original, operations) };
        } catch (error) {
          assert.ok(error instanceof StatusError);
          assert.equal(error.code, 422);
        }
        assert.deepEqual(actual, expected);
      }),
      { numRuns: 500 },
    );
  });
});

function repeat<T>(count: number, value: T): readonly T[] {
  return Array.from({ length: count }, () => value);
}

function causeOf(error: StatusError): string {
  assert.equal(error.code, 422);
  return error.details?.causes?.[0]?.message ?? '';
}

interface ModelOperation {
  readonly op: string;
  readonly path: string;
  readonly from: string;
  readonly value: unknown;
}

/** RFC 6902 with a document rebuilt at each step; undefined when an operation fails. */
function model(
  original: unknown,
  operations: readonly ModelOperation[],
): { readonly document: unknown } | undefined {
  let document = original;
  for (const { op, path, from, value } of operations) {
    const at = pathParts(path);
    const source = op === 'move' || op === 'copy' ? read(document, pathParts(from)) : { value };
    if (source === undefined) return undefined;
    let next: { readonly value: unknown } | undefined = { value: document };
    if (op === 'test') {
      const found = read(document, at);
      if (found === undefined || !isDeepStrictEqual(found.value, value)) return undefined;
      continue;
    }
    if (op === 'move') {
      if (path !== from && path.startsWith(`${from}/`)) return undefined;
      if (path === from) continue;
      next = edit(next.value, pathParts(from), 'remove', undefined);
    }
    if (next === undefined) return undefined;
    const how = op === 'remove' || op === 'replace' ? op : 'add';
    next = edit(next.value, at, how, source.value);
    if (next === undefined) return undefined;
    document = next.value;
  }
  return { document };
}

function pathParts(path: string): readonly string[] {
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(value: unknown, path: readonly string[]): { readonly value: unknown } | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return { value };
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(first)) return undefined;
  return Object.hasOwn(value, first) ? read(Reflect.get(value, first), rest) : undefined;
}

function edit(
  document: unknown,
  path: readonly string[],
  how: 'add' | 'remove' | 'replace',
  value: unknown,
): { readonly value: unknown } | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return how === 'remove' ? undefined : { value };
  if (typeof document !== 'object' || document === null) return undefined;
  const found = read(document, [first]);
  if (rest.length > 0) {
    const inner = found === undefined ? undefined : edit(found.value, rest, how, value);
    return inner === undefined ? undefined : edit(document, [first], 'replace', inner.value);
  }
  if (how !== 'add' && found === undefined) return undefined;
  if (Array.isArray(document)) {
    const index = first === '-' && how === 'add' ? document.length : Number(first);
    const canAdd = first === '-' || /^(0|[1-9]\d*)$/.test(first);
    if (how === 'add' && (!canAdd || index > document.length)) return undefined;
    if (how === 'add') return { value: document.toSpliced(index, 0, value) };
    return { value: how === 'remove' ? document.toSpliced(index, 1) : document.with(index, value) };
  }
  const others = Object.entries(document).filter(([key]) => key !== first);
  const added: [string, unknown][] = how === 'remove' ? [] : [[first, value]];
  return { value: Object.fromEntries([...others, ...added]) };
}
