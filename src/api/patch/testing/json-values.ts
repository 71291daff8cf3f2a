import * as fc from 'fast-check';

const key = fc.constantFrom('a', 'b', 'c', '', '-', '0', '1', '~/', 'constructor');

const arbitraries = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, 0, 1, 'x', ''),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

/** Small JSON values that share few keys, so that patches hit. */
export const jsonValue: fc.Arbitrary<unknown> = arbitraries.value;
export const jsonObject: fc.Arbitrary<unknown> = arbitraries.object;

/** Makes any change of a value throw. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
