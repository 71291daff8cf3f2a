/**
 * Encodes objects as Go clients do: the far side of decodeProtobuf(), for tests.
 *
 * Scalars that JSON leaves out when they are zero are written as zero, as Go writes fields that are no
 * pointers.
 */
import { messageFields, type MessageField, messageOfKind } from '../message-table.ts';

type Members = Readonly<Record<string, unknown>>;

const magic = [0x6b, 0x38, 0x73, 0x00];

/** The body of a request for an object of the given kind. */
export function encodeProtobuf(apiVersion: string, kind: string, object: Members): Uint8Array {
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) throw new Error(`Cannot encode "${kind}": it is not known`);
  const typeMeta = [...lengthDelimited(1, utf8(apiVersion)), ...lengthDelimited(2, utf8(kind))];
  const raw = encodeMessage(message, object);
  return Uint8Array.from([...magic, ...lengthDelimited(1, typeMeta), ...lengthDelimited(2, raw)]);
}

/** The bytes of one field: its tag, its length and `bytes`. */
export function lengthDelimited(field: number, bytes: ArrayLike<number>): number[] {
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...Array.from(bytes)];
}

export function varint(value: number): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function encodeMessage(message: string, value: unknown): number[] {
  const special = specialMembers(message, value);
  const members = special ?? (value as Members);
  const fields = messageFields(message);
  if (fields === undefined) throw new Error(`Cannot encode "${message}": it is not known`);
  return [...fields.values()].flatMap((field) =>
    field.zero === 'inline'
      ? lengthDelimited(field.number, encodeMessage(field.type, members))
      : encodeField(field, members[field.name]),
  );
}

function encodeField(field: MessageField, value: unknown): number[] {
  if (value === undefined) {
    const zero = field.zero === 'drop' && field.shape === 'single' ? zeroOf(field.type) : undefined;
    return zero === undefined ? [] : encodeValue(field.number, field.type, zero);
  }
  if (field.shape === 'list') {
    return (value as unknown[]).flatMap((item) => encodeValue(field.number, field.type, item));
  }
  if (field.shape === 'map') {
    return Object.entries(value as Members).flatMap(([key, member]) =>
      lengthDelimited(field.number, [
        ...lengthDelimited(1, utf8(key)),
        ...encodeValue(2, field.type, member),
      ]),
    );
  }
  return encodeValue(field.number, field.type, value);
}

function zeroOf(type: string): unknown {
  const zeros: Members = { string: '', bytes: '', bool: false, int32: 0, int64: 0, double: 0 };
  return zeros[type];
}

function encodeValue(number: number, type: string, value: unknown): number[] {
  switch (type) {
    case 'string':
      return lengthDelimited(number, utf8(String(value)));
    case 'bytes':
      return lengthDelimited(number, Buffer.from(String(value), 'base64'));
    case 'bool':
      return [...varint(number * 8), value === true ? 1 : 0];
    case 'int32':
    case 'int64':
      return [...varint(number * 8), ...varint(Number(value))];
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(Number(value));
      return [...varint(number * 8 + 1), ...bytes];
    }
    default:
      return lengthDelimited(number, encodeMessage(type, value));
  }
}

/** The fields of a message whose JSON is no object. */
function specialMembers(message: string, value: unknown): Members | undefined {
  switch (message) {
    case 'meta.v1.Time':
    case 'meta.v1.MicroTime': {
      const ms = Date.parse(String(value));
      return { seconds: Math.floor(ms / 1000), nanos: (ms - Math.floor(ms / 1000) * 1000) * 1e6 };
    }
    case 'meta.v1.FieldsV1':
    case 'apiextensions.v1.JSON':
      return { '-': base64Json(value) };
    case 'special.RawExtension':
      return { raw: base64Json(value) };
    case 'special.Quantity':
      return { string: value };
    case 'special.IntOrString':
      return typeof value === 'string'
        ? { type: 1, intVal: 0, strVal: value }
        : { type: 0, intVal: value, strVal: '' };
    case 'authentication.v1.ExtraValue':
    case 'authorization.v1.ExtraValue':
      return { items: value };
    case 'apiextensions.v1.JSONSchemaPropsOrBool':
      return typeof value === 'boolean' ? { allows: value } : { allows: true, schema: value };
    case 'apiextensions.v1.JSONSchemaPropsOrArray':
      return Array.isArray(value) ? { jSONSchemas: value } : { schema: value };
    case 'apiextensions.v1.JSONSchemaPropsOrStringArray':
      return Array.isArray(value) ? { property: value } : { schema: value };
    default:
      return undefined;
  }
}

function base64Json(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64');
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text);
}
