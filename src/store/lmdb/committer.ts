import { nextTurn } from '../next-turn.ts';
import { type CommitResult, StoreBusyError, type Transaction } from '../store.ts';
import { checkTransaction } from '../transaction.ts';
import {
  BatchPlan,
  prepareTransaction,
  type PlannedTransaction,
  type PreparedTransaction,
} from './batch-plan.ts';
import type { Change, Environment } from './environment.ts';
import type { History } from './history.ts';

/** Work of the store itself that rides along with a batch; asked for changes once, in its turn. */
export type Maintenance = () => readonly Change[];

interface Waiting<Work, Result> {
  readonly work: Work;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/** What one flush takes at most; more would only make its first commit wait longer. */
const batchTransactions = 2048;
const batchBytes = 8 * 1024 * 1024;

/** What may wait for a flush; beyond it commits are refused with StoreBusyError. */
const waitingTransactions = 65_536;
const waitingBytes = 256 * 1024 * 1024;

/**
 * Commits in groups: whatever comes while one batch is being flushed goes into the next.
 *
 * Owns the order of transactions and the one writer of the environment.
 *
 * Invariants:
 * 1. One batch is in flight at most, so that each is decided on what is durable.
 * 2. Within a batch, maintenance comes first, then transactions in the order in which they came.
 * 3. When a batch is on disk: the revision moves, then watchers are told, then callers; so that a
 *    caller who has been told finds its write in every read.
 * 4. When a batch fails, all of it fails and the next starts from what was durable before it. When
 *    LMDB itself gives up, every later commit fails with that same cause.
 */
export class Committer {
  readonly #env: Environment;
  readonly #history: History;
  readonly #publish: (transaction: PlannedTransaction) => void;
  #transactions: Waiting<PreparedTransaction, CommitResult>[] = [];
  #maintenance: Waiting<Maintenance, void>[] = [];
  #waitingBytes = 0;
  #revision: number;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(
    env: Environment,
    history: History,
    publish: (transaction: PlannedTransaction) => void,
  ) {
    this.#env = env;
    this.#history = history;
    this.#publish = publish;
    this.#revision = env.counter('revision');
  }

  /** The newest durable revision. */
  revision(): number {
    return this.#revision;
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    const waiting = this.#transactions.length;
    if (waiting >= waitingTransactions || this.#waitingBytes >= waitingBytes) {
      throw new StoreBusyError(waiting);
    }
    const work = prepareTransaction(transaction);
    return new Promise((resolve, reject) => {
      this.#waitingBytes += work.bytes;
      this.#transactions.push({ work, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  maintain(work: Maintenance): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#maintenance.push({ work, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when everything that was asked for has been done or has failed. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#transactions.length + this.#maintenance.length > 0) {
      // The callers of this turn share one batch.
      await nextTurn();
      await this.#flush(this.#take(), this.#maintenance.splice(0));
    }
    this.#running = undefined;
  }

  #take(): Waiting<PreparedTransaction, CommitResult>[] {
    let bytes = 0;
    let count = 0;
    for (const { work } of this.#transactions) {
      if (count === batchTransactions || bytes > batchBytes) break;
      bytes += work.bytes;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#transactions.splice(0, count);
  }

  async #flush(
    transactions: readonly Waiting<PreparedTransaction, CommitResult>[],
    maintenance: readonly Waiting<Maintenance, void>[],
  ): Promise<void> {
    const settle: (() => void)[] = [];
    const all = [...transactions, ...maintenance];
    try {
      if (this.#failure !== undefined) throw this.#failure;
      this.#env.refresh();
      const upkeep = maintenance.flatMap(({ work, resolve }) => {
        settle.push(resolve);
        return work();
      });
      const plan = new BatchPlan(this.#env, this.#history, this.#revision);
      for (const transaction of transactions) settle.push(decide(plan, transaction));
      await this.#write(upkeep, plan);
    } catch (error) {
      for (const { reject } of all) reject(asError(error));
      return;
    }
    // After the microtasks that bring the news to watchers: it has further to go than an answer.
    process.nextTick(() => {
      for (const resolve of settle) resolve();
    });
  }

  async #write(upkeep: readonly Change[], plan: BatchPlan): Promise<void> {
    const changes = [...upkeep, ...plan.changes];
    if (plan.revision > this.#revision) {
      changes.push(this.#env.counterChange('revision', plan.revision));
    }
    if (changes.length === 0) return;
    try {
      await this.#env.apply(changes);
    } catch (error) {
      if (this.#env.isBroken()) this.#failure = asError(error);
      throw error;
    }
    this.#env.refresh();
    for (const transaction of plan.committed) {
      this.#revision = transaction.revision;
      this.#publish(transaction);
    }
  }
}

/** Adds one transaction to the plan; what it returns tells the caller, once the plan is on disk. */
function decide(
  plan: BatchPlan,
  { work, resolve, reject }: Waiting<PreparedTransaction, CommitResult>,
): () => void {
  try {
    const result = plan.add(work);
    return () => resolve(result);
  } catch (error) {
    return () => reject(asError(error));
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
