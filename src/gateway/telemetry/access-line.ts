import type { CallRecord } from '../call-record.ts';
import type { Exchange } from '../wire/exchange.ts';
import { clientAddress } from './client-address.ts';

export type AccessLogFormat = 'json' | 'combined';

/** What an access log has to say of one request. */
export interface Access {
  readonly exchange: Exchange;
  /** Wall time of its head; milliseconds. */
  readonly atMs: number;
  readonly status: number;
  readonly durationMs: number;
  readonly bytes: number;
  /** Undefined for a request that reached no function. */
  readonly call: CallRecord | undefined;
  /** As of `CallRecord`, or the kind of the refusal. */
  readonly ending: string;
}

/** One line for the access log, with its line feed; what clients sent cannot break out of it. */
export function accessLine(access: Access, format: AccessLogFormat): string {
  return format === 'json' ? jsonLine(access) : combinedLine(access);
}

function jsonLine({ exchange, atMs, status, durationMs, bytes, call, ending }: Access): string {
  const { head } = exchange;
  const of = call?.request;
  return `${JSON.stringify({
    time: new Date(atMs).toISOString(),
    client: clientAddress(exchange.client),
    method: head.method,
    host: head.host,
    path: head.target,
    protocol: `HTTP/${exchange.version}`,
    status,
    ending,
    bytesIn: call?.bytesIn,
    bytes,
    durationMs: rounded(durationMs),
    waitMs: call === undefined || call.waitedMs === 0 ? undefined : rounded(call.waitedMs),
    cold: call !== undefined && call.cold ? true : undefined,
    function: of?.route.facts.key,
    pod: call?.pod?.facts.name,
    attempts: call !== undefined && call.attempts > 1 ? call.attempts : undefined,
    requestId: of?.requestId,
    traceId: of?.trace.traceparent.slice(3, 35),
  })}\n`;
}

/** The Combined Log Format of Apache and nginx, then the duration in seconds and the request id. */
function combinedLine({ exchange, atMs, status, durationMs, bytes, call }: Access): string {
  const { head, client, version } = exchange;
  const field = (name: string): string => {
    const value = new RegExp(`^${name}:[ \\t]*(.*?)\\r?$`, 'im').exec(head.lines)?.[1];
    return value === undefined || value === '' ? '-' : quoted(value);
  };
  const line = `${head.method} ${quoted(head.target)} HTTP/${version === '2' ? '2.0' : version}`;
  const id = call?.request.requestId ?? '-';
  return (
    `${clientAddress(client) || '-'} - - [${commonTime(atMs)}] "${line}" ${status} ${bytes} ` +
    `"${field('referer')}" "${field('user-agent')}" ${(durationMs / 1000).toFixed(4)} ${id}\n`
  );
}

/** Quotes, backslashes and all that is not printable ASCII as `\xHH`, as nginx has it. */
function quoted(value: string): string {
  return value.replaceAll(/["\\]|[^\x20-\x7e]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** `10/Oct/2026:13:55:36 +0000`. */
function commonTime(ms: number): string {
  const iso = new Date(ms).toISOString();
  const month = months[Number(iso.slice(5, 7)) - 1] ?? '';
  return `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}

/** Milliseconds to the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
