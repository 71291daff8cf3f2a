import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { resourcePath } from '../resources/kinds.ts';
import type { Session } from '../session.ts';
import { podKind } from './find-pods.ts';

/** The log of one container. */
export interface ContainerLog {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Writes whole lines of several logs to one output, no faster than it takes them. */
export class LineWriter {
  readonly #out: Writable;

  constructor(out: Writable) {
    this.#out = out;
  }

  async write(data: Uint8Array | string): Promise<void> {
    if (data.length > 0 && !this.#out.write(data)) await once(this.#out, 'drain');
  }
}

/** Prints a log to its end; with a prefix line by line, else as the bytes come. */
export async function streamLog(
  session: Session,
  what: {
    readonly log: ContainerLog;
    readonly query: Readonly<Record<string, string>>;
    readonly prefix: string;
  },
  writer: LineWriter,
): Promise<void> {
  const { log, prefix } = what;
  const path = `${resourcePath(podKind, { namespace: log.namespace, name: log.pod })}/log`;
  const query = { ...what.query, container: log.container };
  const chunks = session.client.stream(path, query, session.signal);
  if (prefix === '') {
    for await (const chunk of chunks) await writer.write(chunk);
    return;
  }
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    await writer.write(lines.map((line) => `${prefix}${line}\n`).join(''));
  }
  if (rest !== '') await writer.write(`${prefix}${rest}\n`);
}
