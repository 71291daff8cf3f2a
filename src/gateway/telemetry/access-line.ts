import type { CallRecord } from '../call-record.ts';
import type { Exchange } from '../wire/exchange.ts';
import { clientAddress } from './client-address.ts';
import { jsonText } from './json-text.ts';

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

/** Written piece by piece: `JSON.stringify` of an object would cost more than half of a call. */
function jsonLine({ exchange, atMs, status, durationMs, bytes, call, ending }: Access): string {
  const { head, client, version } = exchange;
  const start =
    `{"time":"${isoTime(atMs)}","client":"${clientAddress(client)}","method":"${head.method}"` +
    `,"host":${jsonText(head.host)},"path":${jsonText(head.target)},"protocol":"HTTP/${version}"` +
    `,"status":${status},"ending":"${ending}"`;
  const times = `,"bytes":${bytes},"durationMs":${rounded(durationMs)}`;
  if (call === undefined) return `${start}${times}}\n`;
  const { waitedMs, cold, attempts, pod } = call;
  const { route, requestId, trace } = call.request;
  const waited = waitedMs === 0 ? '' : `,"waitMs":${rounded(waitedMs)}`;
  const tries = attempts > 1 ? `,"attempts":${attempts}` : '';
  return (
    `${start},"bytesIn":${call.bytesIn}${times}${waited}${cold ? ',"cold":true' : ''}` +
    `,"function":"${route.facts.key}"${pod === undefined ? '' : `,"pod":"${pod.facts.name}"`}` +
    `${tries},"requestId":${jsonText(requestId)},"traceId":"${trace.traceparent.slice(3, 35)}"}\n`
  );
}

/** The Combined Log Format of Apache and nginx, then the duration in seconds and the request id. */
function combinedLine({ exchange, atMs, status, durationMs, bytes, call }: Access): string {
  const { head, client, version } = exchange;
  const line = `${head.method} ${quoted(head.target)} HTTP/${version === '2' ? '2.0' : version}`;
  const id = call?.request.requestId ?? '-';
  return (
    `${clientAddress(client) || '-'} - - [${commonTime(atMs)}] "${line}" ${status} ${bytes} ` +
    `"${field(referer, head.lines)}" "${field(userAgent, head.lines)}" ` +
    `${(durationMs / 1000).toFixed(4)} ${id}\n`
  );
}

const referer = /^referer:[ \t]*(.*?)\r?$/im;
const userAgent = /^user-agent:[ \t]*(.*?)\r?$/im;

function field(name: RegExp, lines: string): string {
  const value = name.exec(lines)?.[1];
  return value === undefined || value === '' ? '-' : quoted(value);
}

/** Quotes, backslashes and all that is not printable ASCII as `\xHH`, as nginx has it. */
function quoted(value: string): string {
  return value.replaceAll(/["\\]|[^\x20-\x7e]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/** The text of one second, which many lines share. */
class SecondText {
  readonly #format: (iso: string) => string;
  #second = -1;
  #text = '';

  constructor(format: (iso: string) => string) {
    this.#format = format;
  }

  of(ms: number): string {
    const second = Math.floor(ms / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = this.#format(new Date(second * 1000).toISOString());
    }
    return this.#text;
  }
}

const isoSecond = new SecondText((iso) => iso.slice(0, 19));

/** `2026-10-10T13:55:36.123Z`. */
function isoTime(ms: number): string {
  const rest = Math.floor(ms) % 1000;
  return `${isoSecond.of(ms)}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

const commonSecond = new SecondText((iso) => {
  const month = months[Number(iso.slice(5, 7)) - 1] ?? '';
  return `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
});

/** `10/Oct/2026:13:55:36 +0000`. */
function commonTime(ms: number): string {
  return commonSecond.of(ms);
}

/** Milliseconds to the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
