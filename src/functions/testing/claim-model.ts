import { Violation } from './explore.ts';

/**
 * A model of what takes part in a claim, explored in every order of its steps: two functions at zero
 * that want one pod each, a pool, the claimer and its end at any moment, the API server, the
 * ReplicaSet controller with copies that lag apart from each other, and a gateway.
 */
type Name = 'a' | 'b';

interface Pod {
  readonly id: number;
  /** Whose labels and owner it has. */
  readonly of: Name | 'pool';
  /** What the ReplicaSet controller has seen of that; `unseen` for a pod that it has not seen. */
  readonly seenOf: Name | 'pool' | 'unseen';
  /** What runs in it; a pod of the pool has none until it is told. */
  readonly code: Name | undefined;
  /** It carries `nought.dev/loading`. */
  readonly loading: boolean;
  /** Whether it answers: booted and not dead. */
  readonly alive: boolean;
  /** Of a pod of the pool: the life of the claimer that made it. */
  readonly life: number;
  /** The raise that it was claimed for; 0 for none. */
  readonly claim: number;
}

interface ReplicaSet {
  readonly replicas: number;
  readonly generation: number;
  /** Pods of which the annotation says that they are coming. */
  readonly coming: readonly number[];
}

/** One claim as its claimer knows it. */
interface Claim {
  readonly name: Name;
  readonly pod: number;
  readonly code: 'sent' | 'loaded' | 'failed';
  readonly raised: boolean;
  readonly relabelled: boolean;
}

export interface State {
  readonly sets: Readonly<Record<Name, ReplicaSet>>;
  readonly seenSets: Readonly<Record<Name, ReplicaSet>>;
  readonly pods: readonly Pod[];
  readonly nextPod: number;
  /** Five seconds have passed: claims are no longer trusted. */
  readonly late: boolean;
  readonly life: number;
  readonly claims: readonly Claim[];
  /** Writes of a claimer that has ended, which may still arrive. */
  readonly stray: readonly Claim[];
  /** Pods that the gateway was told of. */
  readonly told: readonly { readonly pod: number; readonly name: Name }[];
  /** What the gateway's watch has shown. */
  readonly shown: readonly Pod[];
  readonly held: readonly Name[];
  readonly deaths: number;
  readonly crashes: number;
}

export interface Rules {
  /** Planted mistakes. */
  readonly tellsEarly?: boolean;
  readonly forgetsTheMark?: boolean;
  readonly reusesPods?: boolean;
  readonly sparesNobody?: boolean;
}

type Step = readonly [name: string, next: State];

export function startClaims(limits: {
  readonly pool: number;
  readonly held: readonly Name[];
  readonly deaths: number;
  readonly crashes: number;
}): State {
  const set: ReplicaSet = { replicas: 0, generation: 1, coming: [] };
  const pods = Array.from({ length: limits.pool }, (_, index) => poolPod(index + 1, 1));
  return {
    sets: { a: set, b: set },
    seenSets: { a: set, b: set },
    pods,
    nextPod: limits.pool + 1,
    late: false,
    life: 1,
    claims: [],
    stray: [],
    told: [],
    shown: [],
    held: limits.held,
    deaths: limits.deaths,
    crashes: limits.crashes,
  };
}

function poolPod(id: number, life: number): Pod {
  const nothing = { code: undefined, loading: false, claim: 0 };
  return { id, of: 'pool', seenOf: 'pool', alive: true, life, ...nothing };
}

/** All steps that can be taken; throws Violation where one would do harm. */
export function claimSteps(rules: Rules): (state: State) => Generator<Step> {
  return function* steps(state: State): Generator<Step> {
    yield* worldSteps(state);
    yield* claimerSteps(rules, state);
    yield* controllerSteps(rules, state);
    yield* gatewaySteps(state);
  };
}

function change(state: State, id: number, to: Partial<Pod>): State {
  return { ...state, pods: state.pods.map((pod) => (pod.id === id ? { ...pod, ...to } : pod)) };
}

function remove(state: State, id: number): State {
  return {
    ...state,
    pods: state.pods.filter((pod) => pod.id !== id),
    shown: state.shown.filter((pod) => pod.id !== id),
  };
}

function find(state: State, id: number): Pod | undefined {
  return state.pods.find((pod) => pod.id === id);
}

function* worldSteps(state: State): Generator<Step> {
  if (!state.late) yield ['five seconds pass', { ...state, late: true }];
  for (const pod of state.pods) {
    // A container that is started again finds the code that it was told.
    if (!pod.alive) yield [`${pod.id} boots`, change(state, pod.id, { alive: true })];
    if (pod.of === 'pool' && pod.alive && state.deaths > 0) {
      const dead = change(state, pod.id, { alive: false });
      yield ['a waiting pod dies', { ...dead, deaths: state.deaths - 1 }];
    }
  }
  for (const [index, claim] of state.stray.entries()) {
    yield ['what is stray is lost', { ...state, stray: state.stray.toSpliced(index, 1) }];
    const put = (after: State, to: Partial<Claim>): State => ({
      ...after,
      stray: after.stray.with(index, { ...claim, ...to }),
    });
    if (!claim.relabelled) {
      yield ['stray labels arrive', put(relabel(state, claim), { relabelled: true })];
    }
    const pod = find(state, claim.pod);
    if (claim.code === 'sent' && pod?.alive === true && pod.code === undefined) {
      yield [
        'stray code arrives',
        put(change(state, pod.id, { code: claim.name }), { code: 'failed' }),
      ];
    }
  }
}

function* claimerSteps(rules: Rules, state: State): Generator<Step> {
  const free = state.pods.filter(
    (pod) =>
      pod.of === 'pool' &&
      (pod.life === state.life || rules.reusesPods === true) &&
      !state.claims.some((claim) => claim.pod === pod.id),
  );
  for (const name of ['a', 'b'] as const) {
    const wanted = state.held.includes(name) && state.sets[name].replicas === 0;
    if (!wanted || state.claims.some((claim) => claim.name === name)) continue;
    const [pod] = free;
    if (pod === undefined) yield [`raise ${name} without a pod`, raise(state, name, undefined)];
    else {
      const claim = { name, pod: pod.id, code: 'sent', raised: false, relabelled: false } as const;
      yield [`claim ${pod.id} for ${name}`, { ...state, claims: [...state.claims, claim] }];
    }
  }
  for (const [index, claim] of state.claims.entries()) yield* oneClaim(rules, state, index, claim);
  const foreign = state.pods.find(
    (pod) => (pod.of === 'pool' || pod.loading) && pod.life !== state.life && pod.life !== 0,
  );
  if (foreign !== undefined && rules.reusesPods !== true) {
    yield [`delete the foreign ${foreign.id}`, remove(state, foreign.id)];
  }
  if (state.crashes > 0) {
    const after = { claims: [], stray: [...state.stray, ...state.claims], life: state.life + 1 };
    yield ['the claimer ends', { ...state, ...after, crashes: state.crashes - 1 }];
  }
}

function* oneClaim(rules: Rules, state: State, index: number, claim: Claim): Generator<Step> {
  const put = (after: State, to: Partial<Claim>): State => ({
    ...after,
    claims: after.claims.with(index, { ...claim, ...to }),
  });
  const { name, pod: id, code, raised, relabelled } = claim;
  const pod = find(state, id);
  if (code === 'sent') {
    if (pod?.alive === true && pod.code === undefined) {
      const loaded = change(state, id, { code: name });
      yield [`${id} loads ${name}`, put(tell(loaded, id, name), { code: 'loaded' })];
    } else yield [`${id} does not take ${name}`, put(state, { code: 'failed' })];
    if (rules.tellsEarly === true) yield ['tell early', tell(state, id, name)];
  }
  if (code === 'failed' && !raised) {
    const rest = { ...state, claims: state.claims.toSpliced(index, 1) };
    yield [`give up ${id}`, raise(remove(rest, id), name, undefined)];
    return;
  }
  // Two writes at the same time: they arrive in either order.
  if (!raised) yield [`raise ${name}`, put(raise(state, name, id), { raised: true })];
  if (!relabelled && (raised || code === 'loaded')) {
    const marked = rules.forgetsTheMark === true ? { ...claim, code: 'loaded' as const } : claim;
    yield [`relabel ${id}`, put(relabel(state, marked), { relabelled: true })];
  }
  if (!raised || !relabelled || code === 'sent') return;
  const rest = { ...state, claims: state.claims.toSpliced(index, 1) };
  if (code === 'failed') yield [`give up ${id}`, remove(rest, id)];
  else yield [`finish ${id}`, change(rest, id, { loading: false })];
}

function tell(state: State, pod: number, name: Name): State {
  if (state.told.some((it) => it.pod === pod && it.name === name)) return state;
  return { ...state, told: [...state.told, { pod, name }] };
}

function raise(state: State, name: Name, pod: number | undefined): State {
  const { generation } = state.sets[name];
  const coming = pod === undefined ? [] : [pod];
  const set = { replicas: 1, generation: generation + 1, coming };
  return { ...state, sets: { ...state.sets, [name]: set } };
}

/** Refused for a pod that is no longer in the pool. */
function relabel(state: State, { name, pod, code }: Claim): State {
  if (find(state, pod)?.of !== 'pool') return state;
  return change(state, pod, { of: name, claim: 2, loading: code !== 'loaded' });
}

function* controllerSteps(rules: Rules, state: State): Generator<Step> {
  for (const name of ['a', 'b'] as const) {
    if (state.seenSets[name] !== state.sets[name]) {
      const seenSets = { ...state.seenSets, [name]: state.sets[name] };
      if (JSON.stringify(seenSets) !== JSON.stringify(state.seenSets)) {
        yield [`controller sees ${name}`, { ...state, seenSets }];
      }
    }
    const synced = sync(rules, state, name);
    if (synced !== undefined) yield [`controller syncs ${name}`, synced];
  }
  for (const pod of state.pods) {
    if (pod.seenOf !== pod.of) {
      yield [`controller sees ${pod.id}`, change(state, pod.id, { seenOf: pod.of })];
    }
  }
}

/** As `claimedPods` and the controller have it. */
function sync(rules: Rules, state: State, name: Name): State | undefined {
  const set = state.seenSets[name];
  const owned = state.pods.filter(({ seenOf }) => seenOf === name);
  const coming = state.pods.filter(
    ({ id, seenOf }) => !state.late && seenOf === 'pool' && set.coming.includes(id),
  );
  const early = rules.sparesNobody !== true && !state.late;
  const surplus = owned.filter(({ claim }) => !(early && claim > set.generation));
  if (owned.length > set.replicas && surplus.length > 0) {
    // Those that are not ready go first.
    const victim = surplus.toSorted((x, y) => Number(x.alive) - Number(y.alive))[0] as Pod;
    if (
      state.claims.some(({ pod, code }) => pod === victim.id && code !== 'failed') &&
      !state.late
    ) {
      throw new Violation(`Pod ${victim.id} was deleted while it was being claimed`);
    }
    return remove(state, victim.id);
  }
  if (owned.length + coming.length >= set.replicas) return undefined;
  const fresh = { of: name, seenOf: name, code: name, loading: false, alive: false, claim: 0 };
  const pod: Pod = { id: state.nextPod, life: 0, ...fresh };
  return { ...state, pods: [...state.pods, pod], nextPod: state.nextPod + 1 };
}

function* gatewaySteps(state: State): Generator<Step> {
  for (const pod of state.pods) {
    const known = state.shown.find(({ id }) => id === pod.id);
    if (pod.of !== 'pool' && (known?.of !== pod.of || known.loading !== pod.loading)) {
      const shown = [...state.shown.filter(({ id }) => id !== pod.id), pod];
      const sorted = shown.toSorted((x, y) => x.id - y.id);
      yield [`gateway sees ${pod.id}`, { ...state, shown: sorted }];
    }
  }
  for (const [index, name] of state.held.entries()) {
    const known = [
      ...state.told.filter((it) => it.name === name).map(({ pod }) => pod),
      ...state.shown.filter((pod) => pod.of === name && !pod.loading).map(({ id }) => id),
    ];
    for (const id of known) {
      const pod = find(state, id);
      // Refused connections cost nothing: no byte was sent.
      if (pod?.alive !== true) continue;
      if (pod.code !== name) {
        const runs = pod.code === undefined ? 'no code' : `the code of ${pod.code}`;
        throw new Violation(`A call of ${name} reached a pod with ${runs}`);
      }
      yield [`call ${name}`, { ...state, held: state.held.toSpliced(index, 1) }];
    }
  }
}

/** All calls are answered. */
export const answered = (state: State): boolean => state.held.length === 0;
/** Each function has the pods that it asks for and nothing is left over or half done. */
export const tidy = (state: State): boolean =>
  state.claims.length === 0 &&
  (['a', 'b'] as const).every(
    (name) => state.pods.filter((pod) => pod.of === name).length === state.sets[name].replicas,
  ) &&
  state.pods.every((pod) => !pod.loading && (pod.of !== 'pool' || pod.life === state.life)) &&
  state.pods.every((pod) => pod.of === 'pool' || pod.code === pod.of);
