import { existsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type LogFile, logPath } from './log-file.ts';
import { type LogRecord, parseRecord } from './log-line.ts';
import type { LogOptions } from './runtime.ts';

const blockBytes = 64 * 1024;
const newline = 10;
const newlineBuffer = Buffer.from([newline]);

export interface LogSource {
  readonly path: string;
  /** The writer while there is one; without it the file is read as it is. */
  readonly file: LogFile | undefined;
}

interface Place {
  /** Rotations of the writer when this file was the present one; may be negative. */
  readonly generation: number;
  readonly offset: number;
}

/** The text of a log as `kubectl logs` shows it. Ends at the end of the log, or of the container. */
export async function* readLog(
  source: LogSource,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const start = await findStart(source, options.tailLines);
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  let fresh = true;
  for await (const lines of readRecords(source, start, options.follow, signal)) {
    const parts: Buffer[] = [];
    for (const record of lines) {
      if (options.since !== undefined && Date.parse(record.time) < options.since) continue;
      if (options.timestamps && fresh) parts.push(Buffer.from(`${record.time} `));
      parts.push(record.text);
      if (record.full) parts.push(newlineBuffer);
      fresh = record.full;
    }
    const chunk = Buffer.concat(parts);
    if (chunk.length > 0) yield chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= chunk.length;
    if (left <= 0) return;
  }
}

/** Records from a place on, in batches; with `follow` until the writer has ended. */
async function* readRecords(
  source: LogSource,
  start: Place,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[], void, undefined> {
  let { generation, offset } = start;
  for (;;) {
    const rotations = source.file?.rotations ?? 0;
    // Asked for before looking: a file that appears in between wakes at once.
    const appears = follow ? source.file?.changed(signal) : undefined;
    const handle = await openQuietly(logPath(source.path, Math.max(0, rotations - generation)));
    if (handle !== undefined && (source.file?.rotations ?? 0) !== rotations) {
      await handle.close();
      continue;
    }
    if (handle === undefined) {
      if (generation < rotations) {
        generation += 1;
        continue;
      }
      if (appears === undefined || source.file?.ended === true || signal.aborted) return;
      await appears;
      continue;
    }
    try {
      for (;;) {
        // Asked for before reading: what is written in between wakes at once.
        const over = isOver(source, generation, follow);
        const change = over ? undefined : source.file?.changed(signal);
        for await (const batch of readBatches(handle, offset)) {
          offset = batch.end;
          yield batch.records;
        }
        if (signal.aborted || over || change === undefined) break;
        await change;
      }
    } finally {
      await handle.close();
    }
    if (signal.aborted || generation >= (source.file?.rotations ?? 0)) return;
    generation += 1;
    offset = 0;
  }
}

/** Whether no more will be written to the file of that generation (or the caller does not care). */
function isOver(source: LogSource, generation: number, follow: boolean): boolean {
  if (source.file === undefined || source.file.ended || !follow) return true;
  return source.file.rotations > generation;
}

async function* readBatches(
  handle: FileHandle,
  from: number,
): AsyncGenerator<{ readonly records: readonly LogRecord[]; readonly end: number }> {
  let offset = from;
  let size = blockBytes;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(size), 0, size, offset);
    const data = buffer.subarray(0, bytesRead);
    const last = data.lastIndexOf(newline);
    if (last < 0) {
      if (bytesRead < size) return;
      size *= 2;
      continue;
    }
    offset += last + 1;
    yield { records: splitRecords(data.subarray(0, last)), end: offset };
  }
}

function splitRecords(data: Buffer): readonly LogRecord[] {
  const records: LogRecord[] = [];
  for (let from = 0; from <= data.length;) {
    const at = data.indexOf(newline, from);
    const end = at < 0 ? data.length : at;
    const record = parseRecord(data.subarray(from, end));
    if (record !== undefined) records.push(record);
    from = end + 1;
  }
  return records;
}

/** Where the last `lines` lines begin; the very beginning when there are fewer or all are wanted. */
async function findStart(source: LogSource, lines: number | undefined): Promise<Place> {
  const rotations = source.file?.rotations ?? 0;
  let left = lines ?? Number.POSITIVE_INFINITY;
  let oldest = 0;
  for (let index = 0; index === 0 || existsSync(logPath(source.path, index)); index++) {
    oldest = index;
    if (lines === undefined) continue;
    const handle = await openQuietly(logPath(source.path, index));
    if (handle === undefined) continue;
    try {
      const found = await lastLines(handle, left);
      left -= found.lines;
      if (found.start === undefined) continue;
      if ((source.file?.rotations ?? 0) !== rotations) break;
      return { generation: rotations - index, offset: found.start };
    } finally {
      await handle.close();
    }
  }
  // Files moved on while we looked: what was found may be in another one now.
  if ((source.file?.rotations ?? 0) !== rotations) return findStart(source, lines);
  return { generation: rotations - oldest, offset: 0 };
}

/** Offset where the last `wanted` lines of a file begin, or how many there are when too few. */
async function lastLines(
  handle: FileHandle,
  wanted: number,
): Promise<{ readonly start: number | undefined; readonly lines: number }> {
  let position = (await handle.stat()).size;
  if (wanted <= 0) return { start: position, lines: 0 };
  let carry: Buffer = Buffer.alloc(0);
  let lines = 0;
  let newest = true;
  while (position > 0) {
    const size = Math.min(blockBytes, position);
    position -= size;
    const { buffer } = await handle.read(Buffer.allocUnsafe(size), 0, size, position);
    const data = Buffer.concat([buffer, carry]);
    let end = data.length;
    for (let at = data.lastIndexOf(newline, end - 2); at >= 0 && end > 0;) {
      if (newest || parseRecord(data.subarray(at + 1, end))?.full === true) lines += 1;
      newest = false;
      if (lines > wanted) return { start: position + end, lines };
      end = at + 1;
      at = end < 2 ? -1 : data.lastIndexOf(newline, end - 2);
    }
    carry = data.subarray(0, end);
  }
  if (carry.length > 0 && (newest || parseRecord(carry)?.full === true)) lines += 1;
  return { start: lines > wanted ? carry.length : undefined, lines };
}

async function openQuietly(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
