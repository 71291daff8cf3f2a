import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DemandLedger } from './demand-ledger.ts';

const graceMs = 1000;
const name = 'ns/f';
const [one, two] = [Symbol('one'), Symbol('two')];
const sample = (inFlight: number, idleMs = 0) =>
  ({
    kind: 'sample',
    functions: [{ function: name, inFlight, held: 0, idleMs, arrived: 0 }],
  }) as const;
const drained = (...pods: string[]) => ({ kind: 'drained', pods }) as const;

function ledgerWith(...gateways: string[]): DemandLedger {
  const ledger = new DemandLedger(0, graceMs);
  for (const gateway of gateways) ledger.connect(gateway, one, 0);
  return ledger;
}

test('DemandLedger adds up the demand at all gateways, and tells who woke', () => {
  const ledger = ledgerWith('a', 'b');
  assert.deepEqual(ledger.take('a', sample(2), 10), [name]);
  assert.deepEqual(ledger.take('a', sample(3), 20), []);
  assert.deepEqual(ledger.take('b', { kind: 'poke', function: name, held: 4 }, 20), [name]);
  assert.equal(ledger.demand(name, 30).requests, 7);
});

test('DemandLedger counts held requests of a poke beside those in flight', () => {
  const ledger = ledgerWith('a');
  ledger.take('a', sample(10), 10);
  ledger.take('a', { kind: 'poke', function: name, held: 5 }, 20);
  assert.equal(ledger.demand(name, 20).requests, 15);
});

test('DemandLedger counts the requests of a gateway that is away until its grace is over', () => {
  const ledger = ledgerWith('a');
  ledger.take('a', sample(2), 5000);
  ledger.disconnect('a', one, 6000);
  assert.equal(ledger.demand(name, 6000 + graceMs - 1).requests, 2);
  assert.equal(ledger.isDrained('p', 'm', 6000 + graceMs - 1), false);
  assert.equal(ledger.demand(name, 6000 + graceMs).requests, 0);
  assert.equal(ledger.isDrained('p', 'm', 6000 + graceMs), true);
});

test('DemandLedger is not misled by the end of a connection that was replaced', () => {
  const ledger = ledgerWith('a');
  ledger.connect('a', two, 10);
  ledger.disconnect('a', one, 20);
  ledger.take('a', sample(1), 30);
  assert.equal(ledger.demand(name, 30 + graceMs).requests, 1);
});

test('DemandLedger takes a pod as drained when all gateways have answered for this draining of it', () => {
  const ledger = ledgerWith('a', 'b');
  ledger.take('a', drained('p@1'), 10);
  assert.equal(ledger.isDrained('p', '1', 5000), false);
  ledger.take('b', drained('p@1'), 20);
  assert.equal(ledger.isDrained('p', '1', graceMs - 1), false);
  assert.equal(ledger.isDrained('p', '1', 5000), true);
  assert.equal(ledger.isDrained('p', '2', 5000), false);
});

test('DemandLedger forgets requests that a connected gateway has long not spoken of', () => {
  const ledger = ledgerWith('a');
  ledger.take('a', sample(1), 0);
  assert.equal(ledger.demand(name, 9000).requests, 1);
  assert.equal(ledger.demand(name, 11_000).requests, 0);
});

test('DemandLedger dates the last activity by the idle time that the gateway reports', () => {
  const ledger = ledgerWith('a');
  ledger.take('a', sample(0, 3000), 10_000);
  assert.equal(ledger.demand(name, 20_000).lastActiveMs, 7000);
});

test('demand() tells the calls of a revision by its name from those of the latest', () => {
  const ledger = new DemandLedger(0, 1000);
  ledger.connect('g', Symbol('g'), 0);
  const functions = ['n/f', 'n/f@r1', 'n/f@r2'].map((key, index) => ({
    function: key,
    inFlight: index + 1,
    held: 0,
    idleMs: 0,
    arrived: 0,
  }));
  assert.deepEqual(ledger.take('g', { kind: 'sample', functions }, 1), ['n/f', 'n/f', 'n/f']);
  const requests = (revisions?: readonly (string | undefined)[]): number =>
    ledger.demand('n/f', 1, revisions).requests;
  assert.equal(requests([undefined]), 1);
  assert.equal(requests(['r1']), 2);
  assert.equal(requests([undefined, 'r2']), 4);
  assert.equal(requests(), 6);
  ledger.keepRevisions('n/f', (revision) => revision === 'r2');
  assert.equal(requests(), 4);
});
