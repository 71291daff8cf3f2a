import { parseQuantity } from '../quantity.ts';
import type { Schema } from '../schema.ts';
import { isBase64, isDateTime } from './formats.ts';

/**
 * The first thing in an object that Go could not decode into the type of a built-in kind, in the
 * words that upstream answers with (400 BadRequest, before any validation); undefined if it can.
 *
 * Once this is undefined, every member of the object has the type of its schema.
 */
export function decodeFault(schema: Schema, object: unknown): string | undefined {
  return fault(schema, object, { struct: structName(schema), path: '' });
}

/** Where Go would stand: in which struct, at which dotted path of JSON names (without indexes). */
interface Spot {
  readonly struct: string;
  readonly path: string;
}

function fault(schema: Schema, value: unknown, spot: Spot): string | undefined {
  if (value === null || value === undefined || schema.preserveUnknownFields === true) {
    return undefined;
  }
  if (schema.intOrString === true) return numberOrText(schema, value, spot);
  switch (schema.type) {
    case 'object':
      return objectFault(schema, value, spot);
    case 'array':
      if (!Array.isArray(value)) return mismatch(schema, value, spot);
      for (const item of value as unknown[]) {
        const found = schema.items === undefined ? undefined : fault(schema.items, item, spot);
        if (found !== undefined) return found;
      }
      return undefined;
    case 'string':
      return textFault(schema, value, spot);
    case 'integer':
      if (typeof value !== 'number') return mismatch(schema, value, spot);
      return Number.isInteger(value) && (schema.format !== 'int32' || (value | 0) === value)
        ? undefined
        : mismatch(schema, value, spot, `number ${value}`);
    case 'number':
      return typeof value === 'number' ? undefined : mismatch(schema, value, spot);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : mismatch(schema, value, spot);
    case undefined:
      return undefined;
    default:
      return schema.type satisfies never;
  }
}

function objectFault(schema: Schema, value: unknown, spot: Spot): string | undefined {
  if (typeof value !== 'object' || Array.isArray(value)) return mismatch(schema, value, spot);
  const members = value as Record<string, unknown>;
  const inner = schema.definition === undefined ? spot.struct : structName(schema);
  for (const key of Object.keys(members)) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const member = known ? schema.properties[key] : schema.additionalProperties;
    if (typeof member !== 'object') continue;
    const path = known ? (spot.path === '' ? key : `${spot.path}.${key}`) : spot.path;
    const found = fault(member, members[key], { struct: inner, path });
    if (found !== undefined) return found;
  }
  return undefined;
}

function textFault(schema: Schema, value: unknown, spot: Spot): string | undefined {
  if (typeof value !== 'string') return mismatch(schema, value, spot);
  if (schema.format === 'byte' && !isBase64(value)) {
    const at = value.search(/[^A-Za-z0-9+/]/);
    return `illegal base64 data at input byte ${at < 0 ? value.length - (value.length % 4) : at}`;
  }
  if (schema.format === 'date-time' && value !== '' && !isDateTime(value)) {
    const quoted = JSON.stringify(value);
    return `parsing time ${quoted} as "2006-01-02T15:04:05Z07:00": cannot parse ${quoted} as "2006"`;
  }
  return undefined;
}

function numberOrText(schema: Schema, value: unknown, spot: Spot): string | undefined {
  const quantity = schema.format === undefined;
  if (typeof value === 'number' && !quantity && !Number.isInteger(value)) {
    return mismatch(schema, value, spot);
  }
  if (typeof value !== 'string' && typeof value !== 'number') return mismatch(schema, value, spot);
  return quantity ? quantityFault(String(value)) : undefined;
}

function quantityFault(text: string): string | undefined {
  try {
    parseQuantity(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function mismatch(schema: Schema, value: unknown, spot: Spot, got = jsonWord(value)): string {
  return `json: cannot unmarshal ${got} into Go struct field ${spot.struct}.${spot.path} of type ${goType(schema)}`;
}

function jsonWord(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** The Go type that a schema stands for. */
function goType(schema: Schema): string {
  if (schema.definition !== undefined) return qualifiedStruct(schema.definition);
  switch (schema.type) {
    case 'array':
      return `[]${schema.items === undefined ? 'interface {}' : goType(schema.items)}`;
    case 'object': {
      const values = schema.additionalProperties;
      return `map[string]${typeof values === 'object' ? goType(values) : 'interface {}'}`;
    }
    case 'integer':
      return schema.format ?? 'int64';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'string':
    case undefined:
      return schema.format === 'byte' ? '[]uint8' : 'string';
    default:
      return schema.type satisfies never;
  }
}

/** `v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`. */
function qualifiedStruct(definition: string): string {
  return definition.split('.').slice(-2).join('.');
}

function structName(schema: Schema): string {
  return (schema.definition ?? '').split('.').at(-1) ?? '';
}
