import { tokenBytes } from './field-spans.ts';
import type { Framing } from './framing.ts';

const cr = 13;
const lf = 10;
const semicolon = 59;
const space = 32;
const tab = 9;
const colon = 58;
const equals = 61;
const quote = 34;
const backslash = 92;

/** Longest chunk-size line with its extensions, and longest trailer section; bytes. */
const extensionLimit = 1024;
const trailerLimit = 8192;

type State =
  | 'size'
  | 'extension'
  | 'extension-name'
  | 'extension-value'
  | 'extension-token'
  | 'extension-quoted'
  | 'extension-escape'
  | 'extension-end'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer'
  | 'trailer-name'
  | 'trailer-value'
  | 'trailer-lf'
  | 'end-lf'
  | 'done'
  | 'failed';

type ExtensionState = Extract<State, `extension${string}`>;

/**
 * Takes the framing off a body: incremental, strict, and without copying.
 *
 * Chunk extensions and trailers are checked and dropped (RFC 9112 section 7.1), so nothing of them
 * can mean one thing here and another to the next reader.
 */
export class BodyDecoder {
  readonly #kind: Framing['kind'];
  #state: State;
  /** Bytes that are left of a known length, or of the chunk. */
  #left: number;
  #digits = 0;
  #overhead = 0;

  constructor(framing: Framing) {
    this.#kind = framing.kind;
    this.#left = framing.kind === 'length' ? framing.length : 0;
    this.#state = framing.kind === 'chunked' ? 'size' : 'data';
    if (framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0)) {
      this.#state = 'done';
    }
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  get failed(): boolean {
    return this.#state === 'failed';
  }

  /** Consumes bytes from `from`, adds the ranges of data to `out`; returns the offset after it. */
  decode(bytes: Buffer, from: number, out: Buffer[]): number {
    if (this.#kind === 'chunked') return this.#chunked(bytes, from, out);
    if (this.#state !== 'data' || from >= bytes.length) return from;
    if (this.#kind === 'close') {
      out.push(from === 0 ? bytes : bytes.subarray(from));
      return bytes.length;
    }
    const end = this.#data(bytes, from, out);
    if (this.#left === 0) this.#state = 'done';
    return end;
  }

  #data(bytes: Buffer, from: number, out: Buffer[]): number {
    const end = Math.min(bytes.length, from + this.#left);
    out.push(bytes.subarray(from, end));
    this.#left -= end - from;
    return end;
  }

  #chunked(bytes: Buffer, from: number, out: Buffer[]): number {
    let at = from;
    while (at < bytes.length && this.#state !== 'done' && this.#state !== 'failed') {
      if (this.#state === 'data') {
        at = this.#data(bytes, at, out);
        if (this.#left === 0) this.#state = 'data-cr';
        continue;
      }
      this.#state = this.#step(bytes[at] as number);
      at += 1;
    }
    return at;
  }

  #step(byte: number): State {
    switch (this.#state) {
      case 'size':
        return this.#size(byte);
      case 'extension':
      case 'extension-name':
      case 'extension-value':
      case 'extension-token':
      case 'extension-quoted':
      case 'extension-escape':
      case 'extension-end':
        return this.#within(extensionLimit, extension(this.#state, byte));
      case 'size-lf':
        return this.#afterSize(byte);
      case 'data-cr':
        return byte === cr ? 'data-lf' : 'failed';
      case 'data-lf':
        return byte === lf ? 'size' : 'failed';
      case 'trailer':
        if (byte === cr) return 'end-lf';
        return this.#within(trailerLimit, tokenBytes[byte] === 1 ? 'trailer-name' : 'failed');
      case 'trailer-name':
        if (byte === colon) return 'trailer-value';
        return this.#within(trailerLimit, tokenBytes[byte] === 1 ? 'trailer-name' : 'failed');
      case 'trailer-value':
        return this.#within(trailerLimit, byte === cr ? 'trailer-lf' : text(byte, 'trailer-value'));
      case 'trailer-lf':
        return byte === lf ? 'trailer' : 'failed';
      case 'end-lf':
        return byte === lf ? 'done' : 'failed';
      case 'data':
      case 'done':
      case 'failed':
        return this.#state;
    }
  }

  #size(byte: number): State {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digits += 1;
      this.#left = this.#left * 16 + digit;
      return this.#digits > 12 ? 'failed' : 'size';
    }
    if (this.#digits === 0) return 'failed';
    if (byte === cr) return 'size-lf';
    return byte === semicolon ? 'extension' : 'failed';
  }

  #afterSize(byte: number): State {
    if (byte !== lf) return 'failed';
    this.#digits = 0;
    if (this.#left > 0) return 'data';
    this.#overhead = 0;
    return 'trailer';
  }

  /** Extensions of all chunks of a body share one limit, as do all its trailers. */
  #within(limit: number, next: State): State {
    this.#overhead += 1;
    return this.#overhead > limit ? 'failed' : next;
  }
}

/**
 * Within the extensions of a chunk (RFC 9112 section 7.1.1): `;name`, `;name=token` or `;name="text"`,
 * without the white space that the RFC deems bad.
 */
function extension(state: ExtensionState, byte: number): State {
  const isToken = tokenBytes[byte] === 1;
  switch (state) {
    case 'extension':
      return isToken ? 'extension-name' : 'failed';
    case 'extension-name':
      if (byte === equals) return 'extension-value';
      return isToken ? state : afterExtension(byte);
    case 'extension-value':
      if (byte === quote) return 'extension-quoted';
      return isToken ? 'extension-token' : 'failed';
    case 'extension-token':
      return isToken ? state : afterExtension(byte);
    case 'extension-quoted':
      if (byte === quote) return 'extension-end';
      return byte === backslash ? 'extension-escape' : text(byte, state);
    case 'extension-escape':
      return text(byte, 'extension-quoted');
    case 'extension-end':
      return afterExtension(byte);
  }
}

function afterExtension(byte: number): State {
  if (byte === cr) return 'size-lf';
  return byte === semicolon ? 'extension' : 'failed';
}

function text(byte: number, state: State): State {
  return (byte >= space && byte !== 127) || byte === tab ? state : 'failed';
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
