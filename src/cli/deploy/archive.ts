import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { CommandError } from '../command.ts';

const blockSize = 512;
/** What the function servers unpack at most. */
const unpackedLimitBytes = 512 * 1024 * 1024;
/** Compressed; what a package may take of the cluster's store. */
const packedLimitBytes = 32 * 1024 * 1024;

/**
 * The folder as tar.gz, the same bytes for the same files: sorted, without times and owners.
 *
 * ustar, with pax records for names that do not fit (POSIX.1-2008, "pax Interchange Format"). Throws
 * CommandError when it is too large or has a link that leads out of it.
 */
export async function archiveFolder(folder: string, signal: AbortSignal): Promise<Buffer> {
  const gzip = createGzip({ level: 9 });
  const source = Readable.from(archiveBlocks(folder), { objectMode: false });
  source.on('error', (error) => gzip.destroy(error));
  source.pipe(gzip);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of gzip as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      chunks.push(chunk);
      size += chunk.length;
      if (size > packedLimitBytes) throw tooLarge('packed', packedLimitBytes);
    }
  } finally {
    source.destroy();
  }
  return Buffer.concat(chunks);
}

function tooLarge(how: string, limit: number): CommandError {
  return new CommandError(
    `Cannot deploy the folder: it has more than ${limit / 1024 / 1024} MiB ${how}, with its dependencies; leave out what it does not need, or build an image and use runtime: image`,
  );
}

async function* archiveBlocks(folder: string): AsyncGenerator<Buffer, void, undefined> {
  let total = 0;
  for (const path of await listFiles(folder)) {
    const stats = await lstat(join(folder, path));
    total += stats.size;
    if (total > unpackedLimitBytes) throw tooLarge('unpacked', unpackedLimitBytes);
    if (stats.isSymbolicLink()) {
      const link = checkLink(path, await readlink(join(folder, path)));
      yield* entry({ path, link, type: '2', mode: 0o777, data: Buffer.alloc(0) });
    } else {
      const data = await readFile(join(folder, path));
      const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
      yield* entry({ path, link: '', type: '0', mode, data });
    }
  }
  yield Buffer.alloc(2 * blockSize);
}

/** Paths of all files and links, sorted by their code units; links are not followed. */
async function listFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((each) => each.isFile() || each.isSymbolicLink())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

function checkLink(path: string, target: string): string {
  const within = posix.normalize(posix.join(posix.dirname(path), target));
  if (posix.isAbsolute(target) || within === '..' || within.startsWith('../')) {
    throw new CommandError(
      `Cannot deploy the link "${path}": it points to "${target}", which is outside of the folder`,
    );
  }
  return posix.relative(posix.dirname(path), within) || '.';
}

interface Entry {
  readonly path: string;
  readonly link: string;
  readonly type: '0' | '2' | 'x';
  readonly mode: number;
  readonly data: Buffer;
}

function* entry(it: Entry): Generator<Buffer, void, undefined> {
  const records = [fits(it.path) ? '' : paxRecord('path', it.path)];
  records.push(fits(it.link) ? '' : paxRecord('linkpath', it.link));
  const extra = Buffer.from(records.join(''));
  if (extra.length > 0) {
    yield* blocks({ path: 'pax', link: '', type: 'x', mode: 0o644, data: extra });
  }
  yield* blocks(it);
}

const fits = (name: string): boolean => /^\p{ASCII}{0,100}$/u.test(name);

/** `LENGTH KEY=VALUE\n`, where LENGTH counts the bytes of the whole record, its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length > length) length += 1;
  return `${length}${rest}`;
}

function* blocks({ path, link, type, mode, data }: Entry): Generator<Buffer, void, undefined> {
  const header = Buffer.alloc(blockSize);
  const octal = (value: number, at: number, length: number): number =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  header.write(path, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(data.length, 124, 12);
  octal(0, 136, 12);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  // The sum is taken with its own field as spaces.
  header.fill(' ', 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  yield header;
  if (data.length === 0) return;
  yield data;
  yield Buffer.alloc((blockSize - (data.length % blockSize)) % blockSize);
}
