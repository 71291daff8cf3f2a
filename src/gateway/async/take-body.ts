import type { Exchange } from '../wire/exchange.ts';
import type { Problem } from '../wire/problem.ts';

/** What came of reading a whole body. */
export type TakenBody =
  | { readonly kind: 'body'; readonly body: Buffer }
  | { readonly kind: 'refused'; readonly problem: Problem }
  /** The client has left. */
  | { readonly kind: 'gone' };

export interface BodyRoom {
  /** Bytes that one body may have, and the problem of one that has more. */
  readonly limit: number;
  readonly tooLarge: () => Problem;
  /** Asks for room for more bytes; false when there is none. */
  readonly charge: (bytes: number) => boolean;
  readonly full: () => Problem;
}

/** Reads the whole body of a request into memory; what was charged stays charged. */
export function takeBody(exchange: Exchange, room: BodyRoom): Promise<TakenBody> {
  const { promise, resolve } = Promise.withResolvers<TakenBody>();
  const { framing } = exchange.head;
  if (framing.kind === 'length' && framing.length > room.limit) {
    return Promise.resolve({ kind: 'refused', problem: room.tooLarge() });
  }
  let parts: Buffer[] = [];
  let received = 0;
  let over = false;
  const refuse = (problem: Problem): void => {
    over = true;
    parts = [];
    resolve({ kind: 'refused', problem });
  };
  exchange.attach({
    bodyData: (more, bytes) => {
      if (over) return;
      received += bytes;
      if (received > room.limit) refuse(room.tooLarge());
      else if (!room.charge(bytes)) refuse(room.full());
      else parts.push(...more);
    },
    bodyEnd: () => {
      if (!over) resolve({ kind: 'body', body: Buffer.concat(parts) });
    },
    bodyFailed: refuse,
    drained: () => undefined,
    gone: () => {
      over = true;
      parts = [];
      resolve({ kind: 'gone' });
    },
  });
  exchange.proceed();
  return promise;
}
