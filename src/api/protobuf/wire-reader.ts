import { StatusError } from '../status-error.ts';

export function badProtobuf(detail: string): StatusError {
  return new StatusError(400, 'BadRequest', `Cannot decode the body as protobuf: ${detail}`);
}

/** How a value is laid out; groups (3 and 4) are not used by Kubernetes and refused. */
export type WireType = 0 | 1 | 2 | 5;

export interface Tag {
  readonly field: number;
  readonly wire: WireType;
}

const maxVarintBytes = 10;
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** A cursor over protobuf's wire format; whatever does not fit its bounds is a StatusError 400. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#position >= this.#end;
  }

  tag(): Tag {
    const value = this.integer();
    const field = Math.floor(value / 8);
    const wire = value % 8;
    if (field < 1 || field > 0x1f_ff_ff_ff) throw badProtobuf('a field number is out of range');
    if (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5) {
      throw badProtobuf(`field ${field} has the unknown wire type ${wire}`);
    }
    return { field, wire };
  }

  /** A varint as a signed 64-bit integer; beyond 2^53 the nearest double. */
  integer(): number {
    const start = this.#position;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < maxVarintBytes; count += 1) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined || this.#position >= this.#end) throw truncated();
      this.#position += 1;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return count < 7 ? value : this.#longInteger(start);
    }
    throw badProtobuf('an integer has more than 64 bits');
  }

  double(): number {
    const start = this.#take(8);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8);
    const value = view.getFloat64(0, true);
    if (!Number.isFinite(value)) throw badProtobuf('a number is not finite');
    return value;
  }

  bytes(): Uint8Array {
    const length = this.integer();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** UTF-8 text; what is none becomes U+FFFD, as in Go's JSON. */
  text(): string {
    return utf8.decode(this.bytes());
  }

  /** A reader of the message that is next, and of nothing else. */
  message(): WireReader {
    const length = this.integer();
    const start = this.#take(length);
    return new WireReader(this.#bytes, start, start + length);
  }

  skip(wire: WireType): void {
    switch (wire) {
      case 0:
        this.integer();
        break;
      case 1:
        this.#take(8);
        break;
      case 2:
        this.#take(this.integer());
        break;
      case 5:
        this.#take(4);
        break;
    }
  }

  #take(length: number): number {
    const start = this.#position;
    if (length < 0 || length > this.#end - start) throw truncated();
    this.#position += length;
    return start;
  }

  #longInteger(start: number): number {
    let value = 0n;
    for (let index = start; index < this.#position; index += 1) {
      value |= BigInt((this.#bytes[index] ?? 0) & 0x7f) << BigInt(7 * (index - start));
    }
    return Number(BigInt.asIntN(64, value));
  }
}

function truncated(): StatusError {
  return badProtobuf('it ends in the middle of a value');
}
