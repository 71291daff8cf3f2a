import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { capacityOf, planScale, type ScaleStep, type SetView } from './scale-plan.ts';

/**
 * A model of everything that takes part in scaling one ReplicaSet, explored in every order of its
 * steps: the API server, watches that lag independently of each other, the ReplicaSet controller,
 * gateways, their connections, requests, the idle clock, and the autoscaler with `planScale`.
 */
interface Pod {
  readonly id: number;
  readonly version: number;
  /** 0 for none, else the number of the draining. */
  readonly mark: number;
  readonly ready: boolean;
}
interface Scale {
  readonly replicas: number;
  readonly generation: number;
  readonly observed: number;
  readonly seenReady: number;
}
/** A cache, and what its watch has yet to bring. */
interface Copy<T> {
  readonly now: T;
  readonly coming: readonly T[];
}
interface Gateway {
  readonly pods: Copy<readonly Pod[]>;
  readonly held: number;
  /** The pod of each request in flight. */
  readonly inFlight: readonly number[];
  readonly answered: readonly number[];
  readonly reported: number;
  readonly line: readonly Message[];
}
type Message =
  | { readonly kind: 'demand'; readonly requests: number }
  | { readonly kind: 'drained'; readonly mark: number };
interface State {
  readonly scale: Scale;
  readonly pods: readonly Pod[];
  readonly nextPod: number;
  readonly nextMark: number;
  readonly arrivals: number;
  readonly idles: number;
  readonly idle: boolean;
  /** What the ReplicaSet controller has seen of the spec. */
  readonly controller: Copy<Scale>;
  readonly gateways: readonly Gateway[];
  readonly autoscaler: {
    readonly scale: Copy<Scale>;
    readonly pods: Copy<readonly Pod[]>;
    readonly written: readonly Pod[];
    readonly writtenScale: Scale;
    readonly demand: readonly number[];
    readonly answers: readonly (readonly number[])[];
    readonly released: readonly number[];
    readonly steps: readonly ScaleStep[];
    readonly wanted: number;
    /** The generation that the steps were planned for, and the versions of the pods. */
    readonly generation: number;
    readonly versions: Readonly<Record<string, number>>;
  };
}
type Step = readonly [name: string, next: State];

function start(gateways: number, limits: { arrivals: number; idles: number }): State {
  const scale = { replicas: 1, generation: 1, observed: 1, seenReady: 1 };
  const pods = [{ id: 1, version: 1, mark: 0, ready: true }];
  const copy = <T>(now: T): Copy<T> => ({ now, coming: [] });
  const gateway: Gateway = {
    pods: copy(pods),
    held: 0,
    inFlight: [],
    answered: [],
    reported: 0,
    line: [],
  };
  return {
    scale,
    pods,
    nextPod: 2,
    nextMark: 1,
    ...limits,
    idle: false,
    controller: copy(scale),
    gateways: Array.from({ length: gateways }, () => gateway),
    autoscaler: {
      scale: copy(scale),
      pods: copy(pods),
      written: [],
      writtenScale: scale,
      demand: Array.from({ length: gateways }, () => 0),
      answers: Array.from({ length: gateways }, () => []),
      released: [],
      steps: [],
      wanted: 0,
      generation: 0,
      versions: {},
    },
  };
}

/** The newest values are merged when more than this many wait: bounds the number of states. */
let longestLag = 1;
let planner = planScale;
/** The most pods that are ever wanted. */
let most = 2;
/** Whether the pods are listed anew before the ReplicaSet is lowered, as the autoscaler does. */
let looksAgain = true;

function behind<T>(copy: Copy<T>, value: T): Copy<T> {
  return { ...copy, coming: [...copy.coming.slice(0, longestLag - 1), value] };
}

function deliver<T>(copy: Copy<T>): Copy<T> | undefined {
  const [first, ...rest] = copy.coming;
  return first === undefined ? undefined : { now: first, coming: rest };
}

function writePods(state: State, pods: readonly Pod[]): State {
  return {
    ...state,
    pods,
    gateways: state.gateways.map((gateway) => ({ ...gateway, pods: behind(gateway.pods, pods) })),
    autoscaler: { ...state.autoscaler, pods: behind(state.autoscaler.pods, pods) },
  };
}

function writeScale(state: State, scale: Scale, byController = false): State {
  return {
    ...state,
    scale,
    controller: byController ? state.controller : behind(state.controller, scale),
    autoscaler: { ...state.autoscaler, scale: behind(state.autoscaler.scale, scale) },
  };
}

function changePod(state: State, id: number, change: Partial<Pod>): State {
  return writePods(
    state,
    state.pods.map((pod) =>
      pod.id === id ? { ...pod, ...change, version: pod.version + 1 } : pod,
    ),
  );
}

class Violation extends Error {}

function* steps(state: State): Generator<Step> {
  yield* clusterSteps(state);
  for (const index of state.gateways.keys()) yield* gatewaySteps(state, index);
  yield* autoscalerSteps(state);
}

function* clusterSteps(state: State): Generator<Step> {
  for (const pod of state.pods) {
    if (!pod.ready) yield ['boot', changePod(state, pod.id, { ready: true })];
  }
  const seen = deliver(state.controller);
  if (seen !== undefined) yield ['controller sees', { ...state, controller: seen }];
  const synced = sync(state);
  if (synced !== undefined) yield ['controller syncs', synced];
}

/** What the ReplicaSet controller does: it knows its pods (expectations), but maybe an old spec. */
function sync(state: State): State | undefined {
  const { replicas, generation } = state.controller.now;
  const live = state.pods;
  const ranked = live.toSorted(
    (a, b) =>
      Number(a.ready) - Number(b.ready) || Number(b.mark > 0) - Number(a.mark > 0) || b.id - a.id,
  );
  let next = state;
  for (const victim of ranked.slice(0, Math.max(0, live.length - replicas))) {
    if (state.gateways.some((gateway) => gateway.inFlight.includes(victim.id))) {
      throw new Violation(`Pod ${victim.id} was deleted with a request in flight`);
    }
    next = writePods(
      next,
      next.pods.filter(({ id }) => id !== victim.id),
    );
  }
  for (let more = replicas - live.length; more > 0; more -= 1) {
    const pod = { id: next.nextPod, version: 1, mark: 0, ready: false };
    next = { ...writePods(next, [...next.pods, pod]), nextPod: next.nextPod + 1 };
  }
  const seenReady = live.filter((pod) => pod.ready).length;
  const { scale } = state;
  if (next === state && scale.observed === generation && scale.seenReady === seenReady)
    return undefined;
  return writeScale(next, { ...scale, observed: generation, seenReady }, true);
}

function* gatewaySteps(state: State, index: number): Generator<Step> {
  const gateway = state.gateways[index] as Gateway;
  const put = (change: Partial<Gateway>): State => ({
    ...state,
    gateways: state.gateways.map((it, at) => (at === index ? { ...it, ...change } : it)),
  });
  const pods = deliver(gateway.pods);
  if (pods !== undefined) yield ['gateway sees', put({ pods })];
  if (state.arrivals > 0) {
    yield ['arrive', { ...put({ held: gateway.held + 1 }), arrivals: state.arrivals - 1 }];
  }
  if (gateway.held > 0) {
    for (const { id, mark } of gateway.pods.now) {
      if (mark > 0) continue;
      const truth = state.pods.find((pod) => pod.id === id);
      if (truth?.ready === false) continue;
      if (truth === undefined) {
        throw new Violation(`Pod ${id} was given a request after it was deleted`);
      }
      const inFlight = [...gateway.inFlight, id].toSorted();
      yield ['route', put({ held: gateway.held - 1, inFlight })];
      break;
    }
  }
  if (gateway.inFlight.length > 0) {
    yield ['finish', put({ inFlight: gateway.inFlight.slice(1) })];
  }
  const requests = gateway.held + gateway.inFlight.length;
  if (requests !== gateway.reported) {
    const line = [...gateway.line, { kind: 'demand', requests } as const];
    yield ['report', put({ reported: requests, line })];
  }
  for (const { id, mark } of gateway.pods.now) {
    if (mark === 0 || gateway.inFlight.includes(id) || gateway.answered.includes(mark)) continue;
    const line = [...gateway.line, { kind: 'drained', mark } as const];
    yield ['answer', put({ line, answered: [...gateway.answered, mark] })];
  }
  const [message, ...line] = gateway.line;
  if (message !== undefined) yield ['hear', hear(put({ line }), index, message)];
}

function hear(state: State, index: number, message: Message): State {
  const { demand, answers } = state.autoscaler;
  if (message.kind === 'demand') {
    return {
      ...state,
      idle: message.requests > 0 ? false : state.idle,
      autoscaler: { ...state.autoscaler, demand: demand.with(index, message.requests) },
    };
  }
  const own = answers[index] ?? [];
  return {
    ...state,
    autoscaler: { ...state.autoscaler, answers: answers.with(index, [...own, message.mark]) },
  };
}

function* autoscalerSteps(state: State): Generator<Step> {
  const own = state.autoscaler;
  const scale = deliver(own.scale);
  if (scale !== undefined)
    yield ['autoscaler sees scale', { ...state, autoscaler: { ...own, scale } }];
  const pods = deliver(own.pods);
  if (pods !== undefined)
    yield ['autoscaler sees pods', { ...state, autoscaler: { ...own, pods } }];
  const atRest = own.demand.every((requests) => requests === 0);
  if (atRest && !state.idle && state.idles > 0) {
    yield ['idle', { ...state, idle: true, idles: state.idles - 1 }];
  }
  if (own.steps.length > 0) {
    yield ['write', write(state)];
    return;
  }
  const planned = plan(state);
  if (planned.length > 0) yield ['plan', planned.reduce((_, next) => next)];
}

function freshScale({ autoscaler }: State): Scale {
  const { scale, writtenScale } = autoscaler;
  return scale.now.generation >= writtenScale.generation ? scale.now : writtenScale;
}

function freshPods({ autoscaler }: State): readonly Pod[] {
  return autoscaler.pods.now.map((pod) => {
    const written = autoscaler.written.find((it) => it.id === pod.id);
    return written !== undefined && written.version > pod.version ? written : pod;
  });
}

function viewOf(state: State, pods: readonly Pod[]): SetView {
  const own = state.autoscaler;
  const scale = freshScale(state);
  return {
    replicas: scale.replicas,
    settled: scale.observed >= scale.generation,
    seenReady: scale.seenReady,
    stuck: false,
    released: new Set(own.released.map(String)),
    pods: pods.map(({ id, ready, mark }) => ({
      uid: String(id),
      ready,
      draining: mark > 0,
      drained: mark > 0 && own.answers.every((marks) => marks.includes(mark)),
      createdMs: id,
    })),
  };
}

function plan(state: State): State[] {
  const own = state.autoscaler;
  const scale = freshScale(state);
  const pods = freshPods(state);
  const view = viewOf(state, pods);
  const requests = own.demand.reduce((sum, each) => sum + each, 0);
  const wanted =
    state.idle && requests === 0
      ? 0
      : Math.max(Math.min(requests, most), Math.min(1, capacityOf(view)));
  const planned = planner(view, wanted);
  if (planned.length === 0) return [];
  const versions = Object.fromEntries(pods.map((pod) => [pod.id, pod.version]));
  return [
    {
      ...state,
      autoscaler: { ...own, steps: planned, wanted, generation: scale.generation, versions },
    },
  ];
}

/** Carries out the first of the planned steps, as the API server takes or refuses it. */
function write(state: State): State {
  const own = state.autoscaler;
  const [step, ...rest] = own.steps as [ScaleStep, ...ScaleStep[]];
  const failed = (after: State): State => ({
    ...after,
    autoscaler: { ...after.autoscaler, steps: [] },
  });
  const note = (after: State): State => ({
    ...after,
    autoscaler: { ...after.autoscaler, written: after.pods, steps: rest },
  });
  if (step.kind === 'raise' || step.kind === 'lower') {
    const asListed = planner(viewOf(state, state.pods), own.wanted);
    if (looksAgain && step.kind === 'lower' && !isDeepStrictEqual(asListed, [step]))
      return failed(note(state));
    if (state.scale.generation !== own.generation) {
      return failed({ ...state, autoscaler: { ...own, writtenScale: state.scale } });
    }
    const scale = { ...state.scale, replicas: step.replicas, generation: own.generation + 1 };
    const after = writeScale(state, scale);
    const released = step.kind === 'lower' ? step.released.map(Number) : [];
    return {
      ...after,
      autoscaler: {
        ...after.autoscaler,
        writtenScale: scale,
        released: [...own.released, ...released],
        steps: rest,
      },
    };
  }
  let next = state;
  for (const uid of step.pods) {
    const pod = next.pods.find(({ id }) => String(id) === uid);
    if (pod === undefined) continue;
    if (step.kind === 'keep') {
      if (pod.version !== own.versions[uid]) return failed(note(next));
      next = changePod(next, pod.id, { mark: 0 });
    } else {
      next = { ...changePod(next, pod.id, { mark: next.nextMark }), nextMark: next.nextMark + 1 };
    }
  }
  return note(next);
}

interface Explored {
  readonly flags: readonly (readonly boolean[])[];
  readonly edges: readonly (readonly number[])[];
  readonly from: readonly (readonly [number, string])[];
}

type Property = (state: State) => boolean;

/** Visits all states; of each it keeps whether the properties hold, and where it leads. */
function explore(first: State, properties: readonly Property[]): Explored {
  const keyOf = (state: State): string =>
    createHash('md5').update(JSON.stringify(state)).digest('latin1');
  const numbers = new Map([[keyOf(first), 0]]);
  const waiting: (State | undefined)[] = [first];
  const flags: boolean[][] = [];
  const edges: number[][] = [];
  const from: (readonly [number, string])[] = [[-1, 'start']];
  for (let at = 0; at < waiting.length; at += 1) {
    const state = waiting[at] as State;
    waiting[at] = undefined;
    flags.push(properties.map((property) => property(state)));
    const out: number[] = [];
    try {
      for (const [name, next] of steps(state)) {
        const key = keyOf(next);
        let number = numbers.get(key);
        if (number === undefined) {
          number = waiting.length;
          numbers.set(key, number);
          waiting.push(next);
          from.push([at, name]);
        }
        out.push(number);
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      assert.fail(`${error.message} after: ${path(from, at)}`);
    }
    edges.push(out);
  }
  return { flags, edges, from };
}

function path(from: readonly (readonly [number, string])[], at: number): string {
  const names: string[] = [];
  for (let state = at; state > 0; state = from[state]?.[0] ?? 0) names.push(from[state]?.[1] ?? '');
  return names.toReversed().join(', ');
}

/** From each state, some way leads to one with the property. */
function assertReaches({ flags, edges, from }: Explored, property: number): void {
  const into: number[][] = flags.map(() => []);
  for (const [before, out] of edges.entries()) for (const to of out) into[to]?.push(before);
  const reached = new Set(flags.keys().filter((at) => flags[at]?.[property] === true));
  for (const at of reached) for (const before of into[at] ?? []) reached.add(before);
  const stuck = flags.findIndex((_, at) => !reached.has(at));
  assert.equal(stuck, -1, `stuck after: ${path(from, stuck)}`);
}

/** All requests that have come are answered. */
const served: Property = (state) =>
  state.gateways.every((gateway) => gateway.held === 0 && gateway.inFlight.length === 0);
/** There is nothing left to pay for, unless the idle clock has yet to run out. */
const settled: Property = (state) => !state.idle || state.pods.length === 0;

for (const { gateways, arrivals, idles, lag, pods } of [
  { gateways: 1, arrivals: 1, idles: 2, lag: 3, pods: 2 },
  { gateways: 1, arrivals: 2, idles: 1, lag: 1, pods: 1 },
  { gateways: 2, arrivals: 1, idles: 1, lag: 1, pods: 2 },
]) {
  const name = `${gateways} gateways, ${arrivals} requests each, ${idles} idle times, lag ${lag}`;
  test(`planScale() never takes a pod with a request nor strands one, in any order: ${name}`, (t) => {
    longestLag = lag;
    most = pods;
    const explored = explore(start(gateways, { arrivals, idles }), [served, settled]);
    t.diagnostic(`${explored.flags.length} states`);
    assertReaches(explored, 0);
    assertReaches(explored, 1);
  });
}

/** Planted mistakes: what the model does not catch, it does not prove. */
const mistakes: readonly { name: string; plan: typeof planScale; caught: RegExp }[] = [
  {
    name: 'waits for no answer of the gateways',
    plan: (view, wanted) =>
      planScale(
        { ...view, pods: view.pods.map((pod) => ({ ...pod, drained: pod.draining })) },
        wanted,
      ),
    caught: /with a request in flight|after it was deleted/,
  },
  {
    name: 'calls draining off after lowering',
    plan: (view, wanted) =>
      planScale({ ...view, settled: true, replicas: Math.max(1, view.replicas) }, wanted),
    caught: /with a request in flight|after it was deleted|stuck/,
  },
  {
    name: 'never calls draining off',
    plan: (view, wanted) => planScale(view, wanted).filter((step) => step.kind !== 'keep'),
    caught: /stuck/,
  },
];
for (const { name, plan: mistaken, caught } of mistakes) {
  test(`the model catches a plan that ${name}`, (t) => {
    t.after(() => {
      planner = planScale;
    });
    planner = mistaken;
    longestLag = 1;
    assert.throws(() => {
      const explored = explore(start(1, { arrivals: 1, idles: 2 }), [served, settled]);
      assertReaches(explored, 0);
      assertReaches(explored, 1);
    }, caught);
  });
}

test('the model catches an autoscaler that lowers without looking at the pods again', (t) => {
  t.after(() => {
    looksAgain = true;
  });
  looksAgain = false;
  longestLag = 1;
  most = 1;
  const first = start(1, { arrivals: 2, idles: 1 });
  assert.throws(() => explore(first, [served, settled]), /Pod 2 was deleted/);
});
