import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openTestServer, within } from './testing/open-test-server.ts';
import { configMap } from './testing/fixtures.ts';
import type { InProcessRequest } from './in-process.ts';

const under = await openTestServer();
after(() => under[Symbol.asyncDispose]());
const transport = under.server.inProcess({ name: 'inside', groups: ['system:masters'] });
const path = '/api/v1/namespaces/default/configmaps';

function request(extra: Partial<InProcessRequest> = {}): InProcessRequest {
  return {
    method: 'GET',
    path,
    query: {},
    body: undefined,
    contentType: 'application/json',
    signal: new AbortController().signal,
    ...extra,
  };
}

test('send() answers with values, and with the Status of a refusal', async () => {
  const body = configMap('sent');
  const made = await transport.send(request({ method: 'POST', body }));
  assert.equal(made.status, 201);
  assert.equal(Object(made.body).metadata.name, 'sent');
  assert.equal(Object(body.metadata).uid, undefined);
  const again = await transport.send(request({ method: 'POST', body }));
  assert.equal(again.status, 409);
  assert.equal(Object(again.body).kind, 'Status');
});

test('watch() gives parsed events until its signal aborts', async () => {
  const stop = new AbortController();
  const answer = await transport.watch(
    request({
      query: { watch: 'true', fieldSelector: 'metadata.name=seen' },
      signal: stop.signal,
    }),
  );
  assert.equal(answer.kind, 'events');
  if (answer.kind !== 'events') return;
  const events = answer.events[Symbol.asyncIterator]();
  const next = events.next();
  await transport.send(request({ method: 'POST', body: configMap('seen') }));
  const { value } = await within(next, 'an event');
  assert.equal(Object(value).type, 'ADDED');
  const end = events.next();
  stop.abort();
  assert.equal((await within(end, 'the end')).done, true);
});

test('watch() of what cannot be watched is refused', async () => {
  const answer = await transport.watch(
    request({ path: '/api/v1/nothing', query: { watch: 'true' } }),
  );
  assert.equal(answer.kind, 'refused');
});

test('an aborted signal rejects, before and while the request waits', async () => {
  await assert.rejects(transport.send(request({ signal: AbortSignal.abort() })));
  const stop = new AbortController();
  const query = { resourceVersion: String(under.store.revision() + 100) };
  const waiting = transport.send(request({ query, signal: stop.signal }));
  stop.abort();
  await assert.rejects(within(waiting, 'the rejection'));
});

test('the end of the server ends watches and refuses new requests', async () => {
  const other = await openTestServer();
  const inside = other.server.inProcess({ name: 'inside', groups: ['system:masters'] });
  const answer = await inside.watch(request({ query: { watch: 'true', resourceVersion: '1' } }));
  assert.ok(answer.kind === 'events');
  const reading = (async () => {
    for await (const event of answer.events) assert.ok(event !== undefined);
  })();
  await other[Symbol.asyncDispose]();
  await within(reading, 'the end of the watch');
  await assert.rejects(inside.send(request()));
});
