import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap } from '../src/api/index.ts';
import {
  createClient,
  createInformer,
  httpTransport,
  refs,
  type Transport,
} from '../src/client/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { openMemoryStore } from '../src/store/index.ts';
import { makeCertificate } from './testing/certificate.ts';
import { openControlPlane } from './testing/control-plane.ts';
import { configMap } from './testing/objects.ts';

const deadline = () => AbortSignal.timeout(15_000);

for (const way of ['client', 'remote'] as const) {
  test(`an informer sees each of many concurrent writes once and in order (${way})`, async () => {
    await using plane = await openControlPlane({ controllers: false });
    const stop = new AbortController();
    const informer = createInformer({
      resource: plane[way].resource(refs.configmaps),
      namespace: 'default',
      clock: systemClock,
      log: silentLog,
    });
    const versions = new Map<string, number[]>();
    const done = Promise.withResolvers<void>();
    let deleted = 0;
    const count = 40;
    const note = ({ metadata }: ConfigMap): void => {
      const seen = versions.get(metadata.name) ?? [];
      versions.set(metadata.name, [...seen, Number(metadata.resourceVersion)]);
    };
    informer.handle({
      added: note,
      updated: note,
      deleted: (object) => {
        note(object);
        deleted += 1;
        if (deleted === count) done.resolve();
      },
    });
    const running = informer.run(stop.signal);
    await informer.synced(deadline());
    const resource = plane[way].resource(refs.configmaps);
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const name = `c${index}`;
        await resource.create(configMap(name));
        const key = { namespace: 'default', name };
        for (const step of ['1', '2', '3']) {
          await resource.patch(key, { data: { step } }, { type: 'merge' });
        }
        await resource.delete(key);
      }),
    );
    const late = deadline();
    late.addEventListener('abort', () => done.reject(late.reason as Error));
    await done.promise;
    assert.equal(versions.size, count);
    for (const seen of versions.values()) {
      assert.equal(seen.length, 5);
      assert.deepEqual(
        seen.toSorted((a, b) => a - b),
        seen,
      );
    }
    assert.deepEqual(informer.list(), []);
    stop.abort();
    await running;
  });
}

test('an informer goes on where it was, without a new list, when the server has restarted', async () => {
  await using store = openMemoryStore();
  const certificate = await makeCertificate();
  const options = { controllers: false, store, certificate } as const;
  const before = await openControlPlane(options);
  const port = Number(new URL(before.url).port);
  const stop = new AbortController();
  await using stopping = new AsyncDisposableStack();
  const { url, token, ca } = before;
  const transport = stopping.use(httpTransport({ server: url, token, ca }));
  let lists = 0;
  const counting: Transport = {
    send: async (request) => {
      lists += 1;
      return await transport.send(request);
    },
    watch: (request) => transport.watch(request),
    stream: (request) => transport.stream(request),
  };
  const informer = createInformer({
    resource: createClient(counting, stop.signal).resource(refs.configmaps),
    clock: systemClock,
    log: silentLog,
  });
  const names: string[] = [];
  const arrived = Promise.withResolvers<void>();
  informer.handle({
    added: ({ metadata }) => {
      names.push(metadata.name);
      if (metadata.name === 'last') arrived.resolve();
    },
  });
  const running = informer.run(stop.signal);
  stopping.defer(async () => {
    stop.abort();
    await running;
  });
  await informer.synced(deadline());
  await before.client.resource(refs.configmaps).create(configMap('first'));
  await before[Symbol.asyncDispose]();
  await using after = await openControlPlane({ ...options, port });
  await after.client.resource(refs.configmaps).create(configMap('last'));
  const late = deadline();
  late.addEventListener('abort', () => arrived.reject(late.reason as Error));
  await arrived.promise;
  assert.deepEqual(names, ['first', 'last']);
  assert.equal(lists, 1);
});

test('a server whose certificate is not of the given authority is not spoken to', async () => {
  await using plane = await openControlPlane({ controllers: false });
  const { cert } = await makeCertificate();
  using transport = httpTransport({ server: plane.url, token: plane.token, ca: cert });
  const client = createClient(transport, plane.signal);
  await assert.rejects(
    client.raw({ method: 'GET', path: '/version' }),
    /Cannot reach the API server .*certificate/,
  );
});
