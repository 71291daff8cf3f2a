import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../command.ts';
import { parseTemplate } from './json-path-template.ts';

const root = {
  items: [
    { name: 'a', n: 1, conditions: [{ type: 'Ready', status: 'True' }] },
    { name: 'b', n: 2, conditions: [] },
  ],
};

const cases: readonly (readonly [string, string])[] = [
  ['{.items[*].name}', 'a b'],
  ['.items[0].name', 'a'],
  ['items[1].n', '2'],
  ['{$.items[0].name}', 'a'],
  ['{.items[?(@.name=="b")].n}', '2'],
  ['{.items[0].conditions[?(@.type=="Ready")].status}', 'True'],
  ['{range .items[*]}{.name}{"\\t"}{.n}{"\\n"}{end}', 'a\t1\nb\t2\n'],
  ["{range .items[*]}{@.name}{','}{end}", 'a,b,'],
  ['name: {.items[0].name}!', 'name: a!'],
  ['{.nope}', ''],
  ['{.items[1]}', '{"conditions":[],"n":2,"name":"b"}'],
];

for (const [template, printed] of cases) {
  test(`parseTemplate("${template}") prints what kubectl prints`, () => {
    assert.equal(parseTemplate(template)(root), printed);
  });
}

test('parseTemplate() refuses what it cannot read', () => {
  for (const template of ['{.a', '{range .a}', '{end}', '{.a[}', '{"a}']) {
    assert.throws(() => parseTemplate(template), UsageError, template);
  }
});
