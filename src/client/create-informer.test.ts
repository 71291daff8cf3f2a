import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import type { ConfigMap } from '../api/index.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { createClient } from './create-client.ts';
import { createInformer } from './create-informer.ts';
import { httpTransport } from './http-transport.ts';
import type { Informer } from './informer.ts';
import { refs } from './refs.ts';
import { type FarSide, openFarSide, sendJson } from './testing/far-side.ts';

const deadlineMs = 10_000;
const backOff = { initialMs: 1, maxMs: 1, factor: 1, jitter: 0 };

interface Change {
  readonly kind: 'added' | 'updated' | 'deleted';
  readonly name: string;
  readonly version: string | undefined;
}

interface Setup {
  readonly informer: Informer<ConfigMap>;
  readonly changes: Change[];
  /** Resolves once that many changes were seen. */
  readonly seen: (count: number) => Promise<void>;
}

/** Runs an informer against the far side until the test ends. */
function start(context: TestContext, server: FarSide): Setup {
  const controller = new AbortController();
  const transport = httpTransport({ server: server.url });
  const client = createClient(transport, controller.signal);
  const informer = createInformer({
    resource: client.resource(refs.configmaps),
    clock: systemClock,
    log: silentLog,
    backOff,
    indexes: { flavour: (object) => [object.data?.['flavour'] ?? 'plain'] },
  });
  const changes: Change[] = [];
  const waiters = new Set<() => void>();
  const note = (kind: Change['kind']) => (object: ConfigMap) => {
    changes.push({ kind, name: object.metadata.name, version: object.metadata.resourceVersion });
    for (const waiter of waiters) waiter();
  };
  informer.handle({ added: note('added'), updated: note('updated'), deleted: note('deleted') });
  const running = informer.run(controller.signal);
  context.after(async () => {
    controller.abort();
    await running;
    transport[Symbol.dispose]();
  });
  const seen = async (count: number): Promise<void> => {
    const late = AbortSignal.timeout(deadlineMs);
    while (changes.length < count) {
      late.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      late.addEventListener('abort', () => reject(late.reason as Error), { once: true });
      waiters.add(resolve);
      await promise;
      waiters.delete(resolve);
    }
  };
  return { informer, changes, seen };
}

function configMap(name: string, version: number, extra: object = {}): ConfigMap {
  const metadata = { name, namespace: 'a', uid: `uid-${name}`, resourceVersion: String(version) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...extra };
}

function sendList(response: ServerResponse, version: number, items: readonly ConfigMap[]): void {
  const metadata = { resourceVersion: String(version) };
  sendJson(response, 200, { kind: 'ConfigMapList', apiVersion: 'v1', metadata, items });
}

function event(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function watchVersion(url: string | undefined): string | undefined {
  const query = new URL(url ?? '', 'http://x').searchParams;
  return query.get('watch') === 'true' ? (query.get('resourceVersion') ?? '') : undefined;
}

test('an informer resumes after the last event when the watch is cut in the middle of a line', async (t) => {
  await using server = await openFarSide((request, response) => {
    switch (watchVersion(request.url)) {
      case undefined:
        sendList(response, 10, [configMap('one', 4)]);
        break;
      case '10':
        response.write(event('ADDED', configMap('two', 11)));
        response.write(event('ADDED', configMap('three', 12)).slice(0, 40), () => {
          setImmediate(() => request.socket.destroy());
        });
        break;
      case '11':
        response.write(event('ADDED', configMap('three', 12)));
        break;
      default:
        response.destroy();
    }
  });
  const { changes, seen } = start(t, server);
  await seen(3);
  assert.deepEqual(
    changes.map(({ kind, name }) => `${kind} ${name}`),
    ['added one', 'added two', 'added three'],
  );
  assert.equal(server.requests.filter((request) => !request.includes('watch=true')).length, 1);
});

test('an informer resumes after a bookmark', async (t) => {
  await using server = await openFarSide((request, response) => {
    switch (watchVersion(request.url)) {
      case undefined:
        sendList(response, 10, []);
        break;
      case '10':
        response.end(event('BOOKMARK', { kind: 'ConfigMap', metadata: { resourceVersion: '99' } }));
        break;
      case '99':
        response.write(event('ADDED', configMap('one', 100)));
        break;
      default:
        response.destroy();
    }
  });
  const { seen } = start(t, server);
  await seen(1);
});

for (const form of ['event', 'answer'] as const) {
  test(`an informer lists anew after 410 as an ${form}, and the list replaces its copy`, async (t) => {
    let lists = 0;
    await using server = await openFarSide((request, response) => {
      switch (watchVersion(request.url)) {
        case undefined:
          lists += 1;
          if (lists === 1) {
            sendList(response, 10, [
              configMap('kept', 1),
              configMap('gone', 2),
              configMap('old', 3),
            ]);
          } else {
            const reborn = configMap('reborn', 15);
            sendList(response, 20, [configMap('kept', 1), configMap('old', 16), reborn]);
          }
          break;
        case '10': {
          const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
          if (form === 'event') response.end(event('ERROR', status));
          else sendJson(response, 410, status);
          break;
        }
        default:
          response.flushHeaders();
      }
    });
    const { informer, changes, seen } = start(t, server);
    await seen(6);
    assert.deepEqual(
      changes.slice(3).map(({ kind, name }) => `${kind} ${name}`),
      ['deleted gone', 'updated old', 'added reborn'],
    );
    assert.deepEqual(
      informer
        .list()
        .map(({ metadata }) => metadata.name)
        .toSorted(),
      ['kept', 'old', 'reborn'],
    );
  });
}

test('an informer reports an object that was replaced under its name as deleted and added', async (t) => {
  let lists = 0;
  await using server = await openFarSide((request, response) => {
    if (watchVersion(request.url) === undefined) {
      lists += 1;
      const object = configMap('x', lists);
      sendList(response, 10 * lists, [
        { ...object, metadata: { ...object.metadata, uid: `uid-${lists}` } },
      ]);
    } else if (watchVersion(request.url) === '10') {
      sendJson(response, 410, { kind: 'Status', code: 410, reason: 'Gone', message: 'too old' });
    } else {
      response.flushHeaders();
    }
  });
  const { changes, seen } = start(t, server);
  await seen(3);
  assert.deepEqual(
    changes.map(({ kind, version }) => `${kind} ${version}`),
    ['added 1', 'deleted 1', 'added 2'],
  );
});

test('an informer survives refused connections and errors until the server is there', async (t) => {
  const first = await openFarSide(() => undefined);
  const port = Number(new URL(first.url).port);
  await first[Symbol.asyncDispose]();
  const { informer } = start(t, first);
  let failures = 0;
  await using there = await openFarSide((request, response) => {
    failures += 1;
    if (failures < 4) sendJson(response, 500, { kind: 'Status', code: 500, message: 'not yet' });
    else if (watchVersion(request.url) === undefined) sendList(response, 1, []);
    else response.flushHeaders();
  }, port);
  await informer.synced(AbortSignal.timeout(deadlineMs));
  assert.equal(informer.hasSynced(), true);
  assert(there.requests.length >= 4);
});

test('indexes follow each change; handlers added later first get what is there', async (t) => {
  await using server = await openFarSide((request, response) => {
    if (watchVersion(request.url) === undefined) {
      sendList(response, 1, [configMap('x', 1, { data: { flavour: 'sweet' } })]);
      return;
    }
    response.write(event('MODIFIED', configMap('x', 2, { data: { flavour: 'sour' } })));
    response.write(event('ADDED', configMap('y', 3)));
    response.write(event('DELETED', configMap('y', 4)));
  });
  const { informer, changes, seen } = start(t, server);
  await seen(4);
  assert.deepEqual(changes.at(-1), { kind: 'deleted', name: 'y', version: '4' });
  assert.deepEqual(informer.byIndex('flavour', 'sweet'), []);
  assert.deepEqual(informer.byIndex('flavour', 'plain'), []);
  assert.deepEqual(
    informer.byIndex('flavour', 'sour').map(({ metadata }) => metadata.name),
    ['x'],
  );
  assert.throws(() => informer.byIndex('none', 'x'), RangeError);
  const later: string[] = [];
  informer.handle({ added: ({ metadata }) => later.push(metadata.name) });
  assert.deepEqual(later, ['x']);
});

test('a handler that throws keeps no event from the others', async (t) => {
  await using server = await openFarSide((request, response) => {
    if (watchVersion(request.url) === undefined) sendList(response, 1, []);
    else response.write(event('ADDED', configMap('x', 2)) + event('ADDED', configMap('y', 3)));
  });
  const { informer, seen } = start(t, server);
  informer.handle({
    added: () => {
      throw new Error('broken handler');
    },
  });
  await seen(2);
});
