const headEnd = Buffer.from('\r\n\r\n');
const empty = Buffer.alloc(0);

/** Cuts messages with a stated length out of a connection's bytes: all that the bench exchanges. */
export class MessageReader {
  #bytes: Buffer = empty;

  /** Takes bytes; returns the heads of the messages that are complete now. */
  take(chunk: Buffer): readonly string[] {
    let bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const heads: string[] = [];
    for (;;) {
      const end = bytes.indexOf(headEnd);
      if (end < 0) break;
      const head = bytes.toString('latin1', 0, end);
      const size = end + headEnd.length + statedLength(head);
      if (bytes.length < size) break;
      heads.push(head);
      bytes = bytes.subarray(size);
    }
    this.#bytes = bytes;
    return heads;
  }
}

function statedLength(head: string): number {
  const found = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (found === null) {
    if (/\r\ntransfer-encoding:/i.test(head)) throw new Error(`Not a stated length: ${head}`);
    return 0;
  }
  return Number(found[1]);
}
