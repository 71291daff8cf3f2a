import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { corruptStore } from './open-error.ts';

/** Offsets in LMDB's data format 2, in the byte order of the machine, which we take to be little. */
const pageHeaderBytes = 24;
const flagsAt = 18;
const lowerAt = 20;
const magicAt = pageHeaderBytes;
const versionAt = pageHeaderBytes + 4;
const pageSizeAt = pageHeaderBytes + 24;
const freeRootAt = pageHeaderBytes + 64;
const mainRootAt = pageHeaderBytes + 112;
const lastPageAt = pageHeaderBytes + 120;
const transactionAt = pageHeaderBytes + 128;
const metaBytes = pageHeaderBytes + 136;

const magic = 0xbeefc0de;
const dataVersion = 2;
const noPage = 0xffff_ffff_ffff_ffffn;

const branchFlag = 1;
const leafFlag = 2;
const nodeHeaderBytes = 8;
const overflowFlag = 1;
const tableFlag = 2;
const tableRootAt = 40;
const overflowPagesAt = 16;

interface Meta {
  readonly pageBytes: number;
  readonly freeRoot: bigint;
  readonly mainRoot: bigint;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/**
 * Finds damage in `data.mdb` that LMDB would not report but die of: it maps the file, and touching a
 * page that is not there ends the process with SIGBUS.
 *
 * Throws when the file is no LMDB file, or has been cut. LMDB itself may leave a file shorter than
 * its last page when that page is free; so a short file is walked, and each page in use must be in it.
 * A missing or empty file is a new store. What is inside the pages is not checked.
 */
export async function checkDataFile(folder: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(join(folder, 'data.mdb'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size === 0) return;
    const meta = await newestMeta(file);
    if (BigInt(size) >= (meta.lastPage + 1n) * BigInt(meta.pageBytes)) return;
    await walk(file, meta, Math.floor(size / meta.pageBytes));
  } catch (error) {
    throw corruptStore(folder, error);
  } finally {
    await file.close();
  }
}

async function newestMeta(file: FileHandle): Promise<Meta> {
  const first = await readMeta(file, 0);
  const second = await readMeta(file, first.pageBytes);
  return first.transaction > second.transaction ? first : second;
}

async function readMeta(file: FileHandle, at: number): Promise<Meta> {
  const bytes = await readBytes(file, at, metaBytes);
  if (bytes.readUInt32LE(magicAt) !== magic) throw new Error('it is not an LMDB file');
  const version = bytes.readUInt32LE(versionAt) & 0xffff;
  if (version !== dataVersion) throw new Error(`it has LMDB's data format ${version}`);
  const pageBytes = bytes.readUInt32LE(pageSizeAt);
  if (pageBytes < 512 || pageBytes > 65_536) throw new Error(`its page size is ${pageBytes}`);
  return {
    pageBytes,
    freeRoot: bytes.readBigUInt64LE(freeRootAt),
    mainRoot: bytes.readBigUInt64LE(mainRootAt),
    lastPage: bytes.readBigUInt64LE(lastPageAt),
    transaction: bytes.readBigUInt64LE(transactionAt),
  };
}

async function walk(file: FileHandle, meta: Meta, pages: number): Promise<void> {
  const waiting = [meta.freeRoot, meta.mainRoot];
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    if (page === noPage) continue;
    checkPresent(page, 1n, pages);
    const bytes = await readBytes(file, Number(page) * meta.pageBytes, meta.pageBytes);
    if (bytes.readBigUInt64LE(0) !== page) throw new Error(`page ${page} is not in its place`);
    for (const { first, count, isTree } of references(bytes)) {
      checkPresent(first, count, pages);
      if (isTree) waiting.push(first);
    }
  }
}

function checkPresent(page: bigint, count: bigint, pages: number): void {
  if (page !== noPage && page + count > BigInt(pages)) {
    throw new Error(`it was cut: page ${page} is missing`);
  }
}

interface Reference {
  readonly first: bigint;
  readonly count: bigint;
  readonly isTree: boolean;
}

/** The pages that a branch or leaf page points to. */
function references(page: Buffer): Reference[] {
  const kind = page.readUInt16LE(flagsAt);
  const nodes = page.readUInt16LE(lowerAt) >> 1;
  return Array.from({ length: nodes }, (_, index) => {
    const at = pageHeaderBytes + page.readUInt16LE(pageHeaderBytes + index * 2);
    return (kind & branchFlag) !== 0 ? branchReference(page, at) : leafReference(page, at, kind);
  }).filter((reference) => reference !== undefined);
}

function branchReference(page: Buffer, node: number): Reference {
  return { first: BigInt(page.readUIntLE(node, 6)), count: 1n, isTree: true };
}

function leafReference(page: Buffer, node: number, kind: number): Reference | undefined {
  if ((kind & leafFlag) === 0) throw new Error('a page is of no known kind');
  const flags = page.readUInt16LE(node + 4);
  const data = node + nodeHeaderBytes + page.readUInt16LE(node + 6);
  if ((flags & tableFlag) !== 0) {
    return { first: page.readBigUInt64LE(data + tableRootAt), count: 1n, isTree: true };
  }
  if ((flags & overflowFlag) === 0) return undefined;
  const count = page.readBigUInt64LE(data + overflowPagesAt);
  return { first: page.readBigUInt64LE(data), count, isTree: false };
}

async function readBytes(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length) throw new Error('it was cut');
  return buffer;
}
