/** Ends a chunked body. */
export const lastChunk: Buffer = Buffer.from('0\r\n\r\n');

const lineEnd = Buffer.from('\r\n');

/** One chunk (RFC 9112 section 7.1) of all parts, which are `bytes` long together; nothing for none. */
export function encodeChunk(parts: readonly Buffer[], bytes: number): readonly Buffer[] {
  if (bytes === 0) return [];
  return [Buffer.from(`${bytes.toString(16)}\r\n`, 'latin1'), ...parts, lineEnd];
}
