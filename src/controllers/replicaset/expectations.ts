import type { Clock } from '../../lib/clock.ts';

/** As long as upstream waits for the echo of its own writes before it acts without it. */
export const expectationsTimeoutMs = 5 * 60_000;

interface Expected {
  creations: number;
  readonly deletions: Set<string>;
  readonly since: number;
}

/**
 * What a controller has done and not yet seen in its copy (upstream's ControllerExpectations).
 *
 * The copy lags behind the writes: who counts pods in it before its own creations have come back
 * creates them twice. While expectations of an owner are open, nothing more is created or deleted.
 *
 * Invariants:
 * 1. Expectations are set before the first write goes out, so that no echo can come too early.
 * 2. A deletion is known by the pod's uid: its echo counts once, however often it comes.
 * 3. What is still open after five minutes is given up.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #expected = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the owner's expectations run out; 0 when none is open. */
  openForMs(owner: string): number {
    const expected = this.#expected.get(owner);
    if (expected === undefined) return 0;
    if (expected.creations <= 0 && expected.deletions.size === 0) return 0;
    return Math.max(0, expected.since + expectationsTimeoutMs - this.#clock.monotonic());
  }

  expectCreations(owner: string, count: number): void {
    this.#expect(owner, count, []);
  }

  expectDeletions(owner: string, uids: readonly string[]): void {
    this.#expect(owner, 0, uids);
  }

  /** A creation has come back, or will not come. */
  creationObserved(owner: string): void {
    const expected = this.#expected.get(owner);
    if (expected !== undefined) expected.creations -= 1;
  }

  /** A deletion has come back, or will not come. */
  deletionObserved(owner: string, uid: string): void {
    this.#expected.get(owner)?.deletions.delete(uid);
  }

  forget(owner: string): void {
    this.#expected.delete(owner);
  }

  #expect(owner: string, creations: number, uids: readonly string[]): void {
    this.#expected.set(owner, {
      creations,
      deletions: new Set(uids),
      since: this.#clock.monotonic(),
    });
  }
}
