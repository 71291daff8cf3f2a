import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { describe, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { startPod } from '../testing/fake-pod.ts';
import { until } from '../testing/harness.ts';
import { answerOf, request, SecureGateway } from '../testing/secure-gateway.ts';

describe('http2 streaming', () => {
  test('server-sent events come one by one', async () => {
    await using gateway = await SecureGateway.start();
    let send: (text: string) => void = () => undefined;
    await using pod = await startPod((incoming, response) => {
      incoming.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      send = (text) => response.write(text);
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const stream = session.request({ ':path': '/default/diff/events' });
    await once(stream, 'response');
    let received = '';
    stream.on('data', (chunk: Buffer) => (received += chunk.toString()));
    send('data: 1\n\n');
    await until(() => received === 'data: 1\n\n', 'the first event');
    send('data: 2\n\n');
    await until(() => received === 'data: 1\n\ndata: 2\n\n', 'the second event');
    stream.close();
    session.destroy();
  });

  test('both sides talk at once on one stream', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((incoming, response) => {
      response.writeHead(200);
      response.flushHeaders();
      incoming.pipe(response);
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const stream = session.request({ ':method': 'POST', ':path': '/default/diff' });
    let received = '';
    stream.on('data', (chunk: Buffer) => (received += chunk.toString()));
    for (const word of ['one', 'two', 'three']) {
      stream.write(word);
      await until(() => received.endsWith(word), word);
    }
    stream.end();
    await once(stream, 'close');
    assert.equal(received, 'onetwothree');
    session.destroy();
  });

  test('bodies of many megabytes pass both ways, and a slow reader stops the function', async () => {
    await using gateway = await SecureGateway.start();
    const size = 64 * 1024 * 1024;
    let written = 0;
    await using pod = await startPod((incoming, response) => {
      if (incoming.method === 'POST') {
        incoming.pipe(response.writeHead(200, { 'content-length': size }));
        return;
      }
      incoming.resume();
      const block = Buffer.alloc(256 * 1024);
      const write = (): void => {
        while (written < 1 << 30) {
          written += block.length;
          if (!response.write(block)) return;
        }
      };
      response.on('drain', write);
      write();
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const idle = session.request({ ':path': '/default/diff/endless' });
    idle.on('error', () => undefined);
    idle.pause();
    // The one that is not read does not stop the others.
    const stream = session.request({ ':method': 'POST', ':path': '/default/diff' });
    let received = 0;
    stream.on('data', (chunk: Buffer) => (received += chunk.length));
    const block = Buffer.alloc(1024 * 1024);
    for (let sent = 0; sent < size; sent += block.length) {
      if (!stream.write(block)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'close');
    assert.equal(received, size);
    assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken unread`);
    idle.close();
    session.destroy();
  });

  test('a function that does not read stops the client', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((incoming) => {
      setImmediate(() => incoming.pause());
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const stream = session.request({ ':method': 'POST', ':path': '/default/diff' });
    stream.on('error', () => undefined);
    const block = Buffer.alloc(1024 * 1024);
    let accepted = 0;
    let still = 0;
    while (accepted < 200 && still < 10) {
      if (!stream.writableNeedDrain) {
        accepted += 1;
        still = 0;
        stream.write(block);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
      still += 1;
    }
    assert.ok(accepted < 100, `${accepted} MiB were taken`);
    session.destroy();
  });

  test('Expect: 100-continue is answered when the body is wanted; 103 is relayed', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((incoming, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      incoming.on('data', (chunk: Buffer) => response.end(`got ${chunk.toString()}`));
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const stream = session.request({
      ':method': 'POST',
      ':path': '/default/diff',
      expect: '100-continue',
    });
    const answer = answerOf(stream);
    await once(stream, 'continue');
    stream.end('body');
    const { body, informational } = await answer;
    assert.equal(body, 'got body');
    assert.deepEqual(informational, [100, 103]);
    session.destroy();
  });

  test('HEAD, 204 and 304 have no body; answers with odd fields pass', async () => {
    await using gateway = await SecureGateway.start();
    const odd = ['set-cookie', 'a=1', 'set-cookie', 'b=2'];
    odd.push('etag', '"1"', 'etag', '"2"', 'Keep-Alive', 'timeout=9', 'HTTP2-Settings', 'x');
    await using pod = await startPod((incoming, response) => {
      incoming.resume();
      const status = Number(incoming.url?.slice(1));
      response.writeHead(status, [...(status === 204 ? [] : ['content-length', '5']), ...odd]);
      response.end(status === 200 ? 'hello' : undefined);
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const head = await request(session, { ':method': 'HEAD', ':path': '/default/diff/200' });
    assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '5']);
    for (const status of [204, 304]) {
      const answer = await request(session, { ':path': `/default/diff/${status}` });
      assert.deepEqual([answer.status, answer.body, answer.code], [status, '', 0]);
    }
    const whole = await request(session, { ':path': '/default/diff/200' });
    assert.deepEqual([whole.status, whole.body], [200, 'hello']);
    assert.deepEqual(whole.headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(whole.headers['keep-alive'], undefined);
    assert.equal(whole.headers['http2-settings'], undefined);
    session.destroy();
  });

  test('an early answer reaches a client that is still sending, which is told to stop', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((_, response) => {
      response.writeHead(403, { 'content-length': '2' }).end('no');
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const stream = session.request({ ':method': 'POST', ':path': '/default/diff' });
    stream.write('some');
    const { status, body, code } = await answerOf(stream);
    assert.deepEqual([status, body, code], [403, 'no', 0]);
    const again = await request(session, { ':method': 'POST', ':path': '/default/diff' }, 'x');
    assert.equal(again.status, 403);
    session.destroy();
  });

  test('early answers to clients that end their streams at that moment: none hangs', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((incoming, response) => {
      // Later for some, so that either side may be first.
      const answer = (): unknown => response.writeHead(403, { 'content-length': 2 }).end('no');
      if (incoming.url === '/0') answer();
      else setTimeout(answer, Number(incoming.url?.slice(1)));
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    for (let round = 0; round < 10; round += 1) {
      const answers = Array.from({ length: 40 }, (_, index) => {
        const path = `/default/diff/${index % 4}`;
        const stream = session.request({ ':method': 'POST', ':path': path });
        stream.write('x'.repeat(index * 20));
        if (index % 5 === 0) stream.end('y');
        else setTimeout(() => stream.end('z'), index % 7);
        return answerOf(stream);
      });
      for (const { status, body, code } of await Promise.all(answers)) {
        assert.deepEqual([status, body, code], [403, 'no', 0]);
      }
    }
    session.destroy();
  });

  test('a pod that breaks off: 502 before the answer, a reset stream within it', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((incoming, response) => {
      incoming.resume();
      if (incoming.url === '/before') {
        incoming.socket.destroy();
      } else {
        if (incoming.url === '/sized') response.setHeader('content-length', 100);
        response.write('half', () => incoming.socket.destroy());
      }
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const post = { ':method': 'POST' };
    const early = await request(session, { ...post, ':path': '/default/diff/before' }, 'x');
    assert.equal(early.status, 502);
    for (const kind of ['sized', 'chunked']) {
      const within = await request(session, { ...post, ':path': `/default/diff/${kind}` }, 'x');
      assert.equal(within.status, 200);
      assert.equal(within.code, constants.NGHTTP2_INTERNAL_ERROR, kind);
    }
    session.destroy();
  });

  test('a client that resets its stream frees the slot and stops the function', async () => {
    await using gateway = await SecureGateway.start();
    let aborted = false;
    await using pod = await startPod((incoming, response) => {
      incoming.resume();
      if (incoming.url === '/quick') response.end();
      else {
        response.on('close', () => {
          aborted = true;
        });
      }
    });
    gateway.harness.function({ spec: { scaling: { hardConcurrency: 1 } } });
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const stream = session.request({ ':method': 'POST', ':path': '/default/diff' });
    stream.on('error', () => undefined);
    stream.end('{}');
    await until(() => pod.seen.length === 1, 'in flight');
    stream.close(constants.NGHTTP2_CANCEL);
    const quick = await request(session, { ':path': '/default/diff/quick' });
    assert.equal(quick.status, 200);
    await until(() => aborted, 'the function is stopped');
    session.destroy();
  });

  test('a body that trickles is cut with 408', async () => {
    await using gateway = await SecureGateway.start({ bodyWindowMs: 300, bodyRate: 1000 });
    await using pod = await startPod();
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const stream = session.request({ ':method': 'POST', ':path': '/default/diff' });
    const timer = setInterval(() => stream.write('x'), 20);
    const { status, body } = await answerOf(stream);
    clearInterval(timer);
    assert.equal(status, 408);
    assert.match(body, /Only [0-9]+ bytes of the body came within 0\.3 s/);
    session.destroy();
  });

  test('a body over the limit is a 413, and the connection goes on', async () => {
    await using gateway = await SecureGateway.start({ bodyBytes: 1000 });
    await using pod = await startPod();
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const post = { ':method': 'POST', ':path': '/default/diff' };
    assert.equal((await request(session, post, 'x'.repeat(2000))).status, 413);
    const stated = { ...post, 'content-length': '2000' };
    assert.equal((await request(session, stated, 'x'.repeat(2000))).status, 413);
    assert.equal((await request(session, post, 'x'.repeat(1000))).status, 200);
    session.destroy();
  });

  test('a WebSocket is a stream (RFC 8441)', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((_, response) => response.writeHead(401).end('who?'));
    const server = new WebSocketServer({ server: pod.server, path: '/chat' });
    server.on('connection', (socket, incoming) => {
      assert.equal(incoming.headers['x-forwarded-proto'], 'https');
      socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`));
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    await once(session, 'remoteSettings');
    const upgrade = {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      'sec-websocket-version': '13',
    };
    const stream = session.request(
      { ...upgrade, ':path': '/default/diff/chat' },
      { endStream: false },
    );
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.equal(headers[':status'], 200);
    assert.equal(headers['sec-websocket-accept'], undefined);
    let received = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    // A masked text frame "hi" and the unmasked one that comes back.
    stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    await until(() => received.toString('latin1') === '\x81\x07echo hi', 'the echo');
    stream.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    await once(stream, 'close');
    const refused = await answerOf(
      session.request({ ...upgrade, ':path': '/default/diff/other' }, { endStream: false }),
    );
    assert.ok([400, 401].includes(refused.status), String(refused.status));
    session.destroy();
    server.close();
  });
});
