/** Slots of the table; a power of two, many times the number of names. */
const slots = 512;

/**
 * Tells which of some known names stands in a range of bytes, without making a string of it.
 *
 * Most field names of a message are none that the gateway acts on: those cost one look at a table.
 */
export class KnownNames {
  readonly #names: readonly string[];
  readonly #bytes: readonly Uint8Array[];
  readonly #fold: number;
  /** Index of a name plus one by its slot; 0 for none. Names that share a slot follow one another. */
  readonly #table = new Uint8Array(slots);

  /** `anyCase`: the names are lower-case letters and hyphens, and match tokens in any case. */
  constructor(names: readonly string[], { anyCase }: { readonly anyCase: boolean }) {
    this.#names = names;
    this.#bytes = names.map((name) => Buffer.from(name, 'latin1'));
    this.#fold = anyCase ? 0x20 : 0;
    names.forEach((name, index) => {
      const first = name.charCodeAt(0) | this.#fold;
      const last = name.charCodeAt(name.length - 1) | this.#fold;
      let slot = slotOf(name.length, first, last);
      while (this.#table[slot] !== 0) slot = (slot + 1) % slots;
      this.#table[slot] = index + 1;
    });
  }

  /** The name that the bytes from `start` up to `end` are, which must be a token; '' for another. */
  find(bytes: Uint8Array, start: number, end: number): string {
    const fold = this.#fold;
    const first = (bytes[start] as number) | fold;
    const last = (bytes[end - 1] as number) | fold;
    let slot = slotOf(end - start, first, last);
    for (;;) {
      const index = this.#table[slot] as number;
      if (index === 0) return '';
      const name = this.#bytes[index - 1] as Uint8Array;
      if (name.length === end - start && isName(name, bytes, start, fold)) {
        return this.#names[index - 1] as string;
      }
      slot = (slot + 1) % slots;
    }
  }
}

function slotOf(length: number, first: number, last: number): number {
  return (length * 37 + first * 5 + last * 11) % slots;
}

/** Of the bytes of a token only a letter's other case differs from it by the bit of `fold`, for letters and hyphen. */
function isName(name: Uint8Array, bytes: Uint8Array, start: number, fold: number): boolean {
  for (let at = 0; at < name.length; at += 1) {
    if (((bytes[start + at] as number) | fold) !== name[at]) return false;
  }
  return true;
}
