import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../lib/clock.ts';
import { probeOf, type ProbeKind, runProbe } from './probe.ts';

/** A clock that stands still but for sleeps, which take no time. */
function sleepingClock(): Clock & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    monotonic: () => clock.at,
    sleep: (ms: number, signal: AbortSignal) => {
      clock.at += ms;
      return signal.aborted ? Promise.reject(signal.reason as Error) : Promise.resolve();
    },
  };
  return clock;
}

interface Told {
  /** Milliseconds at which it was asked. */
  readonly asked: readonly number[];
  /** Milliseconds and what it had become. */
  readonly changes: readonly (readonly [number, boolean])[];
  readonly failures: number;
}

/** Lets a probe run on a container that is good at the times that `good` says. */
async function probing(
  kind: ProbeKind,
  fields: Record<string, unknown>,
  good: (ms: number) => boolean,
): Promise<Told> {
  const clock = sleepingClock();
  const end = new AbortController();
  const [asked, changes]: [number[], [number, boolean][]] = [[], []];
  let failures = 0;
  const probe = probeOf(
    { name: 'main', [`${kind}Probe`]: { tcpSocket: { port: 1 }, ...fields } },
    kind,
  );
  assert.ok(probe !== undefined);
  await runProbe(
    {
      probe,
      clock,
      startedAt: 0,
      known: kind === 'liveness' ? true : undefined,
      ask: async () => {
        asked.push(clock.at);
        if (clock.at > 100_000) end.abort(new Error('Enough'));
        return { kind: good(clock.at) ? 'success' : 'failure', output: '' };
      },
      changed: (now) => {
        changes.push([clock.at, now]);
        return true;
      },
      failed: () => (failures += 1),
    },
    end.signal,
  );
  return { asked, changes, failures };
}

describe('runProbe()', () => {
  it('waits for the initial delay, then asks by the period', async () => {
    const fields = { initialDelaySeconds: 7, periodSeconds: 20 };
    const { asked, changes } = await probing('liveness', fields, () => true);
    assert.deepEqual(asked.slice(0, 3), [7000, 27_000, 47_000]);
    assert.deepEqual(changes, []);
  });

  it('wants so many failures in a row before it says so', async () => {
    const down = (ms: number): boolean => ms < 5000 || ms === 7000;
    const fields = { periodSeconds: 1, failureThreshold: 3 };
    const { changes } = await probing('liveness', fields, down);
    // Down at 5 and 6, up at 7, down at 8, 9 and 10.
    assert.deepEqual(changes, [[10_000, false]]);
  });

  it('wants so many successes in a row, and the last of many failures tells', async () => {
    const up = (ms: number): boolean => ms < 20_000 || ms >= 40_000;
    const fields = { periodSeconds: 10, successThreshold: 2, failureThreshold: 1 };
    const { changes, failures } = await probing('readiness', fields, up);
    assert.deepEqual(changes, [
      [10_000, true],
      [20_000, false],
      [50_000, true],
    ]);
    assert.equal(failures, 2);
  });

  it('asks a container that does not serve yet ahead of its period, which counts for nothing', async () => {
    const up = (ms: number): boolean => ms >= 600;
    const fields = { periodSeconds: 10, failureThreshold: 1 };
    const { asked, changes, failures } = await probing('readiness', fields, up);
    assert.ok((changes[0]?.[0] ?? 0) < 1000, String(changes));
    assert.equal(failures, 0);
    assert.equal(changes.length, 1);
    assert.ok(asked.filter((ms) => ms < 600).length > 5);
  });

  it('counts failures of a startup probe by the period alone', async () => {
    const fields = { periodSeconds: 10, failureThreshold: 3 };
    const { changes, failures } = await probing('startup', fields, () => false);
    assert.equal(changes.length, 1);
    const [at, good] = changes[0] ?? [];
    assert.equal(good, false);
    assert.ok(at !== undefined && at >= 20_000 && at <= 22_000, String(at));
    assert.ok(failures >= 9 && failures <= 11, String(failures));
  });

  it('probeOf() fills in the defaults', () => {
    const probe = probeOf({ name: 'a', livenessProbe: { exec: { command: ['x'] } } }, 'liveness');
    assert.equal(probe?.periodMs, 10_000);
    assert.equal(probe?.timeoutMs, 1000);
    assert.equal(probe?.failureThreshold, 3);
    assert.equal(probe?.graceMs, undefined);
  });
});
