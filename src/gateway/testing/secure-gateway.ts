import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../../lib/testing/certificates.ts';
import type { GatewayLimits, GatewayOptions } from '../gateway-options.ts';
import { Harness } from './harness.ts';

/** A gateway with a TLS port, and the certificate that it shows. */
export class SecureGateway implements AsyncDisposable {
  readonly harness: Harness;
  readonly ca: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly #folder: string;

  private constructor(harness: Harness, folder: string, ca: string) {
    this.harness = harness;
    this.#folder = folder;
    this.ca = ca;
    this.certFile = join(folder, 'tls.crt');
    this.keyFile = join(folder, 'tls.key');
  }

  static async start(
    limits: Partial<GatewayLimits> = {},
    more: Partial<GatewayOptions> = {},
  ): Promise<SecureGateway> {
    const folder = mkdtempSync(join(tmpdir(), 'nought-tls-'));
    const { cert, key } = await makeCertificate();
    const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
    writeFileSync(files.certFile, cert);
    writeFileSync(files.keyFile, key);
    const harness = await Harness.start(limits, { tls: { port: 0, ...files }, ...more });
    return new SecureGateway(harness, folder, cert);
  }

  get port(): number {
    return this.harness.tlsPort;
  }

  /** An HTTP/2 client, closed by the caller. */
  connect(): ClientHttp2Session {
    const session = connect(`https://127.0.0.1:${this.port}`, { ca: this.ca });
    session.on('error', () => undefined);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.harness.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What came of one stream. */
export interface StreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly informational: readonly number[];
  /** How the stream ended; 0 is in order. */
  readonly code: number;
}

/** Waits until a stream is closed. */
export function answerOf(stream: ClientHttp2Stream): Promise<StreamAnswer> {
  return new Promise((resolve) => {
    let headers: Record<string, string | string[] | undefined> = {};
    const informational: number[] = [];
    let body = '';
    stream.setEncoding('latin1');
    stream.on('headers', (interim) => informational.push(interim[':status'] ?? 0));
    stream.on('response', (response) => {
      headers = response;
    });
    stream.on('data', (text: string) => (body += text));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      const status = Number(headers[':status'] ?? 0);
      const code = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
      resolve({ status, headers, body, informational, code });
    });
  });
}

/** Sends a request, whole, and waits for its answer. */
export function request(
  session: ClientHttp2Session,
  headers: IncomingHttpHeaders,
  body?: string,
): Promise<StreamAnswer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}
