import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Answer } from '../request.ts';

const compress = promisify(gzip);
/** Answers from this size on are compressed, as upstream's are, at the same level. */
const compressFromBytes = 128 * 1024;
const compressLevel = 4;
/** How long a client may take none of the bytes that wait for it. */
const stalledMs = 60_000;

export interface WriteOptions {
  readonly acceptsGzip: boolean;
  /** Aborts when the client has gone or the server stops. */
  readonly signal: AbortSignal;
}

/** Writes an answer to its end; resolves when all of it was handed to the socket or the client left. */
export async function writeAnswer(
  response: ServerResponse,
  answer: Answer,
  options: WriteOptions,
): Promise<void> {
  switch (answer.kind) {
    case 'text':
      response.writeHead(answer.status, { ...answer.headers, 'content-type': answer.contentType });
      response.end(answer.text);
      return;
    case 'payload':
      await writePayload(response, answer, options);
      return;
    case 'watch':
      response.writeHead(200, { 'content-type': answer.contentType, 'cache-control': 'no-cache' });
      response.flushHeaders();
      for await (const frame of answer.frames) {
        if (!(await write(response, frame.bytes()))) break;
      }
      response.end();
      return;
    case 'stream':
      response.writeHead(200, { 'content-type': answer.contentType, 'cache-control': 'no-cache' });
      response.flushHeaders();
      await writeChunks(response, answer.chunks, options.signal);
      return;
  }
}

type PayloadAnswer = Extract<Answer, { kind: 'payload' }>;

async function writePayload(
  response: ServerResponse,
  answer: PayloadAnswer,
  { acceptsGzip }: WriteOptions,
): Promise<void> {
  let bytes = answer.payload.bytes();
  const headers: Record<string, string | string[]> = {
    ...answer.headers,
    'content-type': answer.contentType,
  };
  headers['cache-control'] ??= 'no-cache, private';
  if (acceptsGzip && bytes.byteLength >= compressFromBytes) {
    bytes = await compress(bytes, { level: compressLevel });
    headers['content-encoding'] = 'gzip';
    headers['vary'] = [headers['vary'] ?? [], 'Accept-Encoding'].flat();
  }
  headers['content-length'] = String(bytes.byteLength);
  if (answer.warnings.length > 0) headers['warning'] = answer.warnings.map(warningHeader);
  response.writeHead(answer.status, headers);
  response.setTimeout(stalledMs, () => response.destroy());
  response.end(bytes);
}

/** RFC 9111 section 5.5, as client-go reads it. */
function warningHeader(text: string): string {
  const clean = text.replaceAll(/\p{Cc}/gu, ' ').replaceAll(/[\\"]/g, String.raw`\$&`);
  return `299 - "${Buffer.from(clean).toString('latin1')}"`;
}

async function writeChunks(
  response: ServerResponse,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (!(await write(response, chunk))) return;
    }
    response.end();
  } catch (error) {
    // The status is long sent: a cut connection is the only way left to say that this is not all.
    response.destroy();
    if (!signal.aborted) throw error;
  }
}

/** False when the client has gone, or stalls for too long and is cut off. */
async function write(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  if (response.destroyed) return false;
  if (response.write(bytes)) return true;
  return new Promise((resolve) => {
    const settle = (open: boolean): void => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve(open);
    };
    const onDrain = (): void => settle(true);
    const onClose = (): void => settle(false);
    const timer = setTimeout(() => response.destroy(), stalledMs);
    response.on('drain', onDrain);
    response.on('close', onClose);
  });
}
