import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { parseLabelSelector, selectorFromObject } from './selector.ts';

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof StatusError);
    assert.deepEqual([error.code, error.reason], [400, 'BadRequest']);
    return error.message;
  }
  throw new assert.AssertionError({ message: 'Expected a refusal' });
}

const key = fc.constantFrom('a', 'b', 'in', 'notin', 'example.com/c');
const value = fc.constantFrom('', 'x', 'y', 'in', '5', '7');
const labels = fc.dictionary(key, value, { noNullPrototype: true });

suite('parseLabelSelector()', () => {
  test('reads every operator and writes its canonical form', () => {
    const text = 'a=b,c!=d,e in (y,x,x),f notin (z),g,!h,i>5,j<7,k==l';
    assert.equal(
      parseLabelSelector(text).toString(),
      'a=b,c!=d,e in (x,y),f notin (z),g,!h,i>5,j<7,k==l',
    );
    assert.equal(parseLabelSelector(' b , a ').toString(), 'a,b');
    assert.equal(parseLabelSelector('a in (,b)').toString(), 'a in (,b)');
    assert.equal(parseLabelSelector('in=notin').toString(), 'in=notin');
  });

  test('takes everything when it is empty', () => {
    const selector = parseLabelSelector('');
    assert.deepEqual([selector.matches({}), selector.matches(undefined)], [true, true]);
    assert.deepEqual([selector.requirements, selector.selectable], [[], true]);
  });

  const keyWords =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  const valueWords =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
  // What k8s.io/apimachinery 0.35.2 says.
  const refusals: readonly (readonly [string, string])[] = [
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['=b', "found '=', expected: !, identifier, or 'end of string'"],
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    ['a!b', "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"],
    ['a,,b', "found ',', expected: identifier after ','"],
    ['a,', "found '', expected: identifier after ','"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (x y)', "unable to parse requirement: found 'y', expected: ',' or ')'"],
    ['a in (=)', "unable to parse requirement: found '=', expected: ',', ')' or identifier"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a<>b', "unable to parse requirement: found '>', expected: identifier"],
    ['$$=b', `unable to parse requirement: <nil>: Invalid value: "$$": ${keyWords}`],
    ['a=_x', `unable to parse requirement: values[0][a]: Invalid value: "_x": ${valueWords}`],
    [
      'a in (_,-)',
      `unable to parse requirement: [values[0][a]: Invalid value: "-": ${valueWords}, values[1][a]: Invalid value: "_": ${valueWords}]`,
    ],
    [
      'a>x',
      `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
  ];
  for (const [text, message] of refusals) {
    test(`refuses ${text}`, () =>
      assert.equal(
        refusal(() => parseLabelSelector(text)),
        message,
      ));
  }

  test('reads its own canonical form back', () => {
    const part = fc.oneof(
      fc.tuple(key, fc.constantFrom('=', '==', '!='), value).map((parts) => parts.join('')),
      fc
        .tuple(key, fc.constantFrom(' in ', ' notin '), fc.array(value, { minLength: 1 }))
        .map(([name, operator, values]) => `${name}${operator}(${values.join(', ')})`),
      fc.tuple(fc.constantFrom('', '!'), key).map((parts) => parts.join('')),
      fc.tuple(key, fc.constantFrom('>', '<'), fc.integer()).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.array(part), labels, (parts, set) => {
        const first = tryParse(parts.join(','));
        fc.pre(first !== undefined);
        const again = parseLabelSelector(first.toString());
        assert.deepEqual(again.requirements, first.requirements);
        assert.equal(again.toString(), first.toString());
        assert.equal(again.matches(set), first.matches(set));
      }),
    );
  });

  test('never fails but by a StatusError 400', () => {
    const unit = fc.constantFrom('a', 'in', '(', ')', ',', '=', '!', '<', '>', ' ', '\0', 'é', '/');
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        tryParse(text);
      }),
    );
  });
});

suite('Selector.matches()', () => {
  const set = { a: '1', b: '', n: '10', big: '9223372036854775807', text: 'x' };
  const cases: readonly (readonly [string, boolean])[] = [
    ['a=1', true],
    ['a==2', false],
    ['b=', true],
    ['missing=', false],
    ['missing!=x', true],
    ['a!=1', false],
    ['a in (1,2)', true],
    ['missing in (1,)', false],
    ['missing notin (1)', true],
    ['a notin (1)', false],
    ['b', true],
    ['missing', false],
    ['!missing', true],
    ['!b', false],
    ['n>9', true],
    ['n<9', false],
    ['n>10', false],
    ['big>9223372036854775806', true],
    ['text>1', false],
    ['missing<1', false],
    ['a=1,missing', false],
    ['toString', false],
  ];
  for (const [text, expected] of cases) {
    test(text, () => assert.equal(parseLabelSelector(text).matches(set), expected));
  }
});

suite('selectorFromObject()', () => {
  test('takes nothing for no selector and everything for an empty one', () => {
    assert.deepEqual(
      [selectorFromObject(undefined).matches({}), selectorFromObject({}).matches({})],
      [false, true],
    );
    assert.equal(selectorFromObject(undefined).selectable, false);
  });

  test('joins labels and expressions', () => {
    const selector = selectorFromObject({
      matchLabels: { z: '1' },
      matchExpressions: [
        { key: 'b', operator: 'NotIn', values: ['y', 'x'] },
        { key: 'a', operator: 'Exists' },
        { key: 'c', operator: 'DoesNotExist', values: [] },
      ],
    });
    assert.equal(selector.toString(), 'a,b notin (x,y),!c,z=1');
    assert.equal(selector.matches({ z: '1', a: '', b: 'w' }), true);
    assert.equal(selector.matches({ z: '1', a: '', b: 'x' }), false);
  });

  test('means what its text means', () => {
    const expression = fc.record({
      key,
      operator: fc.constantFrom('In', 'NotIn'),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    });
    const object = fc.record({ matchLabels: labels, matchExpressions: fc.array(expression) });
    fc.assert(
      fc.property(object, labels, (selector, set) => {
        const fromObject = selectorFromObject(selector);
        const fromText = parseLabelSelector(fromObject.toString());
        assert.equal(fromObject.matches(set), fromText.matches(set));
      }),
    );
  });

  test('refuses unknown operators and values that do not belong', () => {
    const parse = (operator: string, values: readonly string[]) => (): unknown =>
      selectorFromObject({ matchExpressions: [{ key: 'a', operator, values }] });
    assert.equal(refusal(parse('Like', [])), '"Like" is not a valid label selector operator');
    assert.equal(
      refusal(parse('In', [])),
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    );
    assert.equal(
      refusal(parse('Exists', ['x'])),
      'values: Invalid value: ["x"]: values set must be empty for exists and does not exist',
    );
  });
});

function tryParse(text: string): ReturnType<typeof parseLabelSelector> | undefined {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    assert.ok(error instanceof StatusError && error.code === 400);
    return undefined;
  }
}
