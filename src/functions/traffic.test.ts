import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { TrafficStatus, TrafficTarget } from '../api/index.ts';
import { functionObject, replicaSet } from './testing/objects.ts';
import { gaining, placesOf, shareOf, trafficOf } from './traffic.ts';

const r1 = replicaSet({ revision: 'r1' });
const r2 = replicaSet({ revision: 'r2' });

function of(spec: readonly TrafficTarget[], status: readonly TrafficTarget[] = []) {
  const inForce = status.map((target): TrafficStatus => ({
    weight: 0,
    replicas: 0,
    readyReplicas: 0,
    ...target,
  }));
  const fn = functionObject({ traffic: spec }, { status: { revision: 'r2', traffic: inForce } });
  const traffic = trafficOf(fn, [r1, r2], r2);
  return {
    traffic,
    parts: traffic.targets.map(({ revision = 'latest', set, asked, inForce: now }) => [
      revision,
      set?.metadata.name,
      asked,
      now,
    ]),
    gaining: gaining(traffic).map(({ revision = 'latest' }) => revision),
    places: (moves: boolean) => placesOf(fn, traffic, moves),
  };
}

test('trafficOf() gives the latest revision everything unless the spec says otherwise', () => {
  assert.deepEqual(of([]).parts, [['latest', 'f-r2', 100, 100]]);
  const tagged = of([{ revision: 'r1', tag: 'old' }]);
  assert.deepEqual(tagged.parts, [
    ['r1', 'f-r1', 0, 0],
    ['latest', 'f-r2', 100, 100],
  ]);
  assert.deepEqual(tagged.gaining, []);
  assert.deepEqual(tagged.places(true), [
    { revision: 'r1', weight: 0, tag: 'old' },
    { latest: true, weight: 100 },
  ]);
});

test('gaining() names who gets calls and has none yet', () => {
  const { parts, gaining: names } = of([
    { latest: true, weight: 90 },
    { revision: 'r1', weight: 10 },
  ]);
  assert.deepEqual(parts, [
    ['latest', 'f-r2', 90, 100],
    ['r1', 'f-r1', 10, 0],
  ]);
  assert.deepEqual(names, ['r1']);
});

test('placesOf() gives tags at once and weights when they move', () => {
  const shift = of([{ revision: 'r1', weight: 100, tag: 'stable' }]);
  assert.deepEqual(shift.places(false), [
    { revision: 'r1', weight: 0, tag: 'stable' },
    { latest: true, weight: 100 },
  ]);
  assert.deepEqual(shift.places(true), [{ revision: 'r1', weight: 100, tag: 'stable' }]);
});

test('placesOf() keeps what was in force when spec.traffic is taken away, until the latest is up', () => {
  const back = of([], [{ revision: 'r1', weight: 100 }]);
  assert.deepEqual(back.gaining, ['latest']);
  assert.deepEqual(back.places(false), [{ revision: 'r1', weight: 100 }]);
  assert.deepEqual(back.places(true), [{ latest: true, weight: 100 }]);
});

test('trafficOf() leaves the part of a revision that is gone to the others', () => {
  const some = of([
    { revision: 'gone', weight: 50, tag: 'g' },
    { revision: 'r1', weight: 50 },
  ]);
  assert.deepEqual(some.traffic.missing, ['gone']);
  assert.deepEqual(some.places(true), [{ revision: 'r1', weight: 50 }]);
  const all = of([{ revision: 'gone', weight: 100 }], [{ revision: 'gone', weight: 100 }]);
  assert.deepEqual(all.places(true), [{ latest: true, weight: 100 }]);
  assert.deepEqual(all.gaining, []);
});

test('trafficOf() adds up several entries of one revision', () => {
  const { places, traffic } = of([
    { revision: 'r1', weight: 30, tag: 'a' },
    { revision: 'r1', weight: 30, tag: 'b' },
    { latest: true, weight: 40 },
  ]);
  assert.deepEqual(places(true), [
    { revision: 'r1', weight: 60, tag: 'a' },
    { revision: 'r1', weight: 0, tag: 'b' },
    { latest: true, weight: 40 },
  ]);
  assert.equal(shareOf(10, traffic.targets[1] as (typeof traffic.targets)[0], traffic), 4);
});

test('trafficOf() finds the target with the largest part in force', () => {
  const both = [
    { latest: true, weight: 50 },
    { revision: 'r1', weight: 50 },
  ];
  assert.equal(of(both, both).traffic.main.revision, undefined);
  const most = [
    { latest: true, weight: 49 },
    { revision: 'r1', weight: 51 },
  ];
  assert.equal(of(most, most).traffic.main.revision, 'r1');
});

const target: fc.Arbitrary<TrafficTarget> = fc
  .tuple(fc.constantFrom('r1', 'r2', 'gone', ''), fc.nat(100), fc.boolean())
  .map(([revision, weight, isTagged]) => ({
    ...(revision === '' ? { latest: true } : { revision }),
    weight,
    ...(isTagged ? { tag: 't' } : {}),
  }));
const targets = fc.array(target, { maxLength: 4 });

test('property: calls always have somewhere to go, and before weights move to nobody new', () => {
  fc.assert(
    fc.property(targets, targets, (spec, status) => {
      const { traffic, places, gaining: names } = of(spec, status);
      for (const moves of [false, true]) {
        const now = places(moves);
        assert.ok(now.some(({ weight }) => weight > 0));
        assert.ok(now.every(({ revision }) => revision !== 'gone'));
        const sum = now.reduce((total, { weight }) => total + weight, 0);
        const wanted = traffic.targets.reduce(
          (all, it) => all + (moves ? it.asked : it.inForce),
          0,
        );
        assert.equal(sum, wanted);
      }
      for (const { weight, revision = 'latest' } of places(false)) {
        assert.ok(weight === 0 || !names.includes(revision));
      }
    }),
  );
});
