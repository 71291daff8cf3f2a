import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, integer, property, string } from 'fast-check';
import { StatusError } from '../../api/index.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';

test('decodeContinue() reads back what encodeContinue() made', () => {
  check(
    property(integer({ min: 1 }), string({ minLength: 1 }), (revision, start) => {
      assert.deepEqual(decodeContinue(encodeContinue({ revision, start })), { revision, start });
    }),
  );
});

test('decodeContinue() refuses anything else with 400', () => {
  const wrong = [
    'x',
    '',
    '!!',
    Buffer.from('{}').toString('base64url'),
    Buffer.from('{"v":"meta.k8s.io/v1","rv":0,"start":"/a"}').toString('base64url'),
    Buffer.from('{"v":"meta.k8s.io/v1","rv":5,"start":"a"}').toString('base64url'),
  ];
  for (const token of wrong) {
    assert.throws(
      () => decodeContinue(token),
      (error: unknown) => error instanceof StatusError && error.code === 400,
    );
  }
});
