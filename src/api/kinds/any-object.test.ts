import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { KubeObject } from '../object.ts';
import { objectsOf } from '../schema/testing/arbitrary-object.ts';
import { created, objectOf, problems } from '../testing/prepare.ts';
import { builtinDescriptors } from './builtin-descriptors.ts';

const now = Date.parse('2026-01-01T00:10:00Z');

for (const descriptor of builtinDescriptors) {
  const { kind, schema, columns, fieldLabels, hooks } = descriptor;
  const names = Object.keys(schema.properties ?? {}).filter(
    (name) => !/^(apiVersion|kind|metadata)$/.test(name),
  );
  const objects = fc.record(
    Object.fromEntries(names.map((name) => [name, objectsOf(schema.properties?.[name] ?? {}, 7)])),
    { requiredKeys: names.filter((name) => name === 'spec'), noNullPrototype: true },
  );

  test(`any object of the types of a ${kind} is prepared, judged and shown`, () => {
    fc.assert(
      fc.property(objects, objects, (members, others) => {
        const object = created(descriptor, objectOf(descriptor, members));
        const again: KubeObject = hooks.prepareForUpdate?.(object, object) ?? object;
        assert.deepEqual(again, object);
        const other = created(descriptor, objectOf(descriptor, others));
        const valid = problems(descriptor, object).length === 0;
        if (!valid) return;
        problems(descriptor, other, object);
        for (const column of columns) column.cell(object, now);
        for (const label of Object.values(fieldLabels)) label(object);
      }),
      { numRuns: 500 },
    );
  });
}
