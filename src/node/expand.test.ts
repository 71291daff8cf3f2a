import assert from 'node:assert/strict';
import { it } from 'node:test';
import { expand } from './expand.ts';

const variables = new Map([
  ['A', 'alpha'],
  ['B', '$(A)'],
  ['with.dot-', 'odd'],
]);

for (const [text, expected] of [
  ['$(A)/$(A)', 'alpha/alpha'],
  ['$(B)', '$(A)'],
  ['$(NONE)', '$(NONE)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$alpha'],
  ['$A $ $( $(A', '$A $ $( $(A'],
  ['$(with.dot-)', 'odd'],
  ['100%$', '100%$'],
] as const) {
  it(`expand() makes ${text} to ${expected}`, () => {
    assert.equal(expand(text, variables), expected);
  });
}
