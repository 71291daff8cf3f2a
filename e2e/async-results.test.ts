import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { InvocationStatus } from '../src/api/index.ts';
import { refs } from '../src/client/index.ts';
import { call, createFunction, finish, nameOf, openWorld } from './testing/async-gateway.ts';
import { makeCertificate } from './testing/certificate.ts';

test('the state of an invocation, and its answer byte for byte, are read under its Location', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const accepted = await call(url, '/default/f');
  const key = nameOf(accepted);
  const location = `${url}${accepted.headers.get('location')}`;
  const early = await fetch(`${location}/result`);
  assert.equal(early.status, 202);
  assert.ok(early.headers.has('retry-after'));
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const response = {
    status: 418,
    headers: [
      { name: 'Content-Type', value: 'application/x-tea' },
      { name: 'Set-Cookie', value: 'a=1' },
      { name: 'Set-Cookie', value: 'b=2' },
    ],
    body: bytes.toString('base64'),
  };
  await finish(plane, key, { phase: 'Failed', attempts: 1, response });
  const state = (await (await fetch(location)).json()) as Record<string, unknown>;
  assert.equal(state['phase'], 'Failed');
  assert.deepEqual(state['response'], response);
  const result = await fetch(`${location}/result`);
  assert.equal(result.status, 418);
  assert.equal(result.headers.get('content-type'), 'application/x-tea');
  assert.deepEqual(result.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(result.headers.get('x-nought-phase'), 'Failed');
  assert.deepEqual(Buffer.from(await result.arrayBuffer()), bytes);
  const head = await fetch(`${location}/result`, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '256');
});

test('the pages of invocations refuse what they cannot answer', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    ['GET', '/-/invocations/default/f-none', 404, /no-such-invocation/],
    ['GET', '/-/invocations/default/f-none/result', 404, /no-such-invocation/],
    ['DELETE', '/-/invocations/default/f-none', 404, /no-such-invocation/],
    ['GET', '/-/invocations/default', 404, /no-such-page/],
    ['GET', '/-/invocations/', 404, /no-such-page/],
    ['GET', '/-/invocations/default/a/b', 404, /no-such-page/],
    ['GET', '/-/invocations/../secrets/a', 404, /no-such/],
    ['POST', '/-/invocations/default/f-none', 405, /method-not-allowed/],
    ['DELETE', '/-/invocations/default/f-none/result', 405, /method-not-allowed/],
  ];
  for (const [method, path, status, words] of cases) {
    const answer = await fetch(`${url}${path}`, { method });
    assert.equal(answer.status, status, path);
    assert.match(await answer.text(), words);
  }
});

test('a result that is no answer of the function is a problem: cancelled, too large, never answered', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const ends: readonly (readonly [InvocationStatus, number, RegExp])[] = [
    [{ phase: 'Cancelled' }, 410, /invocation-cancelled/],
    [
      {
        phase: 'Failed',
        response: { status: 200 },
        conditions: [{ type: 'Failed', status: 'True', reason: 'ResultTooLarge', message: 'M' }],
      },
      502,
      /"detail":"M".*"reason":"ResultTooLarge"/,
    ],
    [
      {
        phase: 'Failed',
        conditions: [{ type: 'Failed', status: 'True', reason: 'RetriesExhausted', message: 'N' }],
      },
      502,
      /"detail":"N"/,
    ],
  ];
  for (const [status, code, words] of ends) {
    const accepted = await call(url, '/default/f');
    await finish(plane, nameOf(accepted), status);
    const answer = await fetch(`${url}${accepted.headers.get('location')}/result`);
    assert.equal(answer.status, code);
    assert.match(await answer.text(), words);
  }
});

test('DELETE cancels an invocation once, and comes too late for one that is finished', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const first = await call(url, '/default/f');
  const location = `${url}${first.headers.get('location')}`;
  for (let i = 0; i < 2; i += 1) {
    const answer = await fetch(location, { method: 'DELETE' });
    assert.equal(answer.status, 200);
    const state = (await answer.json()) as Record<string, unknown>;
    assert.equal(state['phase'], 'Cancelled');
    assert.equal(state['reason'], 'Cancelled');
  }
  const second = await call(url, '/default/f');
  await finish(plane, nameOf(second), { phase: 'Succeeded', response: { status: 200 } });
  const late = await fetch(`${url}${second.headers.get('location')}`, { method: 'DELETE' });
  assert.equal(late.status, 409);
  assert.match(await late.text(), /already-finished/);
});

test('Prefer: wait holds a request for a state until the invocation is finished', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const accepted = await call(url, '/default/f');
  const location = `${url}${accepted.headers.get('location')}`;
  const unfinished = await fetch(location, { headers: { prefer: 'wait=1' } });
  assert.match(await unfinished.text(), /"phase":"Pending"/);
  const waiting = fetch(`${location}/result`, { headers: { prefer: 'wait=30' } });
  const body = Buffer.from('there').toString('base64');
  await finish(plane, nameOf(accepted), { phase: 'Succeeded', response: { status: 200, body } });
  assert.equal(await (await waiting).text(), 'there');
});

test('a call over HTTP/2 is accepted, and its result read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nought-e2e-'));
  try {
    const { cert, key } = await makeCertificate();
    const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
    await writeFile(files.certFile, cert);
    await writeFile(files.keyFile, key);
    await using world = await openWorld({ tls: { port: 0, ...files } });
    const { plane, tlsPort } = world;
    await createFunction(plane, 'f');
    const session = connect(`https://127.0.0.1:${tlsPort}`, { ca: cert });
    const ask = async (headers: OutgoingHttpHeaders, body?: Buffer) => {
      const stream = session.request(headers, { endStream: body === undefined });
      if (body !== undefined) stream.end(body);
      const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      return { answer, body: await buffer(stream) };
    };
    const body = Buffer.alloc(300_000, 'h2');
    const head = { ':method': 'POST', ':path': '/default/f/x', prefer: 'respond-async' };
    const { answer } = await ask(head, body);
    assert.equal(Number(answer[':status']), 202);
    const location = answer.location ?? '';
    const [namespace = '', name = ''] = location.split('/').slice(-2);
    const stored = await plane.client.resource(refs.invocations).get({ namespace, name });
    assert.deepEqual(Buffer.from(stored.spec.request.body ?? '', 'base64'), body);
    const waiting = ask({ ':path': `${location}/result`, prefer: 'wait=30' });
    const response = { status: 200, body: body.toString('base64') };
    await finish(plane, { namespace, name }, { phase: 'Succeeded', response });
    const result = await waiting;
    assert.equal(Number(result.answer[':status']), 200);
    assert.deepEqual(result.body, body);
    session.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});
