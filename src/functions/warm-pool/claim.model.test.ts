import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  answered,
  claimSteps,
  type Rules,
  startClaims,
  type State,
  tidy,
} from '../testing/claim-model.ts';
import { assertReaches, explore, type Property } from '../testing/explore.ts';

const properties: readonly Property<State>[] = [answered, tidy];

const cases = [
  { pool: 1, held: ['a'], deaths: 1, crashes: 2 },
  { pool: 2, held: ['a'], deaths: 1, crashes: 1 },
  { pool: 1, held: ['a', 'b'], deaths: 0, crashes: 1 },
] as const;
for (const limits of cases) {
  const name = `${limits.pool} pods, calls of ${limits.held.join(' and ')}, ${limits.deaths} deaths, ${limits.crashes} crashes`;
  test(`a claim brings each call to its code and leaves nothing behind, in any order: ${name}`, (t) => {
    const explored = explore(claimSteps({}), startClaims(limits), properties);
    t.diagnostic(`${explored.flags.length} states`);
    assertReaches(explored, 0);
    assertReaches(explored, 1);
  });
}

/** Planted mistakes: what the model does not catch, it does not prove. */
const mistakes: readonly {
  readonly name: string;
  readonly rules: Rules;
  readonly caught: RegExp;
}[] = [
  {
    name: 'tells gateways before the code is loaded',
    rules: { tellsEarly: true },
    caught: /no code/,
  },
  {
    name: 'does not mark a pod that is loading',
    rules: { forgetsTheMark: true },
    caught: /no code/,
  },
  {
    name: 'claims pods of a claimer before it',
    rules: { reusesPods: true },
    caught: /the code of|no code|while it was being claimed|stuck/,
  },
  {
    name: 'spares no pod that came before its raise',
    rules: { sparesNobody: true },
    caught: /while it was being claimed/,
  },
];
for (const { name, rules, caught } of mistakes) {
  test(`the model catches one that ${name}`, () => {
    assert.throws(() => {
      for (const limits of cases.toReversed()) {
        const explored = explore(claimSteps(rules), startClaims(limits), properties);
        assertReaches(explored, 0);
        assertReaches(explored, 1);
      }
    }, caught);
  });
}
