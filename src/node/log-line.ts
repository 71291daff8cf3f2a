/** Longest text of one record; longer lines are split into records tagged P (as CRI does). */
export const longestRecord = 16 * 1024;

export type Stream = 'stdout' | 'stderr';

const blank = 32;

/** A line that does not fit into one record. */
const tooLong = new RegExp(`[^\\n]{${longestRecord + 1}}`);

/**
 * Cuts the output of one stream into records `TIME STREAM TAG TEXT\n`, the log format of the
 * Kubernetes CRI; tag F ends a line, P does not.
 *
 * Works on whole chunks as Latin-1 text, which keeps every byte: a container that writes short lines
 * without end must not keep the agent busy.
 */
export class RecordSplitter {
  readonly #stream: Stream;
  #rest = '';

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** The records that a chunk completes, in Latin-1; empty when there are none. */
  push(chunk: Buffer, time: string): string {
    const text = this.#rest + chunk.toString('latin1');
    const last = text.lastIndexOf('\n');
    this.#rest = text.slice(last + 1);
    let records = last < 0 ? '' : this.#lines(text.slice(0, last), time);
    while (this.#rest.length >= longestRecord) {
      records += this.#record('P', this.#rest.slice(0, longestRecord), time);
      this.#rest = this.#rest.slice(longestRecord);
    }
    return records;
  }

  /** What is left without a line end, when the stream is over. */
  end(time: string): string {
    const rest = this.#rest;
    this.#rest = '';
    return rest === '' ? '' : this.#record('P', rest, time);
  }

  #lines(text: string, time: string): string {
    if (tooLong.test(text))
      return text
        .split('\n')
        .map((line) => this.#line(line, time))
        .join('');
    return this.#record('F', text.replaceAll('\n', `\n${this.#prefix('F', time)}`), time);
  }

  #line(line: string, time: string): string {
    let at = 0;
    let records = '';
    for (; line.length - at > longestRecord; at += longestRecord) {
      records += this.#record('P', line.slice(at, at + longestRecord), time);
    }
    return records + this.#record('F', line.slice(at), time);
  }

  #record(tag: 'F' | 'P', text: string, time: string): string {
    return `${this.#prefix(tag, time)}${text}\n`;
  }

  #prefix(tag: 'F' | 'P', time: string): string {
    return `${time} ${this.#stream} ${tag} `;
  }
}

export interface LogRecord {
  readonly time: string;
  readonly full: boolean;
  readonly text: Buffer;
}

/** Parses a record without its line end; undefined when it is none. */
export function parseRecord(line: Buffer): LogRecord | undefined {
  const first = line.indexOf(blank);
  const second = first < 0 ? -1 : line.indexOf(blank, first + 1);
  if (second < 0 || line[second + 2] !== blank) return undefined;
  return {
    time: line.toString('latin1', 0, first),
    full: line[second + 1] === 'F'.charCodeAt(0),
    text: line.subarray(second + 3),
  };
}

let lastStamp = 0n;

/** RFC 3339 with nanoseconds (the clock gives microseconds); never twice the same, never backwards. */
export function logTime(): string {
  let now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  if (now <= lastStamp) now = lastStamp + 1n;
  lastStamp = now;
  const whole = new Date(Number(now / 1_000_000n)).toISOString().slice(0, 19);
  return `${whole}.${(now % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}
