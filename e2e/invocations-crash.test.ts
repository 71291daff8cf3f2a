import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { InvocationObject, KubeObject } from '../src/api/index.ts';
import { type Client, refs, type ResourceClient, type ResourceRef } from '../src/client/index.ts';
import { eventually } from './testing/control-plane.ts';
import { condition, createFunction, invoke, openWorld } from './testing/invocations.ts';

type Moment = 'before' | 'after';

/** A client whose user dies at its write number `at` of an invocation, before or after it is done. */
function mortal(
  client: Client,
  at: number,
  moment: Moment,
): { client: Client; death: Promise<void> } {
  const death = Promise.withResolvers<void>();
  let writes = 0;
  let dead = false;
  const write = async <T>(act: () => Promise<T>): Promise<T> => {
    if (dead) throw new Error('It has died before');
    const isLast = writes === at;
    writes += 1;
    if (isLast && moment === 'before') dead = true;
    const done = dead ? undefined : await act();
    if (isLast) {
      dead = true;
      death.resolve();
      throw new Error('It dies here');
    }
    return done as T;
  };
  const wrap = <T extends KubeObject>(resource: ResourceClient<T>): ResourceClient<T> => ({
    ...resource,
    create: (object) => write(() => resource.create(object)),
    patch: (key, patch, options) => write(() => resource.patch(key, patch, options)),
    delete: (key, options) => write(() => resource.delete(key, options)),
  });
  return {
    death: death.promise,
    client: {
      ...client,
      resource: <T extends KubeObject>(ref: ResourceRef<T>) => {
        const resource = client.resource(ref);
        return ref.plural === refs.invocations.plural ? wrap(resource) : resource;
      },
    },
  };
}

const cancelOptions = { type: 'merge', subresource: 'status' } as const;

/** Begun, to be repeated, begun, failed; the letter made, noted, begun, succeeded. */
const writes = 8;

for (const moment of ['before', 'after'] as const) {
  test(`an executor that dies ${moment} any of its writes loses and doubles nothing`, async () => {
    for (let at = 0; at < writes; at += 1) {
      await using world = await openWorld();
      const { plane, gateway } = world;
      await world.stopFunctions();
      gateway.answer = ({ path, answer }) =>
        answer.writeHead(path.startsWith('/default/morgue') ? 200 : 500).end();
      await createFunction(plane, 'morgue');
      const fn = await createFunction(plane, 'f', {
        async: { retries: 1, backoff: '10ms', deadLetter: 'morgue' },
      });
      await invoke(plane, fn, 'a');
      const { client, death } = mortal(plane.client, at, moment);
      world.startFunctions({ client });
      await death;
      await world.stopFunctions();
      world.startFunctions();
      const all = await eventually(
        plane,
        { ref: refs.invocations },
        (them) =>
          them.length >= 2 &&
          them.every(({ status }) => status?.finishTime !== undefined) &&
          them.some((one) => condition(one, 'DeadLettered') === 'HandedOver'),
      );
      const seen = all.map(({ spec, status }) =>
        [spec.functionRef.name, status?.phase, status?.attempts].join(' '),
      );
      const where = `write ${at}`;
      assert.deepEqual(seen.toSorted(), ['f Failed 2', 'morgue Succeeded 1'], where);
      // At least once, and once more only for what was cut off.
      const calls = (name: string): number =>
        gateway.arrived.filter(({ path }) => path.startsWith(`/default/${name}/`)).length;
      assert.ok(calls('f') === 2 || calls('f') === 3, where);
      assert.ok(calls('morgue') === 1 || calls('morgue') === 2, where);
      const keys = new Set(gateway.arrived.map(({ headers }) => headers['idempotency-key']));
      assert.equal(keys.size, 2, where);
    }
  });
}

test('of a cancel and a result at the same time one counts, and what is finished stays as it is', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f', { async: { retries: 0 } });
  gateway.answer = ({ answer }) =>
    setTimeout(() => answer.end('done'), gateway.arrived.length % 17);
  const resource = plane.client.resource(refs.invocations);
  const names = Array.from({ length: 60 }, (_, i) => `a${i}`);
  const ends = new Map<string, Set<string>>();
  const allEnded = Promise.withResolvers<void>();
  const stop = AbortSignal.any([plane.signal, AbortSignal.timeout(15_000)]);
  const since = (await resource.list({})).metadata.resourceVersion;
  const watch = async (): Promise<void> => {
    for await (const { object } of resource.watch({ resourceVersion: since }, stop)) {
      const { metadata, status } = object as InvocationObject;
      if (status?.finishTime === undefined) continue;
      const seen = ends.get(metadata.name) ?? new Set();
      const answered = status.response === undefined ? 'without' : 'with';
      ends.set(metadata.name, seen.add(`${status.phase} ${answered} an answer`));
      if (ends.size === names.length) allEnded.resolve();
    }
  };
  watch().catch(allEnded.reject);
  const cancels = names.map(async (name, i) => {
    const { metadata } = await invoke(plane, fn, name);
    await pause((i * 7) % 40);
    const now = await resource.get(metadata);
    if (now.status?.finishTime !== undefined) return;
    // As the gateway does, but once: who comes second gives way.
    const { resourceVersion } = now.metadata;
    const status = { phase: 'Cancelled', finishTime: new Date().toISOString() };
    await resource
      .patch(metadata, { metadata: { resourceVersion }, status }, cancelOptions)
      .catch(() => undefined);
  });
  await Promise.all(cancels);
  await allEnded.promise;
  await world.stopFunctions();
  for (const { metadata, status } of (await resource.list({})).items) {
    const [end, ...more] = ends.get(metadata.name) ?? [];
    assert.deepEqual(more, [], metadata.name);
    assert.match(end ?? '', /^(Succeeded with|Cancelled without) an answer$/);
    assert.ok(end?.startsWith(`${status?.phase} `));
  }
});
