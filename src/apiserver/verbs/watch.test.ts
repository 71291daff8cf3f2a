import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMemoryStore } from '../../store/index.ts';
import { openTestServer, within } from '../testing/open-test-server.ts';
import type { WatchDocument } from '../testing/https-client.ts';

const under = await openTestServer();
after(() => under[Symbol.asyncDispose]());
const { http, store } = under;
const core = '/api/v1/namespaces/default';

/** Each test watches a kind of its own, or labels of its own. */
async function put(name: string, labels: Readonly<Record<string, string>>, data = 'a') {
  const path = `${core}/configmaps`;
  const object = { metadata: { name, labels }, data: { data } };
  const made = await http.sendJson('POST', path, object);
  if (made.status === 409) return http.sendJson('PUT', `${path}/${name}`, object);
  assert.equal(made.status, 201, made.text);
  return made;
}

const remove = (name: string) =>
  http.send({ method: 'DELETE', path: `${core}/configmaps/${name}` });

/** The next events of a watch, taken one by one. */
class Reader implements AsyncDisposable {
  readonly #events: AsyncGenerator<WatchDocument, void, undefined>;

  constructor(query: string, headers: Readonly<Record<string, string>> = {}) {
    this.#events = http.watch(`${core}/configmaps?watch=true&${query}`, headers);
  }

  async next(): Promise<WatchDocument> {
    const { value } = await within(this.#events.next(), 'an event');
    assert.ok(value !== undefined, 'the watch has ended');
    return value;
  }

  async ends(): Promise<void> {
    assert.equal((await within(this.#events.next(), 'the end')).done, true);
  }

  async expect(...wanted: readonly string[]): Promise<void> {
    for (const one of wanted) {
      const { type, object } = await this.next();
      assert.equal(`${type} ${object.metadata.name ?? ''}`, one);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.return();
  }
}

test('without a resourceVersion a watch begins with what exists', async () => {
  await put('start-b', { suite: 'start' });
  await put('start-a', { suite: 'start' });
  for (const query of ['', '&resourceVersion=0']) {
    await using reader = new Reader(`labelSelector=suite%3Dstart${query}`);
    await reader.expect('ADDED start-a', 'ADDED start-b');
  }
});

test('from a resourceVersion a watch gives everything after it, once and in order', async () => {
  const labels = { suite: 'resume' };
  const revision = store.revision();
  await put('r1', labels);
  await put('r1', labels, 'b');
  await remove('r1');
  await using reader = new Reader(`labelSelector=suite%3Dresume&resourceVersion=${revision}`);
  await reader.expect('ADDED r1', 'MODIFIED r1', 'DELETED r1');
  await put('r2', labels);
  await reader.expect('ADDED r2');
});

test('DELETED has the revision of the deletion', async () => {
  await put('mortal', { suite: 'mortal' });
  await using reader = new Reader(`labelSelector=suite%3Dmortal`);
  const added = await reader.next();
  await remove('mortal');
  const deleted = await reader.next();
  assert.equal(deleted.type, 'DELETED');
  assert.ok(
    Number(deleted.object.metadata.resourceVersion) > Number(added.object.metadata.resourceVersion),
  );
  assert.equal(deleted.object.metadata.resourceVersion, String(store.revision()));
});

test('an object that begins to match is ADDED, one that stops is DELETED in its old state', async () => {
  const revision = store.revision();
  await using reader = new Reader(`labelSelector=color%3Dred&resourceVersion=${revision}`);
  await put('chameleon', { color: 'green' });
  await put('chameleon', { color: 'red' });
  await reader.expect('ADDED chameleon');
  await put('chameleon', { color: 'blue' });
  const gone = await reader.next();
  assert.equal(gone.type, 'DELETED');
  assert.deepEqual(gone.object.metadata.labels, { color: 'red' });
  assert.equal(gone.object.metadata.resourceVersion, String(store.revision()));
});

test('WatchList ends its initial events with the annotated bookmark', async () => {
  await put('wl', { suite: 'watchlist' });
  await using reader = new Reader(
    'labelSelector=suite%3Dwatchlist&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
  );
  await reader.expect('ADDED wl');
  const end = await reader.next();
  assert.equal(end.type, 'BOOKMARK');
  assert.equal(end.object.kind, 'ConfigMap');
  assert.deepEqual(end.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
  assert.equal(end.object.metadata.resourceVersion, String(store.revision()));
  await put('wl', { suite: 'watchlist' }, 'b');
  await reader.expect('MODIFIED wl');
});

test('WatchList options that do not fit are 422, so that clients fall back', async () => {
  for (const query of [
    'sendInitialEvents=true',
    'resourceVersionMatch=NotOlderThan',
    'sendInitialEvents=true&resourceVersionMatch=Exact',
  ]) {
    const answer = await http.send({ path: `${core}/configmaps?watch=true&${query}` });
    assert.equal(answer.status, 422, query);
  }
});

test('a watch ends at its timeout, with a last bookmark for who wants one', async () => {
  const revision = store.revision();
  await using reader = new Reader(
    `timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=${revision}&labelSelector=suite%3Dnone`,
  );
  const bookmark = await reader.next();
  assert.equal(bookmark.type, 'BOOKMARK');
  assert.equal(bookmark.object.metadata.resourceVersion, String(revision));
  await reader.ends();
});

test('a watch from a compacted revision is 200 with one ERROR event', async () => {
  const old = openMemoryStore();
  for (const key of ['/a', '/b', '/c', '/d']) {
    await old.commit({ compare: [], writes: [{ kind: 'put', key, value: new Uint8Array() }] });
  }
  await old.compact(4);
  await using later = await openTestServer({ store: old });
  const events = later.http.watch(`${core}/configmaps?watch=true&resourceVersion=2`);
  const { value } = await within(events.next(), 'an event');
  assert.equal(value?.type, 'ERROR');
  assert.equal(value?.object.code, 410);
  assert.equal(value?.object.reason, 'Expired');
  assert.equal(value?.object.message, 'too old resource version: 2 (4)');
  assert.equal((await within(events.next(), 'the end')).done, true);
});

test('a watch in table form tells its columns once', async () => {
  await put('t1', { suite: 'table' });
  await using reader = new Reader('labelSelector=suite%3Dtable', {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  });
  const first = await reader.next();
  assert.equal(first.object.kind, 'Table');
  assert.equal(first.object.rows?.[0]?.cells[0], 't1');
  assert.ok((first.object.columnDefinitions ?? []).length > 0);
  await put('t1', { suite: 'table' }, 'b');
  const second = await reader.next();
  assert.equal(second.object.columnDefinitions, null);
});

test('all watchers see the same order', async () => {
  const revision = store.revision();
  const query = `labelSelector=suite%3Dorder&resourceVersion=${revision}`;
  const readers = Array.from({ length: 3 }, () => new Reader(query));
  const first = readers.map((reader) => reader.next());
  await Promise.all(Array.from({ length: 20 }, (_, i) => put(`o${i}`, { suite: 'order' })));
  const orders = await Promise.all(
    readers.map(async (reader, index) => {
      const seen = [(await first[index])?.object.metadata.resourceVersion];
      while (seen.length < 20) seen.push((await reader.next()).object.metadata.resourceVersion);
      return seen;
    }),
  );
  assert.deepEqual(orders[1], orders[0]);
  assert.deepEqual(orders[2], orders[0]);
  assert.deepEqual(
    orders[0],
    orders[0]?.toSorted((a, b) => Number(a) - Number(b)),
  );
  for (const reader of readers) await reader[Symbol.asyncDispose]();
});

test('a watch of one object by its name sees only that', async () => {
  await put('only', { suite: 'only' });
  const events = http.watch(`${core}/configmaps/only?watch=true`);
  const { value } = await within(events.next(), 'an event');
  assert.equal(value?.object.metadata.name, 'only');
  await events.return();
});
