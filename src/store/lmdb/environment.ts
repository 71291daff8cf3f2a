import { open, type Database, type RootDatabase } from 'lmdb';
import { decodeRevision, encodeRevision, formatVersion } from './layout.ts';
import { cannotOpen, lmdbError } from './open-error.ts';

export type Table = Database<Buffer, Buffer>;

/** One put, or with no value one removal. */
export interface Change {
  readonly table: Table;
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** Numbers of the root table. */
export type Counter = 'revision' | 'compacted' | 'swept';

const formatKey = Buffer.from('format');
const counterKeys: Readonly<Record<Counter, Buffer>> = {
  revision: Buffer.from('revision'),
  compacted: Buffer.from('compacted'),
  swept: Buffer.from('swept'),
};

/** Address space set aside for the map; LMDB maps anew when the file outgrows it. */
const mapBytes = 4 * 1024 ** 3;

/**
 * A flush that takes no longer than this is waited for where it is asked for, since handing it to
 * another thread and hearing back costs as much (on a busy machine more).
 */
const directMs = 2.5;
/** Larger transactions are work enough to be done beside. */
const directChanges = 512;
/** How much the latest flush counts in the estimate of the next. */
const latestWeight = 0.2;

/** Secrets are in here. An option that lmdb-js has but does not declare. */
const ownerOnly = { permissionsMode: 0o600 };

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;

/**
 * Opens the LMDB environment in a folder, and makes its tables when it is new.
 *
 * Durability. With `overlappingSync: false`, lmdb-js commits as plain LMDB does: it writes the data
 * pages, calls fdatasync, then writes the meta page through a descriptor opened with O_DSYNC, and
 * only then marks the transaction committed, which is what resolves the promise of `batch`. So that
 * promise means "on disk, data and meta". With the default, `overlappingSync: true`, the promise
 * comes before fdatasync and only `flushed` after it; two promises per commit that resolve in one
 * order or another would buy nothing here, because the committer has one batch in flight at most.
 * `transactionSync` commits in the same way and returns when it is done.
 *
 * Ownership. LMDB lets processes share an environment, this store does not. Whoever has it open
 * holds a slot in LMDB's reader table, taken by the read below; LMDB tells a live process from a
 * dead one by a lock of the kernel, so that a crash leaves nothing to clean up by hand. The slot is
 * kept for as long as no cursor lives across turns of the event loop: read in one go, always. And
 * nothing in this process may open and close `lock.mdb`: POSIX would drop the lock.
 */
export async function openEnvironment(path: string): Promise<Environment> {
  const root = openRoot(path);
  try {
    const format = decodeRevision(readRoot(path, root));
    const other = otherOwner(root);
    if (other !== undefined) {
      throw cannotOpen(path, `it is open in process ${other}`, 'stop that process first');
    }
    if (format > formatVersion) {
      throw cannotOpen(
        path,
        `a newer nought wrote it, in format ${format}, and this one knows formats up to ${formatVersion}`,
        'start that newer version, or name another folder',
      );
    }
    const env = openTables(path, root);
    if (format === 0) await env.apply([env.formatChange(formatVersion)]);
    return env;
  } catch (error) {
    await root.close();
    throw error;
  }
}

function openRoot(path: string): RootDatabase<Buffer, Buffer> {
  try {
    return open<Buffer, Buffer>({
      ...binary,
      ...ownerOnly,
      path,
      noSubdir: false,
      mapSize: mapBytes,
      maxDbs: 4,
      maxReaders: 32,
      overlappingSync: false,
      eventTurnBatching: false,
    });
  } catch (error) {
    throw lmdbError(path, error);
  }
}

function openTables(path: string, root: RootDatabase<Buffer, Buffer>): Environment {
  try {
    return new Environment(path, root);
  } catch (error) {
    throw lmdbError(path, error);
  }
}

function readRoot(path: string, root: RootDatabase<Buffer, Buffer>): Buffer | undefined {
  try {
    return root.getBinary(formatKey);
  } catch (error) {
    throw lmdbError(path, error);
  }
}

function otherOwner(root: RootDatabase<Buffer, Buffer>): number | undefined {
  root.readerCheck();
  for (const [, pid] of root.readerList().matchAll(/^\s*(\d+)\s+[0-9a-f]+\s/gmu)) {
    if (Number(pid) !== process.pid) return Number(pid);
  }
  return undefined;
}

/** The open tables of one store, and the only place that writes to them. */
export class Environment {
  readonly path: string;
  readonly log: Table;
  readonly heads: Table;
  readonly graves: Table;
  readonly #root: RootDatabase<Buffer, Buffer>;
  /** How long the next flush is going to take, as those before it did. */
  #flushMs = directMs;

  constructor(path: string, root: RootDatabase<Buffer, Buffer>) {
    this.path = path;
    this.#root = root;
    this.log = root.openDB({ ...binary, name: 'log' });
    this.heads = root.openDB({ ...binary, name: 'heads' });
    this.graves = root.openDB({ ...binary, name: 'graves' });
  }

  /** Reads as of the newest durable transaction, even if this turn has read before. */
  refresh(): void {
    this.#root.resetReadTxn();
  }

  counter(name: Counter): number {
    return decodeRevision(this.#root.getBinary(counterKeys[name]));
  }

  formatChange(format: number): Change {
    return { table: this.#root, key: formatKey, value: encodeRevision(format) };
  }

  counterChange(name: Counter, value: number): Change {
    return { table: this.#root, key: counterKeys[name], value: encodeRevision(value) };
  }

  /** Makes all changes in one transaction; resolves once they are on disk. */
  async apply(changes: readonly Change[]): Promise<void> {
    const start = performance.now();
    const isDirect = changes.length <= directChanges && this.#flushMs <= directMs;
    const make = (): void => {
      for (const { table, key, value } of changes) {
        if (value === undefined) void table.remove(key);
        else void table.put(key, value);
      }
    };
    try {
      if (isDirect) this.#root.transactionSync(make);
      else await this.#root.batch(make);
      this.#flushMs += (performance.now() - start - this.#flushMs) * latestWeight;
    } catch (error) {
      const cause = await commitCause(error);
      throw new Error(
        `Cannot write to store "${this.path}": ${cause.message}; is the disk full or failing?`,
        { cause: error },
      );
    }
  }

  /** True when LMDB can no longer write, as after a failed write of its meta page. */
  isBroken(): boolean {
    try {
      this.#root.transactionSync(() => undefined);
      return false;
    } catch {
      return true;
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** What lmdb-js rejects with only points to the error, by a promise that rejects with it. */
async function commitCause(error: unknown): Promise<Error> {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause instanceof Error ? cause : error;
  }
}
