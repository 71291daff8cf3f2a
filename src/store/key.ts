/** Most bytes that the UTF-8 of a key may have. */
export const maxKeyBytes = 1024;

/** The largest bound that can be needed: it is above every valid key. */
const aboveEveryKey = '\u{10FFFF}'.repeat(maxKeyBytes / 4 + 1);

/** Throws TypeError unless the key is well-formed Unicode of 1 to 1024 bytes. */
export function checkKey(key: string): void {
  if (key.length === 0) throw new TypeError('Cannot use key "": it is empty');
  if (!key.isWellFormed()) {
    throw new TypeError(`Cannot use key ${JSON.stringify(key)}: it has a lone surrogate`);
  }
  // A UTF-16 unit is at most three bytes, so that short keys need no count.
  if (key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes) {
    throw new TypeError(
      `Cannot use key "${key.slice(0, 64)}…": it is longer than ${maxKeyBytes} bytes`,
    );
  }
}

/** Orders keys as the bytes of their UTF-8: negative, zero or positive. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others, though their units are below U+E000. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The bounds of all keys that begin with the prefix, for `range`. */
export function prefixRange(prefix: string): { readonly start: string; readonly end: string } {
  return { start: prefix, end: prefixEnd(prefix) };
}

function prefixEnd(prefix: string): string {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return aboveEveryKey;
}
