import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import { Schedule } from './schedule.ts';

/** Time that passes only when the test says so. */
class SimulatedClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ readonly due: number; readonly wake: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { due: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      const abort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lets this much time pass, and everything happen that is due in it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await setImmediate();
      const [next] = [...this.#sleepers].toSorted((a, b) => a.due - b.due);
      if (next === undefined || next.due > end) break;
      this.#sleepers.delete(next);
      this.#now = next.due;
      next.wake();
    }
    this.#now = end;
  }
}

interface Turns extends AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly schedule: Schedule;
  readonly turns: readonly string[];
}

function start(): Turns {
  const clock = new SimulatedClock();
  const schedule = new Schedule(clock);
  const stop = new AbortController();
  const turns: string[] = [];
  const running = schedule.run((key) => turns.push(`${key} ${clock.now()}`), stop.signal);
  return {
    clock,
    schedule,
    turns,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

test('Schedule gives each key turns at its own interval, exactly, for hours', async () => {
  await using under = start();
  under.schedule.set('a', 1500);
  under.schedule.set('b', 3_600_000);
  await under.clock.pass(2 * 3_600_000);
  const of = (key: string): readonly number[] =>
    under.turns.filter((turn) => turn.startsWith(key)).map((turn) => Number(turn.slice(2)));
  assert.deepEqual(
    of('a'),
    Array.from({ length: 4801 }, (_, index) => index * 1500),
  );
  assert.deepEqual(of('b'), [0, 3_600_000, 7_200_000]);
});

test('Schedule takes a new interval from the last turn, without waiting for the old one', async () => {
  await using under = start();
  under.schedule.set('a', 60_000);
  await under.clock.pass(10_000);
  under.schedule.set('a', 4000);
  await under.clock.pass(5000);
  under.schedule.set('a', 60_000);
  await under.clock.pass(60_000);
  assert.deepEqual(under.turns, ['a 0', 'a 10000', 'a 14000', 'a 74000']);
});

test('Schedule forgets what is deleted, and begins anew when it comes back', async () => {
  await using under = start();
  under.schedule.set('a', 1000);
  await under.clock.pass(1500);
  under.schedule.delete('a');
  await under.clock.pass(5000);
  under.schedule.set('a', 1000);
  await under.clock.pass(500);
  assert.deepEqual(under.turns, ['a 0', 'a 1000', 'a 6500']);
});

test('Schedule gives the first turn as late as it was told, and keeps to that phase', async () => {
  await using under = start();
  under.schedule.set('a', 1000, 300);
  await under.clock.pass(2500);
  assert.deepEqual(under.turns, ['a 300', 'a 1300', 'a 2300']);
});
