import type { FunctionObject, ReplicaSet, TrafficStatus, TrafficTarget } from '../api/index.ts';
import { revisionOf } from './roles.ts';

/** Where calls go: to the latest revision (`revision` undefined), or to one by its name. */
export interface Target {
  readonly revision: string | undefined;
  /** Undefined for the latest one before any revision has proven itself. */
  readonly set: ReplicaSet | undefined;
  /** Its part of the calls as the spec has it; 0 for one that is only called by its tag, or no more. */
  readonly asked: number;
  /** Its part of the calls as the gateways go by it. */
  readonly inForce: number;
}

/**
 * Where a Function's calls go and are to go. A part counts relative to the sum of all parts, so what
 * names a revision that is gone leaves its part to the others.
 */
export interface Traffic {
  /** Those that the spec asks for in its order, then those that are only in force. */
  readonly targets: readonly Target[];
  /** Revisions that the spec names and that there are not. */
  readonly missing: readonly string[];
  /** The one with the largest part in force; `scaling.min` and a pinned number of pods are for it. */
  readonly main: Target;
}

/** `active` is the newest revision that has proven itself, the latest one. */
export function trafficOf(
  fn: FunctionObject,
  sets: readonly ReplicaSet[],
  active: ReplicaSet | undefined,
): Traffic {
  const spec = fn.spec.traffic ?? [];
  const status = fn.status?.traffic ?? [];
  if (spec.length === 0 && status.length === 0) {
    const all = { revision: undefined, set: active, asked: 100, inForce: 100 };
    return { targets: [all], missing: [], main: all };
  }
  const find = (revision: string): ReplicaSet | undefined =>
    sets.find((set) => revisionOf(set) === revision);
  const asked = partsOf(spec, find);
  const inForce = partsOf(status, find);
  const named = new Set([...asked.keys(), ...inForce.keys()]);
  const targets = [...named].map((revision) => ({
    revision,
    set: revision === undefined ? active : find(revision),
    asked: asked.get(revision) ?? 0,
    inForce: inForce.get(revision) ?? 0,
  }));
  const revisions = new Set(spec.flatMap((target) => nameOf(target) ?? []));
  return {
    targets,
    missing: [...revisions].filter((revision) => find(revision) === undefined),
    main: targets.reduce((a, b) => (b.inForce > a.inForce ? b : a)),
  };
}

/** Those that are to get calls and get none yet: they have to prove themselves first. */
export function gaining({ targets }: Traffic): readonly Target[] {
  return targets.filter(({ asked, inForce }) => asked > 0 && inForce === 0);
}

/** Of `total`, what falls to a target once the spec is in force; rounded up. */
export function shareOf(total: number, { asked }: Target, { targets }: Traffic): number {
  const sum = targets.reduce((all, target) => all + target.asked, 0);
  return sum === 0 ? 0 : Math.ceil((total * asked) / sum);
}

/** A target as it is in force. */
export type Place = Pick<TrafficStatus, 'latest' | 'revision' | 'weight' | 'tag'>;

/** What is in force from now on, in the spec's order; `moves` when the spec's parts are. */
export function placesOf(
  fn: FunctionObject,
  { targets, missing }: Traffic,
  moves: boolean,
): readonly Place[] {
  const parts = new Map(
    targets.map(({ revision, asked, inForce }) => [revision, moves ? asked : inForce]),
  );
  const places: Place[] = [];
  const placed = new Set<string | undefined>();
  for (const entry of fn.spec.traffic ?? []) {
    const name = nameOf(entry);
    if (name !== undefined && missing.includes(name)) continue;
    const weight = placed.has(name) ? 0 : (parts.get(name) ?? 0);
    placed.add(name);
    const { tag } = entry;
    if (weight > 0 || tag !== undefined) {
      places.push({ ...idOf(name), weight, ...(tag === undefined ? {} : { tag }) });
    }
  }
  for (const [name, weight] of parts) {
    if (weight > 0 && !placed.has(name)) places.push({ ...idOf(name), weight });
  }
  return places;
}

function idOf(name: string | undefined): { latest: true } | { revision: string } {
  return name === undefined ? { latest: true } : { revision: name };
}

function nameOf({ latest, revision }: TrafficTarget): string | undefined {
  return latest === true ? undefined : revision;
}

/** The parts by revision, of those there are; all to the latest one where there is no part at all. */
function partsOf(
  list: readonly TrafficTarget[],
  find: (revision: string) => ReplicaSet | undefined,
): Map<string | undefined, number> {
  const parts = new Map<string | undefined, number>();
  let sum = 0;
  for (const entry of list) {
    const name = nameOf(entry);
    if (name !== undefined && find(name) === undefined) continue;
    const { weight = 0 } = entry;
    parts.set(name, (parts.get(name) ?? 0) + weight);
    sum += weight;
  }
  if (sum === 0) parts.set(undefined, 100);
  return parts;
}
