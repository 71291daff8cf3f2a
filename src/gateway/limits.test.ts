import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startPod } from './testing/fake-pod.ts';
import { Harness, until } from './testing/harness.ts';
import { RawClient } from './testing/raw-client.ts';

const chunkedPost = 'POST /default/diff HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Sends one byte of a body every few milliseconds until the connection ends. */
function trickle(client: RawClient): NodeJS.Timeout {
  return setInterval(() => {
    if (!client.closed) client.send('1\r\nx\r\n');
  }, 20);
}

test('a body that trickles is cut with 408, though it is never silent', async () => {
  await using gateway = await Harness.start({ bodyWindowMs: 400, bodyRate: 1000 });
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  using client = new RawClient(gateway.port);
  client.send(chunkedPost);
  const timer = trickle(client);
  const answer = await client.untilClosed();
  clearInterval(timer);
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(answer, /Only [0-9]+ bytes of the body came within 0\.4 s/);
  assert.deepEqual(pod.seen, []);
});

test('a body that trickles may, once its answer has begun: both sides talk', async () => {
  await using gateway = await Harness.start({ bodyWindowMs: 150, bodyRate: 100_000 });
  await using pod = await startPod((request, response) => {
    response.writeHead(200);
    response.flushHeaders();
    request.pipe(response);
  });
  gateway.function();
  gateway.pod(pod);
  using client = new RawClient(gateway.port);
  client.send(chunkedPost);
  await client.until('HTTP/1.1 200 OK');
  const timer = trickle(client);
  await until(() => client.received.split('1\r\nx\r\n').length > 30, 'thirty echoes');
  clearInterval(timer);
  client.send('0\r\n\r\n');
  await client.until('0\r\n\r\n');
});

test('the time that a function does not read is not held against its client', async () => {
  await using gateway = await Harness.start({ bodyWindowMs: 300 });
  let reads: () => void = () => undefined;
  const came = { bytes: 0 };
  await using pod = await startPod((request, response) => {
    setImmediate(() => {
      request.pause();
      reads = () => request.resume();
    });
    request.on('data', (chunk: Buffer) => (came.bytes += chunk.length));
    request.on('end', () => response.end('all of it'));
  });
  gateway.function();
  gateway.pod(pod);
  const size = 32 * 1024 * 1024;
  using client = new RawClient(gateway.port);
  client.send(`POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
  client.socket.write(Buffer.alloc(size));
  let last = -1;
  const stillFor = { rounds: 0 };
  const poll = setInterval(() => {
    stillFor.rounds = came.bytes === last ? stillFor.rounds + 1 : 0;
    last = came.bytes;
  }, 100);
  // Several windows pass without a byte.
  await until(() => stillFor.rounds > 10, 'the function does not read');
  clearInterval(poll);
  assert.equal(client.received, '');
  reads();
  await client.until('all of it');
  assert.equal(came.bytes, size);
});

test('a client that sends requests and reads no answers is held back, in bounded memory', async () => {
  await using gateway = await Harness.start();
  const block = Buffer.alloc(60_000, 97);
  let answered = 0;
  await using pod = await startPod((request, response) => {
    request.resume();
    answered += 1;
    response.end(block);
  });
  gateway.function();
  gateway.pod(pod);
  const socket = connect({ port: gateway.port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.pause();
  const count = 3000;
  socket.write('GET /default/diff/x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count));
  let last = -1;
  let still = 0;
  await until(() => {
    still = answered === last && answered > 0 ? still + 1 : 0;
    last = answered;
    return still > 100;
  }, 'no more is answered');
  assert.ok(answered < count / 4, `${answered} were answered unread`);
  // Held back, not forgotten: once it reads, it has all answers.
  let received = 0;
  socket.on('data', (chunk: Buffer) => (received += chunk.length));
  socket.resume();
  await until(() => answered === count && received > count * block.length, 'all answers', 20_000);
  socket.destroy();
});

test('connectionsPerClient: one client cannot take all connections', async () => {
  await using gateway = await Harness.start({ connectionsPerClient: 3 });
  const clients = [1, 2, 3].map(() => new RawClient(gateway.port));
  for (const client of clients) {
    client.send('GET /-/healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until('ok\n');
  }
  using fourth = new RawClient(gateway.port);
  assert.equal(await fourth.untilClosed(), '');
  const other = connect({ port: gateway.port, host: '127.0.0.1', localAddress: '127.0.0.77' });
  other.write('GET /-/healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  const [answer] = (await once(other, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  other.destroy();
  clients[0]?.socket.destroy();
  // Freed once the gateway has seen the close.
  const again = async (): Promise<boolean> => {
    using client = new RawClient(gateway.port);
    client.send('GET /-/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    return (await client.untilClosed()) !== '';
  };
  while (!(await again()));
  for (const client of clients) client.socket.destroy();
});

test('bodies of gigabytes pass both ways in bounded memory', { timeout: 60_000 }, async () => {
  await using gateway = await Harness.start();
  const size = 2 * 1024 ** 3;
  await using pod = await startPod();
  pod.server.removeAllListeners('request');
  pod.server.on('request', (request, response) => {
    response.writeHead(200, { 'content-length': size });
    request.pipe(response);
  });
  gateway.function();
  gateway.pod(pod);
  const socket = connect({
    port: gateway.port,
    host: '127.0.0.1',
    onread: {
      buffer: Buffer.alloc(256 * 1024),
      callback: (bytes) => {
        received += bytes;
        return true;
      },
    },
  });
  let received = 0;
  await once(socket, 'connect');
  socket.write(`POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
  const block = Buffer.alloc(1024 * 1024, 7);
  let sent = 0;
  let peak = 0;
  const before = process.memoryUsage.rss();
  while (sent < size) {
    const ready = socket.write(block);
    sent += block.length;
    if (!ready) await once(socket, 'drain');
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  await until(() => received > size, 'all of it is back', 20_000);
  socket.destroy();
  const grown = (peak - before) / 1024 ** 2;
  assert.ok(grown < 256, `memory grew by ${grown.toFixed(0)} MiB`);
});

test('a client that takes its last answer slowly gets all of it', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((request, response) => {
    request.resume();
    response.end(Buffer.alloc(Number(request.url?.slice(1))));
  });
  gateway.function();
  gateway.pod(pod);
  // What a connection holds that nobody reads, then sizes about it: one of them is handed over while
  // some of it has not left the process.
  const held = await unreadBytes();
  const lengths = Array.from({ length: 80 }, (_, index) => held - 320_000 + index * 8000);
  const received = lengths.map(async (length) => {
    const socket = connect({ port: gateway.port, host: '127.0.0.1' });
    socket.pause();
    socket.write(`GET /default/diff/${length} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    // Longer than the gateway reads on after an answer that has left.
    await setTimeout(3000);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.resume();
    await once(socket, 'close');
    return bytes > length;
  });
  assert.ok((await Promise.all(received)).every(Boolean));
});

/** How much a connection takes that is not read. */
async function unreadBytes(): Promise<number> {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1' });
  client.pause();
  const [socket] = (await once(server, 'connection')) as [Socket];
  const block = Buffer.alloc(64 * 1024);
  let written = 0;
  let last = -1;
  let still = 0;
  await until(() => {
    while (!socket.writableNeedDrain) {
      socket.write(block);
      written += block.length;
    }
    still = written === last ? still + 1 : 0;
    last = written;
    return still > 50;
  }, 'no more is taken');
  socket.destroy();
  client.destroy();
  return written;
}
