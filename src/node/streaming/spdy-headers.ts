import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';

/** Words that the dictionary holds with their lengths before them. */
const countedWords =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status';
const moreCounted = [
  '200 OK',
  'version',
  'HTTP/1.1',
  'url',
  'public',
  'set-cookie',
  'keep-alive',
  'origin',
];
const plainText =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized' +
  '403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable' +
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,' +
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

/** What both sides prime their compression with (SPDY/3 draft, section 2.6.10.1). */
export const spdyDictionary: Buffer = Buffer.concat([
  ...[...countedWords.split(' '), ...moreCounted].map(counted),
  Buffer.from(plainText),
]);

/** Longest header block, unpacked: far more than Kubernetes' streams need. */
const maxHeaderBytes = 16 * 1024;

/** The header blocks of one connection: each side's are one compressed stream. */
export class SpdyHeaders {
  readonly #inflate: Inflate;
  readonly #deflate: Deflate;

  constructor() {
    const options = { dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH };
    this.#inflate = createInflate(options);
    this.#deflate = createDeflate(options);
    // Whoever waits for a block is told as well.
    for (const codec of [this.#inflate, this.#deflate]) codec.on('error', () => undefined);
  }

  close(): void {
    this.#inflate.destroy();
    this.#deflate.destroy();
  }

  /** One after the other, in the order in which they came. Throws RangeError for what is no block. */
  async unpack(block: Buffer): Promise<ReadonlyMap<string, string>> {
    const bytes = await through(this.#inflate, block);
    const headers = new Map<string, string>();
    let at = 4;
    const text = (): string => {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) throw new RangeError('A header goes beyond its block');
      const value = bytes.toString('utf8', at + 4, end);
      at = end;
      return value;
    };
    for (let left = bytes.readUInt32BE(0); left > 0; left -= 1) {
      const name = text().toLowerCase();
      headers.set(name, text());
    }
    return headers;
  }

  /** A block without any header. */
  packNone(): Promise<Buffer> {
    return through(this.#deflate, Buffer.alloc(4));
  }
}

function counted(word: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(word.length);
  return Buffer.concat([length, Buffer.from(word)]);
}

function through(codec: Inflate | Deflate, input: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parts: Buffer[] = [];
  let size = 0;
  const take = (part: Buffer): void => {
    parts.push(part);
    size += part.length;
    if (size > maxHeaderBytes) codec.destroy(new RangeError('A header block is too large'));
  };
  const closed = (): void => reject(new Error('The connection has gone'));
  codec.on('data', take).once('error', reject).once('close', closed);
  codec.write(input, (error) => {
    codec.off('data', take).off('error', reject).off('close', closed);
    if (error) reject(error);
    else resolve(Buffer.concat(parts));
  });
  return promise;
}
