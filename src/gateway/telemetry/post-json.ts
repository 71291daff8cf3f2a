import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

export interface PostTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly gzip: boolean;
  /** PEM; undefined for the authorities that Node knows. */
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}

export interface PostAnswer {
  readonly status: number;
  /** Milliseconds, when the answer says so. */
  readonly retryAfterMs: number | undefined;
  readonly body: string;
}

const compress = promisify(gzip);
/** Of an answer no more than this is of interest; bytes. */
const answerLimit = 64 * 1024;

/** Posts JSON to one place over connections that are kept. */
export class JsonPost implements Disposable {
  readonly #target: PostTarget;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #secure: boolean;

  constructor(target: PostTarget) {
    this.#target = target;
    this.#secure = target.url.startsWith('https:');
    const keep = { keepAlive: true, maxSockets: 1 };
    const { ca } = target;
    this.#agent = this.#secure ? new HttpsAgent({ ...keep, ca }) : new HttpAgent(keep);
  }

  /** Rejects when no whole answer comes, or the signal aborts. */
  async send(json: string, signal: AbortSignal): Promise<PostAnswer> {
    const { url, headers, gzip: compressed, timeoutMs } = this.#target;
    const body = compressed ? await compress(json) : Buffer.from(json);
    const options = {
      method: 'POST',
      agent: this.#agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': String(body.length),
        ...(compressed ? { 'content-encoding': 'gzip' } : {}),
      },
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = this.#secure ? requestHttps(url, options) : requestHttp(url, options);
      request.on('response', resolve);
      request.on('error', reject);
      request.end(body);
    });
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response) {
      if (text.length < answerLimit) text += String(chunk);
    }
    const status = response.statusCode ?? 0;
    return { status, retryAfterMs: retryAfter(response.headers['retry-after']), body: text };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Retry-After (RFC 9110 section 10.2.3): seconds or a date. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
