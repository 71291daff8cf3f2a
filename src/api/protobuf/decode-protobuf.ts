/**
 * Decodes Kubernetes' protobuf bodies (`k8s\0` and runtime.Unknown) into what the JSON of the same
 * object would be.
 *
 * 1. Driven by tables derived from upstream (scripts/derive-protobuf.ts); fields that they do not know
 *    are skipped, as a newer client's are by an older server.
 * 2. Zero values that Go's JSON would leave out are left out: Go clients always send them.
 * 3. Depth and the number of fields are bounded; work is linear in the bytes. Anything else than a
 *    well-formed message of a known kind is a StatusError 400.
 */
import { messageFields, type MessageField, messageOfKind } from './message-table.ts';
import { specialMessages } from './special-messages.ts';
import { badProtobuf, WireReader, type WireType } from './wire-reader.ts';

export interface KindName {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface DecodedProtobuf extends KindName {
  /** The object without apiVersion and kind. */
  readonly object: Readonly<Record<string, unknown>>;
}

const magic = [0x6b, 0x38, 0x73, 0x00];
const depthLimit = 300;
const fieldsLimit = 500_000;
const protobufMediaType = 'application/vnd.kubernetes.protobuf';

/** Decodes a body; `fallback` names the kind of a body that does not say what it is. */
export function decodeProtobuf(bytes: Uint8Array, fallback?: KindName): DecodedProtobuf {
  if (!magic.every((byte, index) => bytes[index] === byte)) {
    throw badProtobuf(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  const envelope = readEnvelope(new WireReader(bytes, magic.length));
  const apiVersion = envelope.apiVersion || (fallback?.apiVersion ?? '');
  const kind = envelope.kind || (fallback?.kind ?? '');
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) {
    throw badProtobuf(
      `no kind ${JSON.stringify(kind)} is known in version ${JSON.stringify(apiVersion)}`,
    );
  }
  const object = new Decoding().members(new WireReader(envelope.raw), message, depthLimit);
  return { apiVersion, kind, object };
}

interface Envelope extends KindName {
  readonly raw: Uint8Array;
}

function readEnvelope(reader: WireReader): Envelope {
  let typeMeta: KindName = { apiVersion: '', kind: '' };
  let raw: Uint8Array = new Uint8Array();
  while (!reader.atEnd) {
    const { field, wire } = reader.tag();
    if (wire !== 2 || field > 4) {
      reader.skip(wire);
    } else if (field === 1) {
      typeMeta = readTypeMeta(reader.message());
    } else if (field === 2) {
      raw = reader.bytes();
    } else {
      checkContent(field === 3 ? 'encoding' : 'type', reader.text());
    }
  }
  return { ...typeMeta, raw };
}

function checkContent(what: 'encoding' | 'type', value: string): void {
  if (value === '' || (what === 'type' && value === protobufMediaType)) return;
  throw badProtobuf(`its content ${what} is ${JSON.stringify(value)}`);
}

function readTypeMeta(reader: WireReader): KindName {
  const meta = { apiVersion: '', kind: '' };
  while (!reader.atEnd) {
    const { field, wire } = reader.tag();
    if (wire === 2 && field === 1) meta.apiVersion = reader.text();
    else if (wire === 2 && field === 2) meta.kind = reader.text();
    else reader.skip(wire);
  }
  return meta;
}

type Members = Record<string, unknown>;

/** One body's decoding: counts its fields. */
class Decoding {
  #fields = 0;

  members(reader: WireReader, message: string, depth: number): Members {
    const members: Members = {};
    this.#readInto(members, reader, { message, depth });
    return members;
  }

  /** `message`'s fields from `reader`, into `members`: its own, or its parent's when it is inlined. */
  #readInto(
    members: Members,
    reader: WireReader,
    { message, depth }: { readonly message: string; readonly depth: number },
  ): void {
    const fields = messageFields(message);
    if (fields === undefined) throw badProtobuf(`the message ${message} is not known`);
    if (depth === 0) throw badProtobuf('it is nested too deeply');
    const keepsBytes = specialMessages.has(message);
    while (!reader.atEnd) {
      this.#fields += 1;
      if (this.#fields > fieldsLimit) throw badProtobuf('it has too many fields');
      const { field: number, wire } = reader.tag();
      const field = fields.get(number);
      if (field === undefined) {
        reader.skip(wire);
      } else if (field.zero === 'inline') {
        expectWire(field, wire, 2);
        this.#readInto(members, reader.message(), { message: field.type, depth: depth - 1 });
      } else if (keepsBytes && field.type === 'bytes') {
        expectWire(field, wire, 2);
        members[field.name] = reader.bytes();
      } else {
        this.#readField(members, reader, { field, wire, depth });
      }
    }
  }

  #readField(members: Members, reader: WireReader, at: FieldAt): void {
    const { field, wire } = at;
    switch (field.shape) {
      case 'single': {
        const value = this.#value(reader, at);
        const dropped = value === undefined || (field.zero === 'drop' && isZero(value));
        if (dropped) delete members[field.name];
        else members[field.name] = value;
        break;
      }
      case 'list': {
        const list = (members[field.name] ??= []) as unknown[];
        if (wire === 2 && numericTypes.has(field.type)) {
          const packed = reader.message();
          const itemAt = { ...at, wire: field.type === 'double' ? 1 : 0 } as const;
          while (!packed.atEnd) list.push(this.#value(packed, itemAt));
        } else {
          list.push(this.#value(reader, at) ?? null);
        }
        break;
      }
      case 'map': {
        expectWire(field, wire, 2);
        this.#readEntry((members[field.name] ??= {}) as Members, reader.message(), at);
        break;
      }
    }
  }

  #readEntry(map: Members, reader: WireReader, at: FieldAt): void {
    let key = '';
    let value: unknown;
    let hasValue = false;
    while (!reader.atEnd) {
      const { field, wire } = reader.tag();
      if (field === 1 && wire === 2) {
        key = reader.text();
      } else if (field === 2) {
        value = this.#value(reader, { ...at, wire });
        hasValue = true;
      } else {
        reader.skip(wire);
      }
    }
    if (key === '__proto__') throw badProtobuf('the key "__proto__" is not supported');
    if (!hasValue) value = this.#zero(at);
    if (value !== undefined) map[key] = value;
  }

  #value(reader: WireReader, { field, wire, depth }: FieldAt): unknown {
    switch (field.type) {
      case 'string':
        expectWire(field, wire, 2);
        return reader.text();
      case 'bytes':
        expectWire(field, wire, 2);
        return Buffer.from(reader.bytes()).toString('base64');
      case 'bool':
        expectWire(field, wire, 0);
        return reader.integer() !== 0;
      case 'int32':
      case 'int64':
        expectWire(field, wire, 0);
        return reader.integer();
      case 'double':
        expectWire(field, wire, 1);
        return reader.double();
      default:
        expectWire(field, wire, 2);
        return this.#message(reader.message(), field.type, depth - 1);
    }
  }

  #message(reader: WireReader, message: string, depth: number): unknown {
    const members = this.members(reader, message, depth);
    const special = specialMessages.get(message);
    return special === undefined ? members : special(members);
  }

  /** The value of a map's entry that has none on the wire. */
  #zero({ field, depth }: FieldAt): unknown {
    if (field.type === 'string' || field.type === 'bytes') return '';
    if (field.type === 'bool') return false;
    if (numericTypes.has(field.type)) return 0;
    return this.#message(new WireReader(new Uint8Array()), field.type, depth - 1);
  }
}

interface FieldAt {
  readonly field: MessageField;
  readonly wire: WireType;
  readonly depth: number;
}

const numericTypes: ReadonlySet<string> = new Set(['bool', 'int32', 'int64', 'double']);

function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false;
}

function expectWire(field: MessageField, wire: WireType, expected: WireType): void {
  if (wire !== expected) {
    throw badProtobuf(`the field "${field.name}" has wire type ${wire} and not ${expected}`);
  }
}
