import { connect } from 'node:http2';
import type { HandlerOutcome } from './handler-call.ts';

export interface HealthRequest {
  readonly host: string;
  readonly port: number;
  /** Empty for the server as a whole. */
  readonly service: string;
  readonly userAgent: string;
}

/** HealthCheckResponse.ServingStatus by number (grpc.health.v1). */
const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const serving = 1;
const unimplemented = '12';
/** Compressed flag and length before each message (gRPC over HTTP/2). */
const prefixBytes = 5;
/** A health answer has a few bytes; whoever sends more is not one. */
const maxAnswerBytes = 4096;

/** Calls grpc.health.v1.Health/Check over plain HTTP/2 until the signal aborts. */
export function checkHealth(request: HealthRequest, signal: AbortSignal): Promise<HandlerOutcome> {
  const { host, port, service, userAgent } = request;
  return new Promise((resolve) => {
    let connected = false;
    const session = connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
    const end = (good: boolean, output: string): void => {
      signal.removeEventListener('abort', abort);
      session.destroy();
      resolve({ kind: good ? 'success' : 'failure', output });
    };
    const abort = (): void => {
      const what = connected
        ? 'health rpc did not complete'
        : `failed to connect service "${host}:${port}"`;
      end(false, `timeout: ${what} in time: context deadline exceeded`);
    };
    signal.addEventListener('abort', abort, { once: true });
    session.once('error', (error) => {
      end(false, `error: failed to connect service "${host}:${port}": ${error.message}`);
    });
    session.once('connect', () => (connected = true));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': userAgent,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let code: unknown;
    let message: unknown;
    const take = (headers: Readonly<Record<string, unknown>>): void => {
      code ??= headers['grpc-status'];
      message ??= headers['grpc-message'];
    };
    stream.on('response', take).on('trailers', take);
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) end(false, 'error: health rpc failed: the answer is too long');
      else chunks.push(chunk);
    });
    stream.once('error', (error) => {
      // Without a connection the session says why.
      if (connected) end(false, `error: health rpc failed: ${error.message}`);
    });
    stream.once('end', () => end(...judge(code, message, Buffer.concat(chunks))));
    stream.end(encodeRequest(service));
  });
}

function judge(code: unknown, message: unknown, answer: Buffer): [boolean, string] {
  if (code === unimplemented) {
    return [
      false,
      'error: this server does not implement the grpc health protocol (grpc.health.v1.Health)',
    ];
  }
  if (code !== '0') {
    return [false, `error: health rpc failed: code = ${String(code)} desc = ${String(message)}`];
  }
  const status = decodeStatus(answer.subarray(prefixBytes));
  if (status === serving) return [true, 'service healthy'];
  const name = servingStatuses[status] ?? String(status);
  return [false, `service unhealthy (responded with "${name}")`];
}

/** HealthCheckRequest: `string service = 1`. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const body =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** HealthCheckResponse: `ServingStatus status = 1`; absent means 0. */
function decodeStatus(body: Buffer): number {
  return body[0] === 0x08 ? (body[1] ?? 0) : 0;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
