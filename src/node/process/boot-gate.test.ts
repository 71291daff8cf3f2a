import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BootGate } from './boot-gate.ts';

const never = new AbortController().signal;

it('BootGate lets so many through, the others in order, and none who gave up', async () => {
  const gate = new BootGate(1);
  const order: string[] = [];
  const first = await gate.enter(never);
  const impatient = new AbortController();
  const gone = gate.enter(impatient.signal);
  const second = gate.enter(never).then((leave) => order.push('second') && leave);
  const third = gate.enter(never).then((leave) => order.push('third') && leave);
  impatient.abort(new Error('gone'));
  await assert.rejects(gone, /gone/);
  assert.deepEqual(order, []);
  first();
  first();
  const leave = await second;
  assert.deepEqual(order, ['second']);
  if (typeof leave === 'function') leave();
  await third;
  assert.deepEqual(order, ['second', 'third']);
});
