const headEnd = Buffer.from('\r\n\r\n');
const empty = Buffer.alloc(0);
const lengthPattern = /\r\ncontent-length: *(\d+)/i;

/**
 * Counts the messages with a stated length that come over one connection, and passes over their
 * bodies whatever their size.
 *
 * Costs little, so that what is measured is the proxy: a chunk as long as a message that came alone in
 * one before is taken for another such, with the same head but for ids of fixed width.
 */
export class MessageCounter {
  readonly #known = new Map<number, string>();
  #partial: Buffer = empty;
  #left = 0;
  /** Head of the message that came last. */
  head = '';

  /** Takes bytes; returns how many messages have ended in them. */
  take(chunk: Buffer): number {
    if (this.#left > 0) return this.#pass(chunk, 0);
    if (this.#partial.length > 0) {
      const bytes = Buffer.concat([this.#partial, chunk]);
      this.#partial = empty;
      return this.#heads(bytes, 0);
    }
    const head = this.#known.get(chunk.length);
    if (head === undefined) return this.#heads(chunk, 0);
    this.head = head;
    return 1;
  }

  #heads(bytes: Buffer, from: number): number {
    if (from === bytes.length) return 0;
    const end = bytes.indexOf(headEnd, from);
    if (end < 0) {
      this.#partial = bytes.subarray(from);
      return 0;
    }
    this.head = bytes.toString('latin1', from, end);
    const bodyStart = end + headEnd.length;
    this.#left = Number(lengthPattern.exec(this.head)?.[1] ?? 0);
    if (from === 0 && bodyStart + this.#left === bytes.length) {
      this.#known.set(bytes.length, this.head);
    }
    return this.#pass(bytes, bodyStart);
  }

  /** Passes over the body that goes on at `from`. */
  #pass(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + this.#left);
    this.#left -= end - from;
    return this.#left > 0 ? 0 : 1 + this.#heads(bytes, end);
  }
}
