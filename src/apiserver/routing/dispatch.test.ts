import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, type Log } from '../../lib/log.ts';
import { openMemoryStore, StoreBusyError, type Store } from '../../store/index.ts';
import { openTestServer } from '../testing/open-test-server.ts';
import { wrapStore } from '../testing/wrap-store.ts';
import { configMap } from '../testing/fixtures.ts';

const path = '/api/v1/namespaces/default/configmaps';

/** A store whose commits of ConfigMaps fail. */
function failingStore(error: Error): Store {
  const store = openMemoryStore();
  return wrapStore(store, {
    commit: async (transaction) => {
      if (transaction.writes.some(({ key }) => key.includes('/configmaps/'))) throw error;
      return store.commit(transaction);
    },
  });
}

test('a fault of the server is a 500 Status, is logged, and the next request is answered', async () => {
  const logged: string[] = [];
  const log: Log = { ...silentLog, error: (message) => void logged.push(message) };
  const store = failingStore(new Error('the disk is on fire'));
  await using under = await openTestServer({ store, log });
  const answer = await under.http.sendJson('POST', path, configMap('x'));
  assert.equal(answer.status, 500);
  const { kind, reason, message } = answer.json as Readonly<Record<string, string>>;
  assert.equal(`${kind} ${reason}`, 'Status InternalError');
  assert.equal(message, 'Internal error occurred: the disk is on fire');
  assert.deepEqual(logged, ['A request failed for a reason of the server']);
  assert.equal((await under.http.send({ path })).status, 200);
});

test('a store that is busy is 429 with Retry-After', async () => {
  const store = failingStore(new StoreBusyError(100));
  await using under = await openTestServer({ store });
  const answer = await under.http.sendJson('POST', path, configMap('x'));
  assert.equal(answer.status, 429);
  assert.equal(answer.headers['retry-after'], '1');
});

test('an authorizer of one’s own decides on verbs, names and subresources', async () => {
  const asked: unknown[] = [];
  await using under = await openTestServer({
    authorizer: (user, attributes) => {
      asked.push({ user: user.name, ...attributes });
      return { allowed: attributes.verb !== 'patch', reason: 'no patches today' };
    },
  });
  await under.http.send({ path: `${path}?watch=true&timeoutSeconds=1` });
  const patched = await under.http.sendJson('PATCH', '/api/v1/nodes/n/status', {});
  assert.equal(patched.status, 403);
  assert.match(
    patched.text,
    /cannot patch resource .*nodes\/status.*at the cluster scope: no patches/,
  );
  const [first, second] = asked;
  assert.deepEqual(first, {
    user: 'admin',
    kind: 'resource',
    verb: 'watch',
    group: '',
    version: 'v1',
    plural: 'configmaps',
    subresource: undefined,
    namespace: 'default',
    name: undefined,
  });
  assert.deepEqual(Object(second).subresource, 'status');
});
