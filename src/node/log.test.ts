import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { LogFile } from './log-file.ts';
import { logTime, longestRecord } from './log-line.ts';
import { readLog } from './log-reader.ts';
import type { LogOptions } from './runtime.ts';

const all: LogOptions = {
  previous: false,
  follow: false,
  timestamps: false,
  tailLines: undefined,
  since: undefined,
  limitBytes: undefined,
};
const never = new AbortController().signal;

describe('container logs', () => {
  let folder: string;
  let count = 0;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nought-log-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function read(file: LogFile, options: Partial<LogOptions> = {}): Promise<Buffer> {
    const parts: Buffer[] = [];
    const source = { path: file.path, file };
    for await (const part of readLog(source, { ...all, ...options }, never)) parts.push(part);
    return Buffer.concat(parts);
  }

  it('readLog() gives back every byte, however the output was cut into chunks', async () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc.constantFrom(Buffer.from('\n'), Buffer.from('a\n\nb'), Buffer.from('é€')),
      fc.integer({ min: 1, max: 3 * longestRecord }).map((size) => Buffer.alloc(size, 'x')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), async (chunks) => {
        const file = new LogFile({ path: join(folder, String(count++)) });
        for (const each of chunks) file.write('stdout', Buffer.from(each));
        file.end();
        assert.deepEqual(await read(file), Buffer.concat(chunks));
      }),
      { numRuns: 30 },
    );
  });

  it('readLog() tails as `tail -n` does, over rotated files too', async () => {
    const line = fc.string({ maxLength: 30 }).map((text) => text.replaceAll('\n', ''));
    const lines = fc.array(line, { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(lines, fc.nat(70), fc.boolean(), async (texts, tail, ended) => {
        const file = new LogFile({
          path: join(folder, String(count++)),
          maxBytes: 2000,
          maxFiles: 9,
        });
        for (const text of texts) file.write('stdout', Buffer.from(`${text}\n`));
        if (ended) file.end();
        const expected = tail === 0 ? [] : texts.slice(-tail);
        const text = expected.map((each) => `${each}\n`).join('');
        assert.equal((await read(file, { tailLines: tail })).toString(), text);
        file.release();
      }),
      { numRuns: 30 },
    );
  });

  it('LogFile keeps so many files of that size and forgets the oldest', async () => {
    const file = new LogFile({ path: join(folder, 'log'), maxBytes: 1000, maxFiles: 3 });
    for (let index = 0; index < 100; index++) file.write('stdout', Buffer.from(`line ${index}\n`));
    file.end();
    assert.deepEqual((await readdir(folder)).toSorted(), ['log', 'log.1', 'log.2']);
    assert.match((await read(file)).toString(), /^line \d\d\n(.*\n)+line 99\n$/);
  });

  it('readLog() follows over rotations until the writer ends', async () => {
    const file = new LogFile({ path: join(folder, 'log'), maxBytes: 500, maxFiles: 100 });
    const reading = read(file, { follow: true });
    for (let index = 0; index < 200; index++) {
      file.write('stdout', Buffer.from(`${index}\n`));
      if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    file.end();
    const expected = Array.from({ length: 200 }, (_, index) => `${index}\n`).join('');
    assert.equal((await reading).toString(), expected);
  });

  it('readLog() ends when its caller goes, though the container runs on', async () => {
    const file = new LogFile({ path: join(folder, 'log') });
    file.write('stdout', Buffer.from('one\n'));
    const gone = new AbortController();
    const log = readLog({ path: file.path, file }, { ...all, follow: true }, gone.signal);
    const first = await log.next();
    assert.equal(first.value?.toString(), 'one\n');
    const next = log.next();
    gone.abort();
    assert.equal((await next).done, true);
    file.release();
  });

  it('logTime() grows with each call', () => {
    const times = Array.from({ length: 1000 }, () => logTime());
    assert.deepEqual(times, times.toSorted());
    assert.equal(new Set(times).size, times.length);
    assert.match(times[0] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  });
});
