/** Longest text of one record; longer lines are split into records tagged P (as CRI does). */
export const longestRecord = 16 * 1024;

export type Stream = 'stdout' | 'stderr';

const newline = 10;
const blank = 32;

/**
 * Cuts the output of one stream into records `TIME STREAM TAG TEXT\n`, the log format of the
 * Kubernetes CRI; tag F ends a line, P does not.
 */
export class RecordSplitter {
  readonly #stream: Stream;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** The records that a chunk completes. */
  push(chunk: Buffer, time: string): Buffer[] {
    const out: Buffer[] = [];
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const at = data.indexOf(newline);
      if (at < 0 && data.length < longestRecord) break;
      const full = at >= 0 && at <= longestRecord;
      const length = full ? at : longestRecord;
      out.push(this.#record(data.subarray(0, length), full ? 'F' : 'P', time));
      data = data.subarray(full ? at + 1 : length);
    }
    this.#rest = Buffer.from(data);
    return out;
  }

  /** What is left without a line end, when the stream is over. */
  end(time: string): Buffer[] {
    if (this.#rest.length === 0) return [];
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return [this.#record(rest, 'P', time)];
  }

  #record(text: Buffer, tag: 'F' | 'P', time: string): Buffer {
    return Buffer.concat([Buffer.from(`${time} ${this.#stream} ${tag} `), text, lineEnd]);
  }
}

const lineEnd = Buffer.from([newline]);

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
