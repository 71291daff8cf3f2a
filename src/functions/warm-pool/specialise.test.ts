import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { specialise, type SpecialiseOutcome } from './specialise.ts';

/** What a pod does with a connection once the head of the request is there. */
type Manner = (socket: Socket, head: string) => void;

const never = new AbortController().signal;

async function podThat(manner: Manner): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (chunk) => manner(socket, chunk.toString('latin1')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function tell(
  manner: Manner,
  limits: { readonly aliveMs?: number; readonly loadMs?: number } = {},
): Promise<SpecialiseOutcome> {
  const server = await podThat(manner);
  const { port } = server.address() as AddressInfo;
  try {
    return await specialise(
      {
        host: '127.0.0.1',
        port,
        secret: 's3cret',
        body: Buffer.from('{}\nrest'),
        aliveMs: 10_000,
        loadMs: 10_000,
        ...limits,
      },
      never,
    );
  } finally {
    server.close();
  }
}

test('specialise() posts the body with the secret, and sees that the code is loaded', async () => {
  let seen = '';
  const outcome = await tell((socket, head) => {
    seen = head;
    socket.on('data', (chunk) => (seen += chunk.toString('latin1')));
    const answer = (): void => {
      if (!seen.endsWith('{}\nrest')) return;
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n');
    };
    socket.on('data', answer);
    answer();
  });
  assert.deepEqual(outcome, { kind: 'loaded' });
  assert.match(seen, /^POST \/\.well-known\/nought\/specialize HTTP\/1\.1\r\n/);
  assert.match(seen, /\r\nAuthorization: Bearer s3cret\r\n/);
  assert.match(seen, /\r\nContent-Length: 7\r\n/);
});

test('specialise() takes an answer in pieces', async () => {
  const outcome = await tell((socket) => {
    const pieces = ['HTTP/1.1 100 Cont', 'inue\r\n\r', '\nHTTP/1.1 204 No', ' Content\r\n\r\n'];
    const next = (): void => {
      const piece = pieces.shift();
      if (piece !== undefined) socket.write(piece, () => setImmediate(next));
    };
    next();
  });
  assert.deepEqual(outcome, { kind: 'loaded' });
});

test('specialise() gives the words of a refusal', async () => {
  const outcome = await tell((socket) => {
    socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422 No\r\n\r\n{"kind":"LoadError"}');
  });
  assert.deepEqual(outcome, { kind: 'refused', status: 422, message: '{"kind":"LoadError"}' });
});

test('specialise() tells a pod that is gone from one that hangs, before and while it loads', async () => {
  const hungUp = await tell((socket) => socket.destroy());
  assert.equal(hungUp.kind, 'gone');
  const silent = await tell(() => undefined, { aliveMs: 20 });
  assert.deepEqual(silent, { kind: 'silent' });
  const stuck = await tell((socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), {
    loadMs: 20,
  });
  assert.deepEqual(stuck, { kind: 'silent' });
  const server = await podThat(() => undefined);
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const request = { secret: 's', body: Buffer.alloc(0), aliveMs: 10_000, loadMs: 10_000 };
  const refused = await specialise({ host: '127.0.0.1', port, ...request }, never);
  assert.equal(refused.kind, 'gone');
});

test('specialise() waits longer for a pod that has said that it is there', async () => {
  const outcome = await tell(
    (socket) => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      setTimeout(() => socket.write('HTTP/1.1 204 No Content\r\n\r\n'), 60);
    },
    { aliveMs: 20 },
  );
  assert.deepEqual(outcome, { kind: 'loaded' });
});

test('specialise() does not gather an answer without end', async () => {
  const outcome = await tell((socket) => socket.write('x'.repeat(20_000)));
  assert.equal(outcome.kind, 'refused');
});

test('specialise() ends when it is called off', async () => {
  const stop = new AbortController();
  const server = await podThat(() => stop.abort());
  const { port } = server.address() as AddressInfo;
  const request = { secret: 's', body: Buffer.from('x'), aliveMs: 10_000, loadMs: 10_000 };
  const outcome = await specialise({ host: '127.0.0.1', port, ...request }, stop.signal);
  assert.equal(outcome.kind, 'gone');
  server.close();
});
