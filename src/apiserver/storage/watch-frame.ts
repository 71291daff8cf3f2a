import type { Payload } from '../request.ts';
import type { Stored } from './stored.ts';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One event of a watch about one object. */
export interface WatchFrame extends Payload {
  readonly type: ChangeType;
  readonly stored: Stored;
}

const newline = Buffer.from('}\n');

/** The frame of an event; value and bytes are made once. */
export function framePayload(type: ChangeType, stored: Stored): WatchFrame {
  let value: unknown;
  let bytes: Uint8Array | undefined;
  return {
    type,
    stored,
    value: () => (value ??= { type, object: stored.object }),
    bytes: () =>
      (bytes ??= Buffer.concat([
        Buffer.from(`{"type":"${type}","object":`),
        stored.bytes(),
        newline,
      ])),
  };
}

/** A frame of any other kind: bookmarks, errors, tables. */
export function plainFrame(type: ChangeType | 'BOOKMARK' | 'ERROR', object: unknown): Payload {
  const value = { type, object };
  return { value: () => value, bytes: () => Buffer.from(`${JSON.stringify(value)}\n`) };
}
