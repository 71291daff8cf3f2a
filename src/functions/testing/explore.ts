import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

export interface Explored {
  readonly flags: readonly (readonly boolean[])[];
  readonly edges: readonly (readonly number[])[];
  readonly from: readonly (readonly [number, string])[];
}

export type Property<S> = (state: S) => boolean;
/** All steps that can be taken in a state; throws Violation where one would do harm. */
export type Steps<S> = (state: S) => Iterable<readonly [name: string, next: S]>;

/** What must never happen. */
export class Violation extends Error {}

/** Visits all states; of each it keeps whether the properties hold, and where it leads. */
export function explore<S>(
  steps: Steps<S>,
  first: S,
  properties: readonly Property<S>[],
): Explored {
  const keyOf = (state: S): string =>
    createHash('md5').update(JSON.stringify(state)).digest('latin1');
  const numbers = new Map([[keyOf(first), 0]]);
  const waiting: (S | undefined)[] = [first];
  const flags: boolean[][] = [];
  const edges: number[][] = [];
  const from: (readonly [number, string])[] = [[-1, 'start']];
  for (let at = 0; at < waiting.length; at += 1) {
    const state = waiting[at] as S;
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
export function assertReaches({ flags, edges, from }: Explored, property: number): void {
  const into: number[][] = flags.map(() => []);
  for (const [before, out] of edges.entries()) for (const to of out) into[to]?.push(before);
  const reached = new Set([...flags.keys()].filter((at) => flags[at]?.[property] === true));
  for (const at of reached) for (const before of into[at] ?? []) reached.add(before);
  const stuck = flags.findIndex((_, at) => !reached.has(at));
  assert.equal(stuck, -1, `stuck after: ${path(from, stuck)}`);
}
