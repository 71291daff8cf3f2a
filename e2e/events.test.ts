import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ConfigMap } from '../src/api/index.ts';
import { EventRecorder, refs } from '../src/client/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { randomIds } from '../src/lib/ids.ts';
import { silentLog } from '../src/lib/log.ts';
import { type ControlPlane, eventually, openControlPlane } from './testing/control-plane.ts';
import { configMap } from './testing/objects.ts';

const here = { ref: refs.events, namespace: 'default' };
const cold = { type: 'Warning', reason: 'Cold', message: 'It is cold' } as const;

/** A recorder that runs until the test ends, and an object to report on. */
async function setUp(
  context: TestContext,
  { client }: ControlPlane,
): Promise<{ readonly recorder: EventRecorder; readonly object: ConfigMap }> {
  const recorder = new EventRecorder({
    client,
    component: 'tester',
    host: 'node-1',
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });
  const stop = new AbortController();
  const running = recorder.run(stop.signal);
  context.after(async () => {
    stop.abort();
    await running;
  });
  return { recorder, object: await client.resource(refs.configmaps).create(configMap('thing')) };
}

test('the same words about the same object are one event that counts', async (t) => {
  await using plane = await openControlPlane({ controllers: false });
  const { recorder, object } = await setUp(t, plane);
  for (let index = 0; index < 3; index += 1) recorder.report(object, cold);
  recorder.report(object, { ...cold, reason: 'Colder' });
  const events = await eventually(plane, here, (all) => all.length === 2);
  const event = events.find(({ reason }) => reason === 'Cold');
  assert.equal(event?.count, 3);
  assert.equal(event?.involvedObject.uid, object.metadata.uid);
  assert.equal(event?.involvedObject.kind, 'ConfigMap');
  assert.equal(event?.type, 'Warning');
  assert.deepEqual(event?.source, { component: 'tester', host: 'node-1' });
});

test('an event that was deleted begins anew', async (t) => {
  await using plane = await openControlPlane({ controllers: false });
  const { recorder, object } = await setUp(t, plane);
  recorder.report(object, cold);
  const [event] = await eventually(plane, here, (all) => all.length === 1);
  const name = event?.metadata.name ?? '';
  await plane.client.resource(refs.events).delete({ namespace: 'default', name });
  recorder.report(object, cold);
  const [again] = await eventually(plane, here, ([only]) => only !== undefined);
  assert.notEqual(again?.metadata.name, name);
  assert.equal(again?.count, 1);
});

test('one object cannot flood the API: 25 events at once, the rest is dropped', async (t) => {
  await using plane = await openControlPlane({ controllers: false });
  const { recorder, object } = await setUp(t, plane);
  for (let index = 0; index < 40; index += 1) {
    recorder.report(object, { ...cold, message: `Cold ${index}` });
  }
  const other = await plane.client.resource(refs.configmaps).create(configMap('other'));
  recorder.report(other, cold);
  // Events are written in order: once the last is there, nothing more of the first is to come.
  const events = await eventually(plane, here, (all) =>
    all.some(({ involvedObject }) => involvedObject.name === 'other'),
  );
  assert.equal(events.length, 26);
});
