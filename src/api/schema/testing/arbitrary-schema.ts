import * as fc from 'fast-check';
import type { Schema } from '../../schema.ts';

/** Few names, so that values and schemas meet. */
const name = fc.constantFrom('a', 'b', 'c', 'd');

/** Structural schemas with defaults, some of which keep unknown fields; at most `depth` levels. */
function schemaOf(depth: number): fc.Arbitrary<Schema> {
  const leaves = fc.constantFrom<Schema>(
    { type: 'string', default: 'x' },
    { type: 'string' },
    { type: 'integer', default: 1, nullable: true },
    { type: 'boolean' },
  );
  if (depth === 0) return leaves;
  const inner = schemaOf(depth - 1);
  const objects = fc
    .tuple(fc.dictionary(name, inner), fc.boolean(), fc.boolean())
    .map(([properties, withDefault, preserveUnknownFields]): Schema => ({
      type: 'object',
      properties,
      ...(withDefault ? { default: {} } : {}),
      ...(preserveUnknownFields ? { preserveUnknownFields } : {}),
    }));
  return fc.oneof(
    leaves,
    inner.map((items): Schema => ({ type: 'array', items })),
    inner.map((values): Schema => ({ type: 'object', additionalProperties: values })),
    objects,
  );
}

export const schemas: fc.Arbitrary<Schema> = schemaOf(3);

/** JSON whose member names are those of the schemas. */
export const jsonFor: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom<unknown>(null, true, 1, 1.5, 'text'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { noNullPrototype: true }),
  ),
})).value;
