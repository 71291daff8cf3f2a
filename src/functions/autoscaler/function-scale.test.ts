import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec, Pod, ReplicaSet, TrafficTarget } from '../../api/index.ts';
import { rolesOf } from '../roles.ts';
import { settingsOf } from '../settings.ts';
import { functionObject, readyPod, replicaSet } from '../testing/objects.ts';
import { trafficOf } from '../traffic.ts';
import type { Demand } from './demand-ledger.ts';
import { FunctionScale, type Moment } from './function-scale.ts';

const latest = replicaSet({ revision: 'new' });
const old = replicaSet({ revision: 'old' });
const idle = replicaSet({ revision: 'old', replicas: 0 });

interface Case {
  readonly traffic: readonly TrafficTarget[];
  /** In force; by default what the spec has. */
  readonly status?: readonly TrafficTarget[];
  readonly sets?: readonly (readonly [ReplicaSet, ...Pod[]])[];
  /** Requests by revision; '' is the latest. */
  readonly requests?: Readonly<Record<string, number>>;
  readonly scaling?: FunctionSpec['scaling'];
  readonly nowMs?: number;
}

function moment(given: Case): Moment {
  const { traffic, status = traffic, requests = {}, nowMs = 0, scaling = {} } = given;
  const sets = given.sets ?? [
    [latest, readyPod('n')],
    [old, readyPod('o')],
  ];
  const inForce = status.map((target) => ({
    weight: 0,
    replicas: 0,
    readyReplicas: 0,
    ...target,
  }));
  const fn = functionObject(
    { traffic, scaling: { concurrency: 1, idle: '10s', ...scaling } },
    { status: { revision: 'new', traffic: inForce } },
  );
  const all = sets.map(([set]) => set);
  const roles = rolesOf(fn, 'new', all);
  const demandOf = (revisions?: readonly (string | undefined)[]): Demand => {
    const known = revisions?.map((revision) => revision ?? '') ?? Object.keys(requests);
    const sum = known.reduce((total, revision) => total + (requests[revision] ?? 0), 0);
    return { requests: sum, lastActiveMs: undefined, watchedSinceMs: 0 };
  };
  return {
    fn,
    settings: settingsOf(fn.spec),
    roles,
    traffic: trafficOf(fn, all, roles.active),
    demandOf,
    podsOf: (set) => (sets.find(([it]) => it === set)?.slice(1) ?? []) as readonly Pod[],
    isDrained: () => true,
    nowMs,
    wallMs: nowMs,
  };
}

const halves = [
  { latest: true, weight: 50 },
  { revision: 'old', weight: 50 },
];

test('wanted() gives each revision the pods for its own calls', () => {
  const scale = new FunctionScale();
  const now = moment({ traffic: halves, requests: { '': 2, old: 5 } });
  assert.equal(scale.wanted(now, latest), 2);
  assert.equal(scale.wanted(now, old), 5);
});

test('wanted() counts calls by name for the latest revision too', () => {
  const traffic = [
    { latest: true, weight: 100 },
    { revision: 'new', tag: 'now' },
  ];
  const now = moment({ traffic, requests: { '': 2, new: 3 } });
  assert.equal(new FunctionScale().wanted(now, latest), 5);
});

test('wanted() wakes a revision that has only a tag, and lets it idle to zero by itself', () => {
  const traffic = [{ revision: 'old', tag: 'old' }];
  const scale = new FunctionScale();
  const asleep = [[latest, readyPod('n')], [idle]] as const;
  assert.equal(scale.wanted(moment({ traffic, sets: asleep }), idle), 0);
  assert.equal(scale.wanted(moment({ traffic, sets: asleep, requests: { old: 1 } }), idle), 1);
  assert.equal(scale.wanted(moment({ traffic, nowMs: 1000 }), old), 1);
  const busy = moment({ traffic, nowMs: 12_000, requests: { '': 1 } });
  assert.equal(scale.wanted(busy, old), 0);
  assert.equal(scale.wanted(busy, latest), 1);
});

test('wanted() gives min and a pinned number to the revision with the largest share', () => {
  const traffic = [
    { latest: true, weight: 10 },
    { revision: 'old', weight: 90 },
  ];
  const at = (nowMs: number) => moment({ traffic, scaling: { min: 3 }, nowMs });
  const scale = new FunctionScale();
  assert.equal(scale.wanted(at(0), latest), 1);
  assert.equal(scale.wanted(at(20_000), latest), 0);
  assert.equal(scale.wanted(at(20_000), old), 3);
});

test('wanted() raises a revision for its share before it gets it', () => {
  const status = [{ latest: true, weight: 100 }];
  const sets = [[latest, readyPod('n')], [idle]] as const;
  const scale = new FunctionScale();
  assert.equal(scale.wanted(moment({ traffic: halves, status, sets }), idle), 1);
  const busy = moment({ traffic: halves, status, sets, requests: { '': 8 } });
  assert.equal(scale.wanted(busy, idle), 4);
});

test('wanted() keeps a revision for its last call when it is a target no more', () => {
  const traffic = [{ latest: true, weight: 100 }];
  const scale = new FunctionScale();
  assert.equal(scale.wanted(moment({ traffic, requests: { old: 1 } }), old), 1);
  assert.equal(scale.wanted(moment({ traffic }), old), 0);
});

test('wanted() starts no revision that was given up', () => {
  const failure = '{"generation":1,"reason":"LoadFailed","message":"bad"}';
  const bad = replicaSet({ revision: 'old', replicas: 0, failure });
  const now = moment({ traffic: halves, sets: [[latest], [bad]], requests: { old: 1 } });
  assert.equal(new FunctionScale().wanted(now, bad), 0);
});
