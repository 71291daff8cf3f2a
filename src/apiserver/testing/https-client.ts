import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface RawRequest {
  readonly method?: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

/** Requests to one server as a client of HTTP sees them. */
export class HttpsClient implements Disposable {
  readonly #url: URL;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(url: string, ca: string, token: string) {
    this.#url = new URL(url);
    this.#token = token;
    this.#agent = new Agent({ ca, keepAlive: true });
  }

  async send(request: RawRequest): Promise<RawAnswer> {
    const response = await this.open(request);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const text = bytes.toString();
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      bytes,
      text,
      json: parse(text),
    };
  }

  /** The answer when its head is there; the body is read by the caller. */
  open({ method = 'GET', path, headers = {}, body }: RawRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          agent: this.#agent,
          method,
          path,
          headers: {
            authorization: `Bearer ${this.#token}`,
            // Node frames the body of a DELETE only when it is told its length.
            ...(headers['transfer-encoding'] === undefined && body !== undefined
              ? { 'content-length': String(Buffer.byteLength(body)) }
              : {}),
            ...headers,
          },
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** Sends a JSON body. */
  sendJson(method: string, path: string, value: unknown, type = 'application/json') {
    const body = JSON.stringify(value);
    return this.send({ method, path, body, headers: { 'content-type': type } });
  }

  /** The documents of a watch, as they come. */
  async *watch(path: string, headers: Readonly<Record<string, string>> = {}) {
    const response = await this.open({ path, headers });
    let rest = '';
    response.setEncoding('utf8');
    try {
      for await (const chunk of response) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as WatchDocument;
      }
    } finally {
      response.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

export interface WatchedObject {
  readonly kind: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly columnDefinitions?: readonly unknown[] | null;
  readonly rows?: readonly { readonly cells: readonly unknown[] }[];
  readonly metadata: {
    readonly name?: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export interface WatchDocument {
  readonly type: string;
  readonly object: WatchedObject;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
