const newline = 0x0a;

/**
 * Splits a stream of bytes into lines without their newline; empty lines are left out.
 *
 * What follows the last newline is dropped: a line that was cut is no line. Reads no further than
 * its consumer asks. Throws RangeError for a line longer than `limit` bytes.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<string, void, undefined> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      pending.push(chunk.subarray(start, end));
      pendingBytes += end - start;
      assertFits(pendingBytes, limit);
      const line = join(pending);
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start < chunk.length) {
      pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      assertFits(pendingBytes, limit);
    }
  }
}

function join(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8');
}

function assertFits(bytes: number, limit: number): void {
  if (bytes > limit) {
    throw new RangeError(`Cannot read a line of ${bytes} bytes or more: the limit is ${limit}`);
  }
}
