import * as fc from 'fast-check';
import { formatMicroTime, formatTime } from '../../time.ts';
import { messageFields, type MessageField } from '../message-table.ts';

const instant = fc.integer({ min: 1, max: 4_102_444_800 });
const text = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '"', '\n', 'é', '😀', '\uFEFF') });
const json = fc.oneof(
  fc.constantFrom<unknown>(null, true, 'x', 1.5, []),
  fc.dictionary(fc.constantFrom('a', 'b'), fc.integer(), { noNullPrototype: true }),
);
const plain = { noNullPrototype: true } as const;

const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: text,
  bytes: fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  bool: fc.boolean(),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  'meta.v1.Time': instant.map((seconds) => formatTime(seconds * 1000)),
  'meta.v1.MicroTime': instant.map((ms) => formatMicroTime(ms)),
  'meta.v1.FieldsV1': json,
  'apiextensions.v1.JSON': json,
  'special.RawExtension': json,
  'special.Quantity': fc.constantFrom('0', '100m', '1Gi'),
  'special.IntOrString': fc.oneof(fc.integer(), text),
  'authentication.v1.ExtraValue': fc.array(text, { minLength: 1, maxLength: 2 }),
  'authorization.v1.ExtraValue': fc.array(text, { minLength: 1, maxLength: 2 }),
};

const variants: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'apiextensions.v1.JSONSchemaPropsOrBool': fc.boolean(),
  'apiextensions.v1.JSONSchemaPropsOrArray': fc.constant([{ type: 'string' }]),
  'apiextensions.v1.JSONSchemaPropsOrStringArray': fc.constant(['a']),
};

/**
 * Objects of a message as their JSON is: members that JSON leaves out when they are zero are never
 * zero, and messages that Go keeps by value are always there.
 */
export function messageValue(message: string, depth: number): fc.Arbitrary<unknown> {
  const variant = variants[message];
  if (variant !== undefined) {
    if (depth <= 0) return variant;
    return fc.oneof(variant, messageValue('apiextensions.v1.JSONSchemaProps', depth - 1));
  }
  const scalar = scalars[message];
  if (scalar !== undefined) return scalar;
  const fields = [...(messageFields(message)?.values() ?? [])];
  const inlined = fields.filter((field) => field.zero === 'inline');
  const own = fields.filter((field) => field.zero !== 'inline' && (depth > 0 || isScalar(field)));
  const members = fc
    .subarray(own, { maxLength: Math.min(6, own.length) })
    .chain((chosen) =>
      fc.record(
        Object.fromEntries(chosen.map((field) => [field.name, fieldValue(field, depth - 1)])),
        plain,
      ),
    );
  const parts = inlined.map((field) => messageValue(field.type, depth));
  return fc
    .tuple(members, ...parts)
    .map((all) => Object.assign({}, ...all.toReversed()) as unknown);
}

function isScalar(field: MessageField): boolean {
  return scalars[field.type] !== undefined;
}

function fieldValue(field: MessageField, depth: number): fc.Arbitrary<unknown> {
  const value = messageValue(field.type, depth);
  if (field.shape === 'list') return fc.array(value, { minLength: 1, maxLength: 2 });
  if (field.shape === 'map')
    return fc.dictionary(text, value, { ...plain, minKeys: 1, maxKeys: 2 });
  return field.zero === 'drop'
    ? value.filter((one) => one !== '' && one !== 0 && one !== false)
    : value;
}
