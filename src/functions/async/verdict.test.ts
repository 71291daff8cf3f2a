import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type AttemptFacts, type AttemptOutcome, errorOf, expiryMs, judge } from './verdict.ts';

const facts: AttemptFacts = { attempt: 1, retries: 3, backoffMs: 1000, ageMs: 0, random: 1 };

function answered(status: number, retryAfterMs?: number): AttemptOutcome {
  return { kind: 'answered', response: { status }, retryAfterMs };
}

test('judge() takes any answer below 400 for a success', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 399 }), (status) => {
      assert.equal(judge(answered(status), facts).kind, 'succeeded');
    }),
  );
});

test('judge() never repeats what the function has refused, and keeps its answer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 400, max: 499 }), (status) => {
      fc.pre(![408, 425, 429].includes(status));
      const verdict = judge(answered(status), facts);
      assert.ok(verdict.kind === 'failed' && verdict.reason === 'Refused');
      assert.equal(verdict.response?.status, status);
    }),
  );
});

test('judge() repeats 408, 425, 429, 5xx and lost answers as often as retries says', () => {
  const outcome = fc.oneof(
    fc.constantFrom(408, 425, 429, 500, 502, 503, 504, 599).map((status) => answered(status)),
    fc.constant<AttemptOutcome>({ kind: 'broken', detail: 'reset' }),
  );
  fc.assert(
    fc.property(
      outcome,
      fc.nat(100),
      fc.integer({ min: 1, max: 101 }),
      (what, retries, attempt) => {
        const verdict = judge(what, { ...facts, retries, attempt });
        if (attempt <= retries) assert.ok(verdict.kind === 'again' && verdict.counted);
        else assert.ok(verdict.kind === 'failed' && verdict.reason === 'RetriesExhausted');
      },
    ),
  );
});

test('judge() doubles the wait with each attempt, to five minutes at most, and takes a longer Retry-After', () => {
  const wait = (attempt: number, retryAfterMs?: number): number => {
    const verdict = judge(answered(503, retryAfterMs), { ...facts, retries: 100, attempt });
    assert.ok(verdict.kind === 'again');
    return verdict.afterMs;
  };
  assert.deepEqual(
    [1, 2, 3, 4, 50].map((attempt) => wait(attempt)),
    [1000, 2000, 4000, 8000, 300_000],
  );
  assert.equal(wait(1, 60_000), 60_000);
  assert.equal(wait(4, 500), 8000);
  assert.equal(wait(1, 1e12), 3_600_000);
});

test('judge() does not count what did not reach the function, until a day has passed', () => {
  const outcome: AttemptOutcome = { kind: 'unreached', detail: 'away', retryAfterMs: undefined };
  const late = { ...facts, attempt: 99, retries: 0 };
  const verdict = judge(outcome, late);
  assert.ok(verdict.kind === 'again' && !verdict.counted);
  const last = judge(outcome, { ...late, ageMs: expiryMs });
  assert.ok(last.kind === 'failed' && last.reason === 'Expired');
});

test('errorOf() reads a problem document, and quotes anything else', () => {
  const body = (text: string): string => Buffer.from(text).toString('base64');
  const headers = [{ name: 'Content-Type', value: 'application/problem+json' }];
  const problem = body('{"title":"Broken","detail":"in two"}');
  assert.deepEqual(errorOf({ status: 500, headers, body: problem }), {
    title: '500 Broken',
    detail: 'in two',
  });
  assert.deepEqual(errorOf({ status: 500, headers, body: body('{') }), {
    title: 'Answered 500',
    detail: '{',
  });
  assert.deepEqual(errorOf({ status: 404 }), { title: 'Answered 404', detail: '' });
});
