import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { startPod } from './testing/fake-pod.ts';
import { Harness, until } from './testing/harness.ts';
import { exchangeRaw, RawClient } from './testing/raw-client.ts';

async function collect(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let total = 0;
  for await (const chunk of stream) total += chunk.length;
  return total;
}

test('server-sent events come one by one, as the function sends them', async () => {
  await using gateway = await Harness.start();
  let send: (text: string) => void = () => undefined;
  let end: () => void = () => undefined;
  await using pod = await startPod((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    send = (text) => response.write(text);
    end = () => response.end();
  });
  gateway.function();
  gateway.pod(pod);
  using client = new RawClient(gateway.port);
  client.send('GET /default/diff/events HTTP/1.1\r\nHost: x\r\n\r\n');
  await client.until('text/event-stream');
  send('data: 1\n\n');
  await client.until('data: 1\n\n');
  assert.ok(!client.received.includes('data: 2'));
  send('data: 2\n\n');
  await client.until('data: 2\n\n');
  end();
  await client.until('0\r\n\r\n');
});

test('a chunked body reaches the function while the client still sends it', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((request, response) => {
    response.writeHead(200);
    request.on('data', (chunk: Buffer) => response.write(`<${chunk.toString()}>`));
    request.on('end', () => response.end('!'));
  });
  gateway.function();
  gateway.pod(pod);
  using client = new RawClient(gateway.port);
  client.send('POST /default/diff HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  client.send('3\r\none\r\n');
  await client.until('<one>');
  client.send('3;ext="a"\r\ntwo\r\n');
  await client.until('<two>');
  client.send('0\r\nX-Trailer: 1\r\n\r\n');
  await client.until('!');
  await client.until('0\r\n\r\n');
});

test('bodies of many megabytes pass both ways, unchanged in length', async () => {
  await using gateway = await Harness.start({ bodyBytes: 1 << 30 });
  const size = 48 * 1024 * 1024;
  await using pod = await startPod((request, response) => {
    response.writeHead(200, { 'content-length': size });
    request.pipe(response);
  });
  gateway.function();
  gateway.pod(pod);
  const block = Buffer.alloc(1024 * 1024, 7);
  let sent = 0;
  const response = await gateway.fetch('/default/diff', {
    method: 'POST',
    duplex: 'half',
    headers: { 'content-length': String(size) },
    body: new ReadableStream({
      start: () => undefined,
      pull: (controller) => {
        controller.enqueue(block);
        sent += block.length;
        if (sent === size) controller.close();
      },
    }),
  });
  assert.equal(await collect(response.body as unknown as AsyncIterable<Uint8Array>), size);
});

test('a client that does not read stops the function, in bounded memory', async () => {
  await using gateway = await Harness.start();
  let written = 0;
  let blocked = false;
  await using pod = await startPod((request, response) => {
    request.resume();
    const block = Buffer.alloc(256 * 1024);
    const write = (): void => {
      while (written < 1 << 30) {
        written += block.length;
        blocked = !response.write(block);
        if (blocked) return;
      }
    };
    response.on('drain', write);
    write();
  });
  gateway.function();
  gateway.pod(pod);
  const socket = connect({ port: gateway.port, host: '127.0.0.1' });
  socket.pause();
  socket.write('GET /default/diff/ HTTP/1.1\r\nHost: x\r\n\r\n');
  let last = -1;
  await until(() => {
    const still = blocked && written === last;
    last = written;
    return still;
  }, 'the function is held back');
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes`);
  socket.destroy();
  await until(() => [...pod.seen].length === 1, 'the pod saw the request');
});

test('a function that does not read stops the client', async () => {
  await using gateway = await Harness.start({ bodyBytes: 1 << 30 });
  let paused = false;
  await using pod = await startPod((request) => {
    // The harness reads bodies; this one must not.
    setImmediate(() => {
      request.pause();
      paused = true;
    });
  });
  gateway.function();
  gateway.pod(pod);
  const socket = connect({ port: gateway.port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.write(
    `POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: ${1 << 29}\r\n\r\n${'x'.repeat(1000)}`,
  );
  await until(() => paused, 'the function stops reading');
  const block = Buffer.alloc(1024 * 1024);
  let accepted = 0;
  while (accepted < 200 && socket.write(block)) accepted += 1;
  for (let idle = 0; idle < 20 && accepted < 200; idle += 1) {
    const drained = await Promise.race([
      once(socket, 'drain').then(() => true),
      new Promise<boolean>((resolve) => {
        setTimeout(() => resolve(false), 50);
      }),
    ]);
    if (!drained) break;
    while (accepted < 200 && socket.write(block)) accepted += 1;
  }
  assert.ok(accepted < 100, `${accepted} MiB were taken`);
  socket.destroy();
});

test('a body over the limit: 413 by its length, and while it streams', async () => {
  await using gateway = await Harness.start({ bodyBytes: 1000 });
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  const stated = await exchangeRaw(
    gateway.port,
    'POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n',
  );
  assert.match(stated, /^HTTP\/1\.1 413 /);
  assert.match(stated, /limit of 1000 bytes/);
  assert.equal(pod.seen.length, 0);
  using client = new RawClient(gateway.port);
  client.send('POST /default/diff HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let index = 0; index < 11; index += 1) client.send(`64\r\n${'x'.repeat(100)}\r\n`);
  await client.until(/^HTTP\/1\.1 413 /);
  await client.untilClosed();
  assert.equal(pod.seen.length, 0);
  assert.equal((await gateway.fetch('/default/diff', { method: 'POST', body: 'x' })).status, 200);
});

test('Expect: 100-continue is answered when the body is wanted, and not before', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  using client = new RawClient(gateway.port);
  client.send(
    'POST /default/diff HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
  );
  await until(() => gateway.port > 0, 'sent');
  gateway.pod(pod);
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('{}');
  await client.until(/HTTP\/1\.1 200 OK/);
  assert.ok(!client.received.includes('"expect"'));
  const none = await exchangeRaw(
    gateway.port,
    'POST /default/none HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
  );
  assert.match(none, /^HTTP\/1\.1 404 /);
});

test('interim answers of the function are relayed, and are not the answer', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((request, response) => {
    request.resume();
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    response.end('done');
  });
  gateway.function();
  gateway.pod(pod);
  using client = new RawClient(gateway.port);
  client.send('GET /default/diff/ HTTP/1.1\r\nHost: x\r\n\r\n');
  await client.until('done');
  assert.match(client.received, /^HTTP\/1\.1 103 Early Hints\r\n/);
  assert.match(client.received, /\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
});

test('HEAD, 204 and 304 have no body and keep the connection in step', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((request, response) => {
    request.resume();
    const status = Number(request.url?.slice(1));
    response.writeHead(status, status === 204 ? {} : { 'content-length': '5' });
    response.end(status === 200 ? 'hello' : undefined);
  });
  gateway.function();
  gateway.pod(pod);
  const requests = ['HEAD /default/diff/200', 'GET /default/diff/204', 'GET /default/diff/304'];
  const answer = await exchangeRaw(
    gateway.port,
    `${requests.map((line) => `${line} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')}GET /default/diff/200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  const statuses = [...answer.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map((match) => match[1]);
  assert.deepEqual(statuses, ['200', '204', '304', '200']);
  assert.ok(answer.endsWith('\r\n\r\nhello'));
  assert.equal(answer.split('hello').length, 2);
});

test('an early answer reaches a client that is still sending, then the connection closes', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((_, response) => {
    response.writeHead(403, { 'content-length': '2' }).end('no');
  });
  gateway.function();
  gateway.pod(pod);
  using client = new RawClient(gateway.port);
  client.send('POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc');
  await client.until(/^HTTP\/1\.1 403 [^]*\r\nConnection: close\r\n[^]*no$/);
  client.send('x'.repeat(1000));
  await client.untilClosed();
});

test('a WebSocket passes through both ways, also at /NS/NAME itself', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  const server = new WebSocketServer({ server: pod.server });
  server.on('connection', (socket, request) => {
    socket.send(`at ${request.url}`);
    socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`));
  });
  gateway.function();
  gateway.pod(pod);
  for (const [path, at] of [
    ['/default/diff', '/'],
    ['/default/diff/chat?x=1', '/chat?x=1'],
  ] as const) {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`);
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString()));
    await once(socket, 'open');
    socket.send('a');
    socket.send('b'.repeat(100_000));
    await until(() => messages.length === 3, 'three messages');
    assert.deepEqual(messages, [`at ${at}`, 'echo a', `echo ${'b'.repeat(100_000)}`]);
    socket.close();
    await once(socket, 'close');
  }
  const state = (await (await gateway.fetch('/default/diff')).json()) as { inFlight: number };
  assert.equal(state.inFlight, 0);
  server.close();
});

test('a WebSocket that the function refuses gets its answer', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((_, response) => response.writeHead(401).end('who?'));
  gateway.function();
  gateway.pod(pod);
  const answer = await exchangeRaw(
    gateway.port,
    'GET /default/diff HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.ok(answer.includes('who?'));
});

test('a client that ends its side has all its requests answered, then the connection closes', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((request, response) => {
    request.resume();
    setTimeout(() => response.end(`answer to ${request.url}`), 20);
  });
  gateway.function();
  gateway.pod(pod);
  const post = (name: string): string =>
    `POST /default/diff/${name} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`;
  for (const names of [['one'], ['one', 'two', 'three']]) {
    using client = new RawClient(gateway.port, true);
    client.socket.end(names.map(post).join(''));
    const received = await client.untilClosed();
    const answers = [...received.matchAll(/answer to \/([a-z]+)/g)].map((match) => match[1]);
    assert.deepEqual(answers, names);
    assert.equal(received.split('\r\nConnection: close\r\n').length, 2, 'the last one says so');
  }
});

test('a client that ends its side within a request gets no answer, and no pod hears of it', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  for (const text of [
    'POST /default/diff HTTP/1.1\r\nHost: x\r\n',
    'POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}',
  ]) {
    using client = new RawClient(gateway.port, true);
    client.socket.end(text);
    await client.untilClosed();
    assert.ok(!client.received.includes('200'));
  }
  assert.deepEqual(pod.seen, []);
});

test('a WebSocket that one side leaves ends on the other, and its slot is free', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  const server = new WebSocketServer({ server: pod.server });
  const sockets: WebSocket[] = [];
  let closed = 0;
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('close', () => (closed += 1));
  });
  gateway.function({ spec: { scaling: { hardConcurrency: 1 } } });
  gateway.pod(pod);
  for (const leaves of ['client', 'function']) {
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/default/diff`);
    await once(client, 'open');
    const before = closed;
    if (leaves === 'client') client.terminate();
    else sockets.at(-1)?.terminate();
    await once(client, 'close');
    await until(() => closed === before + 1, 'the other side has heard');
  }
  const state = (await (await gateway.fetch('/default/diff')).json()) as { inFlight: number };
  assert.equal(state.inFlight, 0);
  server.close();
});

test('a WebSocket whose client does not read stops the function, in bounded memory', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  const server = new WebSocketServer({ server: pod.server, perMessageDeflate: false });
  let pending = (): number => 0;
  let sent = 0;
  server.on('connection', (socket) => {
    pending = () => socket.bufferedAmount;
    const block = Buffer.alloc(256 * 1024);
    const send = (): void => {
      sent += block.length;
      if (sent < 1 << 30) socket.send(block, () => setImmediate(send));
    };
    send();
  });
  gateway.function();
  gateway.pod(pod);
  const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/default/diff`);
  await once(client, 'open');
  client.pause();
  let last = -1;
  let still = 0;
  await until(() => {
    still = sent === last && pending() > 0 ? still + 1 : 0;
    last = sent;
    return still > 50;
  }, 'the function is held back');
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes`);
  client.terminate();
  server.close();
});
