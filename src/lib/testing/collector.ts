import assert from 'node:assert/strict';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { TestCertificate } from './certificates.ts';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly events: readonly string[];
  readonly statusCode: number;
}

/** What the collector answers to one request; 200 when it has nothing to say. */
export interface CollectorAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A collector of traces: takes OTLP over HTTP in JSON, and nothing that breaks the specification. */
export class Collector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  readonly resources: Readonly<Record<string, string | number | boolean>>[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  /** What was wrong with requests. */
  readonly faults: string[] = [];
  readonly #server: Server;
  readonly #scheme: string;
  /** Answers to the next requests, then 200. */
  readonly answers: CollectorAnswer[] = [];

  private constructor(tls: TestCertificate | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.headers.push(request.headers);
        const said = this.answers.shift() ?? { status: 200, body: '{}' };
        try {
          assert.equal(request.method, 'POST');
          assert.equal(request.url, '/v1/traces');
          assert.equal(request.headers['content-type'], 'application/json');
          const bytes = Buffer.concat(parts);
          const packed = request.headers['content-encoding'] === 'gzip';
          const text = (packed ? gunzipSync(bytes) : bytes).toString('utf8');
          if (said.status === 200) this.#take(JSON.parse(text));
        } catch (error) {
          this.faults.push(String(error));
        }
        response.writeHead(said.status, {
          'content-type': 'application/json',
          ...said.headers,
        });
        response.end(said.body ?? '{}');
      });
    };
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
  }

  /** Speaks TLS when it is given a certificate. */
  static async start(tls?: TestCertificate): Promise<Collector> {
    const collector = new Collector(tls);
    await new Promise<void>((resolve) => {
      collector.#server.listen(0, '127.0.0.1', resolve);
    });
    return collector;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** ExportTraceServiceRequest (opentelemetry-proto) as the JSON mapping of OTLP has it. */
  #take(body: unknown): void {
    const { resourceSpans } = members(body, ['resourceSpans']);
    for (const each of list(resourceSpans)) {
      const { resource, scopeSpans } = members(each, ['resource', 'scopeSpans']);
      this.resources.push(attributes(members(resource, ['attributes'])['attributes']));
      for (const scoped of list(scopeSpans)) {
        const { scope, spans } = members(scoped, ['scope', 'spans']);
        assert.equal(typeof members(scope, ['name'])['name'], 'string');
        for (const span of list(spans)) this.spans.push(readSpan(span));
      }
    }
  }
}

const optional = ['parentSpanId', 'traceState', 'events', 'status'];

function readSpan(value: unknown): CollectedSpan {
  const required = ['traceId', 'spanId', 'flags', 'name', 'kind', 'attributes'];
  const span = members(value, [...required, 'startTimeUnixNano', 'endTimeUnixNano'], optional);
  // Ids are hexadecimal in OTLP's JSON, unlike in protobuf's own.
  const id = (name: string, digits: number): string => {
    const text = span[name] as string;
    assert.match(text, new RegExp(`^[0-9a-f]{${digits}}$`), name);
    assert.doesNotMatch(text, /^0+$/, name);
    return text;
  };
  const startNs = nanoseconds(span['startTimeUnixNano']);
  const endNs = nanoseconds(span['endTimeUnixNano']);
  assert.ok(startNs <= endNs, 'a span ends before it starts');
  assert.ok(Number.isInteger(span['kind']), 'enums are numbers');
  assert.ok(Number.isInteger(span['flags']) && (span['flags'] as number) >= 0, 'flags');
  const status = span['status'] === undefined ? {} : members(span['status'], ['code'], ['message']);
  assert.ok(status['code'] === undefined || [0, 1, 2].includes(status['code'] as number), 'status');
  const events = list(span['events'] ?? []).map((event) => {
    const { name, timeUnixNano } = members(event, ['timeUnixNano', 'name']);
    const at = nanoseconds(timeUnixNano);
    assert.ok(at >= startNs && at <= endNs, 'an event is outside of its span');
    return name as string;
  });
  return {
    traceId: id('traceId', 32),
    spanId: id('spanId', 16),
    parentSpanId: span['parentSpanId'] === undefined ? '' : id('parentSpanId', 16),
    traceState: (span['traceState'] ?? '') as string,
    flags: span['flags'] as number,
    name: span['name'] as string,
    kind: span['kind'] as number,
    startNs,
    endNs,
    attributes: attributes(span['attributes']),
    events,
    statusCode: (status['code'] ?? 0) as number,
  };
}

/** 64-bit integers are decimal strings in protobuf's JSON. */
function nanoseconds(value: unknown): bigint {
  assert.equal(typeof value, 'string');
  assert.match(value as string, /^[0-9]{19}$/);
  return BigInt(value as string);
}

function attributes(value: unknown): Record<string, string | number | boolean> {
  const out: Record<string, string | number | boolean> = {};
  for (const pair of list(value)) {
    const { key, value: any } = members(pair, ['key', 'value']);
    assert.ok(typeof key === 'string' && key !== '' && !(key in out), `attribute "${String(key)}"`);
    const [[kind, held]] = Object.entries(any as object) as [[string, unknown]];
    if (kind === 'intValue') {
      assert.match(held as string, /^-?[0-9]+$/);
      out[key] = Number(held);
    } else {
      assert.ok(kind === 'stringValue' ? typeof held === 'string' : kind === 'boolValue', kind);
      out[key] = held as string | boolean;
    }
  }
  return out;
}

/** An object with these members, no others; lowerCamelCase names only. */
function members(
  value: unknown,
  required: readonly string[],
  others: readonly string[] = [],
): Record<string, unknown> {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value));
  const object = value as Record<string, unknown>;
  for (const name of required) assert.ok(name in object, `"${name}" is missing`);
  for (const name of Object.keys(object)) {
    assert.ok(required.includes(name) || others.includes(name), `"${name}" is not of the protocol`);
  }
  return object;
}

function list(value: unknown): readonly unknown[] {
  assert.ok(Array.isArray(value));
  return value;
}
