import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { functionObject } from '../testing/objects.ts';
import { functionFacts, type FunctionFacts, Route } from './route.ts';
import { Traffic } from './traffic.ts';

const facts = functionFacts(functionObject()) as FunctionFacts;

test('choose() gives each route its weight over the sum of all, and those without one nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { minLength: 1, maxLength: 8 }), (weights) => {
      fc.pre(weights.some((weight) => weight > 0));
      const limits = { heldRequests: 1, heldBytes: 1 };
      const routes = weights.map(() => new Route(facts, limits, new Map()));
      const shares = routes.map((route, index) => ({ route, weight: weights[index] as number }));
      const traffic = new Traffic(routes, new Map(), shares);
      const sum = weights.reduce((total, weight) => total + weight, 0);
      const seen = new Map<Route, number>();
      for (let at = 0; at < sum; at += 1) {
        const route = traffic.choose(() => (at + 0.5) / sum);
        seen.set(route, (seen.get(route) ?? 0) + 1);
      }
      assert.deepEqual(
        routes.map((route) => seen.get(route) ?? 0),
        weights,
      );
    }),
  );
});
