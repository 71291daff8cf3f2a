/**
 * How the store lies in LMDB.
 *
 * - `log`: (revision, index) → what that write did to its key, with the value. The only place where
 *   values are, so that each is written once. Holds the writes above the compacted revision and
 *   those older ones that are still visible at it.
 * - `heads`: key → place of its newest write in the log, for keys that exist. Small records close
 *   together, so that ranges and counts touch few pages and every update rewrites little.
 * - `graves`: the same for keys that were deleted, until compaction passes the deletion.
 * - The root table has `format`, `revision`, `compacted` and `swept`.
 *
 * Each log record names the place of the key's write before it (deletions included). A read at an
 * older revision starts at the head or grave and follows these links down; what they pass is never
 * compacted away, because each write is kept until its successor is.
 *
 * Numbers are big-endian, so that their order is the order of bytes.
 */

/** A place in the log: the index counts the writes of one transaction. */
export interface Place {
  readonly revision: number;
  readonly index: number;
}

export interface Head extends Place {
  readonly createRevision: number;
}

export interface LogRecord {
  readonly kind: 'put' | 'delete';
  readonly createRevision: number;
  /** The key's write before this one; undefined when there is none that history can still show. */
  readonly link: Place | undefined;
  readonly key: string;
  /** Empty for a deletion. */
  readonly value: Uint8Array;
}

/** The version of this layout; raised whenever an older nought could not read it. */
export const formatVersion = 1;

const revisionBytes = 6;
const placeBytes = revisionBytes + 4;
const headBytes = placeBytes + revisionBytes;

const kindAt = 0;
const createRevisionAt = 1;
const linkAt = createRevisionAt + revisionBytes;
const keyLengthAt = linkAt + placeBytes;
const keyAt = keyLengthAt + 2;

const putCode = 1;
const deleteCode = 2;

export function encodeRevision(revision: number): Buffer {
  const bytes = Buffer.allocUnsafe(revisionBytes);
  bytes.writeUIntBE(revision, 0, revisionBytes);
  return bytes;
}

export function decodeRevision(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  return view(bytes, revisionBytes).readUIntBE(0, revisionBytes);
}

export function encodePlace({ revision, index }: Place): Buffer {
  const bytes = Buffer.allocUnsafe(placeBytes);
  writePlace(bytes, 0, { revision, index });
  return bytes;
}

export function decodePlace(bytes: Uint8Array): Place {
  return readPlace(view(bytes, placeBytes), 0);
}

export function encodeHead(head: Head): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes);
  writePlace(bytes, 0, head);
  bytes.writeUIntBE(head.createRevision, placeBytes, revisionBytes);
  return bytes;
}

export function decodeHead(source: Uint8Array): Head {
  const bytes = view(source, headBytes);
  const createRevision = bytes.readUIntBE(placeBytes, revisionBytes);
  return { ...readPlace(bytes, 0), createRevision };
}

/** A log record whose revisions are still to be filled in by `sealRecord`; copies the value. */
export function draftRecord(key: Uint8Array, value: Uint8Array | undefined): Buffer {
  const bytes = Buffer.allocUnsafe(keyAt + key.length + (value?.length ?? 0));
  bytes[kindAt] = value === undefined ? deleteCode : putCode;
  bytes.writeUInt16BE(key.length, keyLengthAt);
  bytes.set(key, keyAt);
  if (value !== undefined) bytes.set(value, keyAt + key.length);
  return bytes;
}

export function sealRecord(draft: Buffer, createRevision: number, link: Place | undefined): void {
  draft.writeUIntBE(createRevision, createRevisionAt, revisionBytes);
  writePlace(draft, linkAt, link ?? { revision: 0, index: 0 });
}

/** The value within a sealed or drafted record, without a copy. */
export function recordValue(record: Buffer): Uint8Array {
  return record.subarray(keyAt + record.readUInt16BE(keyLengthAt));
}

export function decodeRecord(source: Uint8Array): LogRecord {
  const bytes = view(source, keyAt);
  const valueAt = keyAt + bytes.readUInt16BE(keyLengthAt);
  const code = bytes[kindAt];
  if ((code !== putCode && code !== deleteCode) || bytes.length < valueAt) throw corruptRecord();
  const link = readPlace(bytes, linkAt);
  return {
    kind: code === putCode ? 'put' : 'delete',
    createRevision: bytes.readUIntBE(createRevisionAt, revisionBytes),
    link: link.revision === 0 ? undefined : link,
    key: bytes.toString('utf8', keyAt, valueAt),
    value: bytes.subarray(valueAt),
  };
}

function writePlace(bytes: Buffer, at: number, { revision, index }: Place): void {
  bytes.writeUIntBE(revision, at, revisionBytes);
  bytes.writeUInt32BE(index, at + revisionBytes);
}

function readPlace(bytes: Buffer, at: number): Place {
  return {
    revision: bytes.readUIntBE(at, revisionBytes),
    index: bytes.readUInt32BE(at + revisionBytes),
  };
}

function view(bytes: Uint8Array, least: number): Buffer {
  if (bytes.length < least) throw corruptRecord();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function corruptRecord(): Error {
  return new Error('Cannot read the store: a record is damaged; restore the store from a copy');
}
