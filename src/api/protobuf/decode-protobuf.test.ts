import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { decodeProtobuf } from './decode-protobuf.ts';
import { messageFields, messageNames, messageOfKind } from './message-table.ts';
import { encodeProtobuf, lengthDelimited, varint } from './testing/encode-protobuf.ts';
import { messageValue } from './testing/message-values.ts';

const kinds: readonly (readonly [string, string])[] = [
  ['v1', 'Pod'],
  ['v1', 'Secret'],
  ['v1', 'Event'],
  ['v1', 'Node'],
  ['v1', 'PersistentVolume'],
  ['v1', 'DeleteOptions'],
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['batch/v1', 'CronJob'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
  ['coordination.k8s.io/v1', 'Lease'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
  ['networking.k8s.io/v1', 'Ingress'],
  ['authentication.k8s.io/v1', 'TokenReview'],
  ['authorization.k8s.io/v1', 'SubjectAccessReview'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
];

function refusal(bytes: readonly number[] | Uint8Array): string {
  try {
    decodeProtobuf(Uint8Array.from(bytes));
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.deepEqual([error.code, error.reason], [400, 'BadRequest']);
    return error.message;
  }
  throw new assert.AssertionError({ message: 'Expected a refusal' });
}

/** A body of an envelope's fields. */
function body(...fields: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([0x6b, 0x38, 0x73, 0x00, ...fields.flat()]);
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const typeMeta = (apiVersion: string, kind: string): number[] =>
  lengthDelimited(1, [
    ...lengthDelimited(1, bytesOf(apiVersion)),
    ...lengthDelimited(2, bytesOf(kind)),
  ]);
const configMap = typeMeta('v1', 'ConfigMap');

suite('decodeProtobuf()', () => {
  for (const [apiVersion, kind] of kinds) {
    test(`gives ${apiVersion} ${kind} back as its JSON is`, () => {
      const message = messageOfKind(apiVersion, kind) ?? '';
      fc.assert(
        fc.property(messageValue(message, 4), (value) => {
          const object = value as Readonly<Record<string, unknown>>;
          const bytes = encodeProtobuf(apiVersion, kind, object);
          assert.deepEqual(decodeProtobuf(bytes), { apiVersion, kind, object });
        }),
        { numRuns: 60 },
      );
    });
  }

  test('leaves out what Go leaves out, and keeps zeros behind pointers', () => {
    const raw = encodeProtobuf('apps/v1', 'Deployment', {
      metadata: { namespace: '', generation: 0, labels: {} },
      spec: { replicas: 0, paused: false, template: { spec: { hostNetwork: false } } },
      status: {},
    });
    assert.deepEqual(decodeProtobuf(raw).object, {
      metadata: {},
      spec: { replicas: 0, template: { spec: {} } },
      status: {},
    });
  });

  test('takes an absent value of a map for its zero', () => {
    const data = lengthDelimited(2, lengthDelimited(1, bytesOf('k')));
    const raw = body(configMap, lengthDelimited(2, data));
    assert.deepEqual(decodeProtobuf(raw).object, { data: { k: '' } });
  });

  test('skips fields that it does not know', () => {
    const unknown = [
      ...lengthDelimited(1000, [1, 2, 3]),
      ...varint(1001 * 8),
      ...varint(5),
      ...varint(1002 * 8 + 1),
      ...Array<number>(8).fill(0),
      ...varint(1003 * 8 + 5),
      ...Array<number>(4).fill(0),
    ];
    assert.deepEqual(decodeProtobuf(body(configMap, lengthDelimited(2, unknown))).object, {});
  });

  test('reads packed lists', () => {
    const ports = lengthDelimited(4, [...varint(1), ...varint(65535), ...varint(-1)]);
    const context = lengthDelimited(14, ports);
    const raw = body(typeMeta('v1', 'Pod'), lengthDelimited(2, lengthDelimited(2, context)));
    assert.deepEqual(decodeProtobuf(raw).object, {
      spec: { securityContext: { supplementalGroups: [1, 65535, -1] } },
    });
  });

  test('asks the caller for the kind of a body that does not say', () => {
    const raw = body(lengthDelimited(2, []));
    const fallback = { apiVersion: 'v1', kind: 'ConfigMap' };
    assert.deepEqual(decodeProtobuf(raw, fallback), { ...fallback, object: {} });
    assert.match(refusal(raw), /no kind "" is known in version ""/);
  });

  test('replaces what is no UTF-8 and keeps a byte order mark', () => {
    const immutable = lengthDelimited(2, [
      ...lengthDelimited(1, bytesOf('a')),
      ...lengthDelimited(2, [0xef, 0xbb, 0xbf, 0xff]),
    ]);
    const raw = body(configMap, lengthDelimited(2, immutable));
    assert.deepEqual(decodeProtobuf(raw).object, { data: { a: '\uFEFF\uFFFD' } });
  });
});

suite('decodeProtobuf() refuses with 400', () => {
  const secret = typeMeta('v1', 'Secret');
  const cases: readonly (readonly [string, readonly number[] | Uint8Array, RegExp])[] = [
    ['nothing', [], /expected prefix \[107 56 115 0\]/],
    ['JSON', Buffer.from('{"kind":"Pod"}'), /expected prefix \[107 56 115 0\]/],
    ['an unknown kind', body(typeMeta('nought.dev/v1', 'Function')), /no kind "Function" is known/],
    ['an inherited name', body(typeMeta('v1', 'toString')), /no kind "toString"/],
    ['an encoding', body(configMap, lengthDelimited(3, bytesOf('gzip'))), /encoding is "gzip"/],
    ['another type', body(configMap, lengthDelimited(4, bytesOf('a/b'))), /type is "a\/b"/],
    ['a truncated length', body([0x12, 0x05, 0x0a]), /middle of a value/],
    ['a truncated integer', body([0x08, 0xff]), /middle of a value/],
    ['an endless integer', body([0x08, ...Array<number>(11).fill(0xff)]), /more than 64 bits/],
    ['a negative length', body([0x12, ...varint(-1)]), /middle of a value/],
    ['field 0', body([0x02, 0x00]), /field number is out of range/],
    ['a group', body([0x0b]), /wire type 3/],
    ['a wrong wire type', body(secret, lengthDelimited(2, [0x18, 0x01])), /"type" has wire type 0/],
    [
      'a key __proto__',
      body(
        configMap,
        lengthDelimited(2, lengthDelimited(2, lengthDelimited(1, bytesOf('__proto__')))),
      ),
      /"__proto__" is not supported/,
    ],
    [
      'a time out of range',
      body(
        configMap,
        lengthDelimited(2, lengthDelimited(1, lengthDelimited(8, [0x08, ...varint(2 ** 60)]))),
      ),
      /time is out of range/,
    ],
  ];
  for (const [name, bytes, message] of cases) {
    test(name, () => assert.match(refusal(bytes), message));
  }

  test('nesting without end', () => {
    let schema: number[] = [];
    for (let depth = 0; depth < 400; depth += 1) schema = lengthDelimited(28, schema);
    const version = lengthDelimited(7, lengthDelimited(4, lengthDelimited(1, schema)));
    const raw = body(
      typeMeta('apiextensions.k8s.io/v1', 'CustomResourceDefinition'),
      lengthDelimited(2, lengthDelimited(2, version)),
    );
    assert.match(refusal(raw), /nested too deeply/);
  });

  test('fields without end', () => {
    const containers = Array.from({ length: 500_001 }, () => [0x12, 0x00]).flat();
    const header = [...varint(2 * 8 + 2), ...varint(containers.length)];
    const spec = Uint8Array.from([...header, ...containers]);
    const raw = Buffer.concat([
      body(typeMeta('v1', 'Pod'), [...varint(2 * 8 + 2), ...varint(spec.length)]),
      spec,
    ]);
    assert.match(refusal(raw), /too many fields/);
  });

  test('random bytes, cut bodies and flipped bytes, and never fails otherwise', () => {
    const podValue = messageValue('core.v1.Pod', 4) as fc.Arbitrary<Record<string, unknown>>;
    const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
    const decode = (bytes: Uint8Array): void => {
      try {
        decodeProtobuf(bytes, { apiVersion: 'v1', kind: 'Pod' });
      } catch (error) {
        assert.ok(error instanceof StatusError && error.code === 400, String(error));
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decode(Buffer.concat([body(), bytes]));
        decode(body(configMap, lengthDelimited(2, bytes)));
        decode(body(typeMeta('v1', 'Pod'), lengthDelimited(2, bytes)));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(podValue, fc.nat(), fc.array(change, { maxLength: 4 }), (pod, cut, changes) => {
        const bytes = encodeProtobuf('v1', 'Pod', pod);
        decode(bytes.subarray(0, cut % bytes.length));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        decode(bytes);
      }),
      { numRuns: 500 },
    );
  });
});

test('messages.json names only messages and scalars that are known', () => {
  const known = new Set([...messageNames(), 'string', 'bytes', 'bool', 'int32', 'int64', 'double']);
  for (const name of messageNames()) {
    for (const field of messageFields(name)?.values() ?? []) {
      assert.ok(known.has(field.type), `${name}.${field.name} has the type ${field.type}`);
      assert.ok(
        field.number > 0 && field.name !== '',
        `${name} has a field without name or number`,
      );
    }
  }
});
