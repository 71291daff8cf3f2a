import { BodyDecoder } from '../wire/body-decoder.ts';
import type { Framing } from '../wire/framing.ts';
import { type RequestHead, RequestHeadParser } from '../wire/request-head.ts';
import { type ResponseHead, ResponseHeadParser } from '../wire/response-head.ts';

/** A message of HTTP/1.1 as a reader sees it. */
export interface ReadMessage<Head> {
  readonly head: Head;
  readonly body: string;
  /** The offset behind it. */
  readonly end: number;
}

/** What a reader makes of the bytes of one connection. */
export interface Reading<Head> {
  /** Those that are complete. */
  readonly messages: readonly ReadMessage<Head>[];
  /** It waits for more, it is at the end of a message, or it has refused what came. */
  readonly state: 'waiting' | 'done' | 'refused';
}

const requests = new RequestHeadParser({ headBytes: 16 * 1024, headLines: 100 });
const responses = new ResponseHeadParser();

/** Reads requests one after another, as a connection of a client does. */
export function readRequests(bytes: Buffer): Reading<RequestHead> {
  const messages: ReadMessage<RequestHead>[] = [];
  let at = 0;
  while (at < bytes.length) {
    const result = requests.parse(bytes.subarray(at));
    if (result.kind !== 'head') return { messages, state: stateOf(result.kind) };
    const body = readBody(result.head.framing, bytes, at + result.end);
    if (typeof body === 'string') return { messages, state: body };
    messages.push({ head: result.head, ...body });
    at = body.end;
  }
  return { messages, state: 'done' };
}

/** Reads one response; `closed`: nothing follows the bytes. */
export function readResponse(bytes: Buffer, bodiless: boolean): Reading<ResponseHead> {
  let at = 0;
  for (;;) {
    const rest = bytes.subarray(at);
    const result = responses.parse(rest, rest.length, bodiless);
    if (result.kind !== 'head') return { messages: [], state: stateOf(result.kind) };
    at += result.end;
    if (result.head.status < 200 && result.head.status !== 101) continue;
    const body = readBody(result.head.framing, bytes, at);
    if (typeof body === 'string') return { messages: [], state: body };
    return { messages: [{ head: result.head, ...body }], state: 'done' };
  }
}

function readBody(
  framing: Framing,
  bytes: Buffer,
  from: number,
): { readonly body: string; readonly end: number } | 'waiting' | 'refused' {
  const decoder = new BodyDecoder(framing);
  const parts: Buffer[] = [];
  const end = decoder.decode(bytes, from, parts);
  if (decoder.failed) return 'refused';
  if (!decoder.done && framing.kind !== 'close') return 'waiting';
  return { body: Buffer.concat(parts).toString('latin1'), end };
}

function stateOf(kind: 'incomplete' | 'refused' | 'malformed'): 'waiting' | 'refused' {
  return kind === 'incomplete' ? 'waiting' : 'refused';
}
