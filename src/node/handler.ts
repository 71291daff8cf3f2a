import type { Container } from '../api/index.ts';

export interface HttpHandler {
  readonly kind: 'http';
  readonly secure: boolean;
  readonly host: string | undefined;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** What a probe or a lifecycle hook does with its container (core/v1 ProbeHandler, LifecycleHandler). */
export type Handler =
  | HttpHandler
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string }
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'unknown' };

export type HandlerFields = Readonly<Record<string, unknown>>;

/** The one handler among the fields; ports may be names of the container's ports. */
export function parseHandler(fields: HandlerFields, container: Container): Handler {
  const { httpGet, tcpSocket, grpc, exec, sleep } = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, asRecord(value)]),
  );
  if (httpGet !== undefined) return httpHandler(httpGet, container);
  if (tcpSocket !== undefined) {
    const port = portOf(tcpSocket['port'], container);
    return { kind: 'tcp', host: text(tcpSocket['host']), port };
  }
  if (grpc !== undefined) {
    const port = portOf(grpc['port'], container);
    return { kind: 'grpc', port, service: text(grpc['service']) ?? '' };
  }
  if (exec !== undefined) {
    const command = Array.isArray(exec['command']) ? exec['command'].map(String) : [];
    return { kind: 'exec', command };
  }
  if (sleep !== undefined) return { kind: 'sleep', ms: Number(sleep['seconds'] ?? 0) * 1000 };
  return { kind: 'unknown' };
}

function httpHandler(http: HandlerFields, container: Container): HttpHandler {
  const headers = Array.isArray(http['httpHeaders']) ? http['httpHeaders'].map(asRecord) : [];
  const path = text(http['path']) ?? '/';
  return {
    kind: 'http',
    secure: http['scheme'] === 'HTTPS',
    host: text(http['host']),
    port: portOf(http['port'], container),
    path: path.startsWith('/') ? path : `/${path}`,
    headers: headers.map((each) => [text(each?.['name']) ?? '', text(each?.['value']) ?? '']),
  };
}

function portOf(port: unknown, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((each) => each.name === port);
  return named?.containerPort ?? Number(port);
}

function asRecord(value: unknown): HandlerFields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as HandlerFields)
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
