import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Report } from './report.ts';

test('Report aligns neighbouring lines, and begins anew after a line without a value', () => {
  const report = new Report();
  report.line(0, 'Name:', 'x');
  report.line(0, 'Annotations:', 'y');
  report.line(0, 'Spec:');
  report.line(1, 'A:', '1');
  report.line(1, 'Code:', 'one\n  two\n');
  report.line(1, 'B:', '2');
  assert.equal(
    report.toString(),
    [
      'Name:         x',
      'Annotations:  y',
      'Spec:',
      '  A:     1',
      '  Code:  one',
      '  two',
      '',
      '  B:  2',
      '',
    ].join('\n'),
  );
});
