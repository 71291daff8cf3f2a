import { isDeepStrictEqual } from 'node:util';
import {
  capacityOf,
  type planScale,
  type ScaleStep,
  type SetView,
} from '../autoscaler/scale-plan.ts';
import { Violation } from './explore.ts';

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
export interface State {
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

/** What is tried. */
export interface Rules {
  readonly plan: typeof planScale;
  /** How many changes may wait in a watch; beyond that the newest are merged, to bound the states. */
  readonly lag: number;
  /** The most pods that are ever wanted. */
  readonly most: number;
  /** Whether the pods are listed anew before the ReplicaSet is lowered, as the autoscaler does. */
  readonly looksAgain: boolean;
}

export function start(gateways: number, limits: { arrivals: number; idles: number }): State {
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

/** All steps that can be taken in a state; throws Violation where one would do harm. */
export function modelSteps(rules: Rules): (state: State) => Generator<Step> {
  function behind<T>(copy: Copy<T>, value: T): Copy<T> {
    return { ...copy, coming: [...copy.coming.slice(0, rules.lag - 1), value] };
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
        const inFlight = [...gateway.inFlight, id].toSorted((a, b) => a - b);
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
        : Math.max(Math.min(requests, rules.most), Math.min(1, capacityOf(view)));
    const planned = rules.plan(view, wanted);
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
      const asListed = rules.plan(viewOf(state, state.pods), own.wanted);
      if (rules.looksAgain && step.kind === 'lower' && !isDeepStrictEqual(asListed, [step]))
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

  return steps;
}

/** All requests that have come are answered. */
export const served = (state: State): boolean =>
  state.gateways.every((gateway) => gateway.held === 0 && gateway.inFlight.length === 0);
/** There is nothing left to pay for, unless the idle clock has yet to run out. */
export const settled = (state: State): boolean => !state.idle || state.pods.length === 0;
