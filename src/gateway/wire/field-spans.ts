/**
 * A strict scanner of HTTP field lines (RFC 9110 section 5, RFC 9112 section 5).
 *
 * Refused are: bare CR and bare LF, control characters, obs-fold, space before the colon, empty
 * names. What it accepts is described by offsets only, so that lines can be passed on in ranges.
 */
export type FieldScan =
  | { readonly kind: 'fields' }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'too-many' }
  | { readonly kind: 'malformed'; readonly detail: string };

const cr = 13;
const lf = 10;
const tab = 9;
const space = 32;
const colon = 58;

/** 1 for the bytes of a token (RFC 9110 section 5.6.2). */
export const tokenBytes: Uint8Array = classOf(
  "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
);

/** 1 for the bytes of a field value: HTAB, SP, VCHAR, obs-text. */
const valueBytes: Uint8Array = valueClass();

const incomplete: FieldScan = { kind: 'incomplete' };
const fields: FieldScan = { kind: 'fields' };

/** The offsets of the field lines of one head; made once and used again for each head. */
export class FieldSpans {
  readonly #max: number;
  readonly #offsets: Int32Array;
  count = 0;
  /** The offset of the empty line after the last field. */
  last = 0;

  constructor(max: number) {
    this.#max = max;
    this.#offsets = new Int32Array(max * 4);
  }

  /** The offset after the empty line. */
  get end(): number {
    return this.last + 2;
  }

  lineStart(index: number): number {
    return this.#offsets[index * 4] as number;
  }

  /** Where the next line begins. */
  lineEnd(index: number): number {
    return index + 1 < this.count ? this.lineStart(index + 1) : this.last;
  }

  nameEnd(index: number): number {
    return this.#offsets[index * 4 + 1] as number;
  }

  valueStart(index: number): number {
    return this.#offsets[index * 4 + 2] as number;
  }

  valueEnd(index: number): number {
    return this.#offsets[index * 4 + 3] as number;
  }

  /** Scans field lines from `from` up to and with the empty line; of the bytes, `length` count. */
  scan(bytes: Buffer, from: number, length: number): FieldScan {
    let at = from;
    this.count = 0;
    for (;;) {
      if (at >= length) return incomplete;
      if (bytes[at] === cr) {
        if (at + 1 >= length) return incomplete;
        if (bytes[at + 1] !== lf) return malformed('A carriage return stands alone');
        this.last = at;
        return fields;
      }
      if (this.count >= this.#max) return { kind: 'too-many' };
      const end = this.#line(bytes, at, length);
      if (typeof end !== 'number') return end;
      at = end;
    }
  }

  #line(bytes: Buffer, start: number, length: number): number | FieldScan {
    let at = start;
    while (at < length && tokenBytes[bytes[at] as number] === 1) at += 1;
    if (at >= length) return incomplete;
    if (bytes[at] !== colon || at === start) return malformed(nameFault(bytes[at] as number));
    const nameEnd = at;
    at += 1;
    while (at < length && (bytes[at] === space || bytes[at] === tab)) at += 1;
    const valueStart = at;
    while (at < length && valueBytes[bytes[at] as number] === 1) at += 1;
    if (at + 1 >= length && (at >= length || bytes[at] === cr)) return incomplete;
    if (bytes[at] !== cr || bytes[at + 1] !== lf) {
      return malformed('A header value holds a control character or a bare line end');
    }
    let valueEnd = at;
    while (
      valueEnd > valueStart &&
      (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)
    ) {
      valueEnd -= 1;
    }
    const slot = this.count * 4;
    this.#offsets[slot] = start;
    this.#offsets[slot + 1] = nameEnd;
    this.#offsets[slot + 2] = Math.min(valueStart, valueEnd);
    this.#offsets[slot + 3] = valueEnd;
    this.count += 1;
    return at + 2;
  }

  /** The lines whose entry in `dropped` is 0, as they came, each with its CRLF. */
  keep(text: string, dropped: Uint8Array): string {
    let out = '';
    let run = -1;
    for (let index = 0; index < this.count; index += 1) {
      if (dropped[index] === 0) {
        if (run < 0) run = this.lineStart(index);
      } else if (run >= 0) {
        out += text.slice(run, this.lineStart(index));
        run = -1;
      }
    }
    return run < 0 ? out : out + text.slice(run, this.last);
  }
}

function malformed(detail: string): FieldScan {
  return { kind: 'malformed', detail };
}

function nameFault(byte: number): string {
  if (byte === space || byte === tab) {
    return 'A header line begins with white space, or has some before its colon';
  }
  return byte === colon ? 'A header has no name' : 'A header name holds a forbidden character';
}

function classOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

function valueClass(): Uint8Array {
  const table = new Uint8Array(256).fill(1, space);
  table[127] = 0;
  table[tab] = 1;
  return table;
}
