import type { IncomingMessage } from 'node:http';
import { StatusError } from '../../api/index.ts';
import type { RequestBody } from '../request.ts';

const none: RequestBody = { kind: 'none' };

/** Reads a request's body to its end. Throws StatusError 413 once it is longer than the limit. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<RequestBody> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limitBytes) throw tooLarge(limitBytes);
  const chunked = request.headers['transfer-encoding'] !== undefined;
  if (declared === 0 && !chunked) return none;
  const chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > limitBytes) {
        request.pause();
        reject(tooLarge(limitBytes));
        return;
      }
      chunks.push(chunk);
    });
    const onClose = (): void => reject(new Error('The client closed the connection'));
    request.on('end', () => {
      request.off('close', onClose);
      resolve();
    });
    request.on('error', reject);
    request.on('close', onClose);
  });
  const [only] = chunks;
  const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
  return { kind: 'bytes', bytes };
}

function tooLarge(limitBytes: number): StatusError {
  const message = `Request entity too large: limit is ${limitBytes}`;
  return new StatusError(413, 'RequestEntityTooLarge', message);
}
