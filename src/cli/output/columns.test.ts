import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { cellText, Columns } from './columns.ts';

test('Columns has three blanks between cells, at least six characters, and an open end', () => {
  const out = new PassThrough();
  new Columns(out).write([
    ['A', 'LONG NAME', 'LAST'],
    ['é', 'x', ''],
  ]);
  assert.equal(String(out.read()), 'A     LONG NAME   LAST\né     x           \n');
});

test('Columns stays as wide as it was', () => {
  const out = new PassThrough();
  const columns = new Columns(out);
  columns.write([['a long cell', 'b']]);
  assert.equal(String(out.read()), 'a long cell   b\n');
  columns.write([['a', 'b']]);
  assert.equal(String(out.read()), 'a             b\n');
});

test('cellText() keeps a cell on one line', () => {
  assert.equal(cellText('one\ntwo'), 'one...');
  assert.equal(cellText(null), '');
  assert.equal(cellText(3), '3');
  assert.equal(cellText('\u001B[31m'), '^[[31m');
});
