import { parseJson } from '../strict-json.ts';
import { formatMicroTime, formatTime } from '../time.ts';
import { badProtobuf } from './wire-reader.ts';

/** A message's fields by name, bytes as they came. */
type RawMembers = Readonly<Record<string, unknown>>;

/** Makes of a message whose JSON is no object what its JSON is; undefined for nothing at all. */
export type SpecialMessage = (members: RawMembers) => unknown;

/** Messages whose Go types marshal themselves to JSON. */
export const specialMessages: ReadonlyMap<string, SpecialMessage> = new Map<string, SpecialMessage>(
  [
    ['meta.v1.Time', (members) => timeOf(members, formatTime)],
    ['meta.v1.MicroTime', (members) => timeOf(members, formatMicroTime)],
    ['meta.v1.FieldsV1', (members) => jsonOf(members['-'])],
    ['apiextensions.v1.JSON', (members) => jsonOf(members['-'])],
    ['special.RawExtension', (members) => jsonOf(members['raw'])],
    ['special.Quantity', (members) => members['string'] ?? '0'],
    ['special.IntOrString', intOrString],
    ['authentication.v1.ExtraValue', (members) => members['items'] ?? []],
    ['authorization.v1.ExtraValue', (members) => members['items'] ?? []],
    ['apiextensions.v1.JSONSchemaPropsOrBool', schemaOr('allows')],
    ['apiextensions.v1.JSONSchemaPropsOrArray', schemaOr('jSONSchemas')],
    ['apiextensions.v1.JSONSchemaPropsOrStringArray', schemaOr('property')],
  ],
);

/** Go's zero time (the first second of year 1) and the last second of year 9999, in Unix seconds. */
const zeroTimeSeconds = -62_135_596_800;
const lastTimeSeconds = 253_402_300_799;

function timeOf(members: RawMembers, format: (ms: number) => string): string | undefined {
  const { seconds, nanos = 0 } = members;
  if (seconds === undefined && nanos === 0) return undefined;
  const atSeconds = Number(seconds ?? 0);
  const atNanos = Number(nanos);
  if (atSeconds === zeroTimeSeconds && atNanos === 0) return undefined;
  if (atSeconds < zeroTimeSeconds || atSeconds > lastTimeSeconds || atNanos < 0 || atNanos > 1e9) {
    throw badProtobuf('a time is out of range');
  }
  return format(atSeconds * 1000 + Math.floor(atNanos / 1000) / 1000);
}

const stringType = 1;

function intOrString({ type, intVal, strVal }: RawMembers): unknown {
  return type === stringType ? (strVal ?? '') : (intVal ?? 0);
}

function schemaOr(other: string): SpecialMessage {
  return (members) => members['schema'] ?? members[other] ?? (other === 'allows' ? false : []);
}

function jsonOf(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) return undefined;
  return parseJson(new TextDecoder().decode(bytes)).value;
}
