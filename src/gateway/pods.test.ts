import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { names } from '../api/index.ts';
import { podAddress, startPod } from './testing/fake-pod.ts';
import { Harness, until } from './testing/harness.ts';
import { RawClient } from './testing/raw-client.ts';

const post = { method: 'POST', body: '{}' };

/** A pod that speaks bytes: `answer` says what comes back for each request; probes succeed. */
async function rawPod(
  answer: (request: string, count: number, socket: Socket) => string | undefined,
): Promise<{
  readonly host: string;
  readonly port: number;
  readonly requests: string[];
  readonly server: Server;
}> {
  const host = podAddress();
  const requests: string[] = [];
  const server = createServer((socket) => {
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      if (text.includes(names.readyPath)) {
        socket.write(ok);
        return;
      }
      requests.push(text);
      const reply = answer(text, requests.length, socket);
      if (reply !== undefined) socket.write(reply, 'latin1');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen({ host, port: 0 }, resolve);
  });
  server.unref();
  return { host, port: (server.address() as AddressInfo).port, requests, server };
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('only ready pods of the current revision are routed to', async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  await using pod = await startPod();
  const wrong = [
    { revision: 'r0' },
    { terminating: true },
    { draining: true },
    { host: '' },
    { function: 'other' },
  ];
  gateway.function();
  for (const shape of wrong) {
    gateway.pod(pod, { name: 'one', ...shape });
    const response = await gateway.fetch('/default/diff', post);
    assert.equal(response.status, 503, JSON.stringify(shape));
    gateway.pods.replace([]);
  }
  gateway.function({ revision: '' });
  gateway.pod(pod, { name: 'one' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 503);
  assert.equal(pod.seen.length, 0);
  gateway.function();
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
});

test('a pod whose Ready condition falls leaves the routes', async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  await using pod = await startPod();
  gateway.function({ spec: { signature: 'http' } });
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  gateway.pod(pod, { ready: false });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 503);
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
});

test('a relist replaces the table: a pod whose deletion was missed gets nothing', async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  await using old = await startPod();
  await using next = await startPod();
  gateway.function();
  gateway.pod(old, { name: 'old' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  const [stale] = gateway.pods.list();
  gateway.pod(next, { name: 'next' });
  gateway.pods.replace(gateway.pods.list().filter((pod) => pod !== stale));
  for (let index = 0; index < 10; index += 1) {
    assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  }
  assert.equal(old.seen.length, 1);
  assert.equal(next.seen.length, 10);
});

test('a pod with the same name and another uid is another pod', async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod, { name: 'same', uid: 'a' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  assert.equal(pod.connections, 1);
  gateway.pod(pod, { name: 'same', uid: 'b' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  assert.equal(pod.connections, 2);
});

test("an address that another function's pod has taken gets nothing of the old one", async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  await using pod = await startPod();
  gateway.function();
  gateway.function({ name: 'other' });
  gateway.pod(pod, { name: 'old' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  // The old pod's deletion has not been heard of yet.
  gateway.pod(pod, { name: 'new', function: 'other', created: '2026-01-02T00:00:00Z' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 503);
  assert.equal((await gateway.fetch('/default/other/x', post)).status, 200);
  assert.deepEqual(pod.seen, ['POST / {}', 'POST /x {}']);
  assert.equal(pod.connections, 2);
});

test('least outstanding requests: load is spread over the pods', async () => {
  await using gateway = await Harness.start();
  const open: (() => void)[] = [];
  const hold = (_: unknown, response: { end: (text: string) => void }): void => {
    open.push(() => response.end('ok'));
  };
  await using first = await startPod(hold);
  await using second = await startPod(hold);
  gateway.function();
  gateway.pod(first);
  gateway.pod(second);
  const answers = [1, 2, 3, 4].map(() => gateway.fetch('/default/diff', post));
  await until(() => open.length === 4, 'four are in flight');
  await until(() => first.seen.length === 2 && second.seen.length === 2, 'two each');
  for (const end of open) end();
  await Promise.all(answers);
});

test('a small hard limit packs tightly: the second pod gets what the first has no room for', async () => {
  await using gateway = await Harness.start();
  const open: (() => void)[] = [];
  const hold = (_: unknown, response: { end: (text: string) => void }): void => {
    open.push(() => response.end('ok'));
  };
  await using first = await startPod(hold);
  await using second = await startPod(hold);
  gateway.function({ spec: { scaling: { hardConcurrency: 2 } } });
  gateway.pod(first, { created: '2026-01-01T00:00:00Z' });
  gateway.pod(second, { created: '2026-01-02T00:00:00Z' });
  const answers = [1, 2, 3].map(() => gateway.fetch('/default/diff', post));
  await until(() => open.length === 3, 'three are in flight');
  await until(() => first.seen.length === 2 && second.seen.length === 1, 'two and one');
  for (const end of open) end();
  await Promise.all(answers);
});

test('a call in flight keeps its pod while it drains, and is answered', async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  let end: (() => void) | undefined;
  await using pod = await startPod((request, response) => {
    request.resume();
    end = () => response.end('kept');
  });
  gateway.function();
  gateway.pod(pod);
  const answer = gateway.fetch('/default/diff', post);
  await until(() => end !== undefined, 'in flight');
  gateway.pod(pod, { draining: true });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 503);
  gateway.pod(pod, { draining: true, terminating: true });
  end?.();
  assert.equal(await (await answer).text(), 'kept');
});

test('a refused dial: another pod gets the request, and the first is left alone until it answers', async () => {
  await using gateway = await Harness.start();
  const dead = await startPod();
  const { host, port } = dead;
  await dead[Symbol.asyncDispose]();
  await using alive = await startPod();
  gateway.function();
  gateway.pod({ host, port }, { created: '2025-01-01T00:00:00Z' });
  gateway.pod(alive);
  for (let index = 0; index < 10; index += 1) {
    assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  }
  assert.equal(alive.seen.length, 10);
  await using back = await startPod(undefined, { host, port });
  await until(() => back.probes > 0, 'it is asked again');
  const end = performance.now() + 5000;
  while (back.seen.length === 0 && performance.now() < end) {
    assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  }
  assert.ok(back.seen.length > 0);
});

test('a function that takes too long: 504, its slot is free, its pod rests until it answers', async () => {
  await using gateway = await Harness.start();
  let stuck = true;
  await using pod = await startPod((request, response) => {
    request.resume();
    if (!stuck) response.end('fine');
  });
  gateway.function({ spec: { timeout: '1s', scaling: { hardConcurrency: 1 } } });
  gateway.pod(pod);
  pod.readyStatus = 503;
  const started = performance.now();
  const late = await gateway.fetch('/default/diff', post);
  assert.equal(late.status, 504);
  assert.ok(performance.now() - started < 2000);
  assert.match(((await late.json()) as { detail: string }).detail, /timeout of 1 s/);
  const state = (await (await gateway.fetch('/default/diff')).json()) as { inFlight: number };
  assert.equal(state.inFlight, 0);
  stuck = false;
  const waiting = gateway.fetch('/default/diff', post);
  await until(() => pod.probes > 1, 'it is asked');
  assert.equal(pod.seen.length, 1);
  pod.readyStatus = 200;
  assert.equal((await waiting).status, 200);
});

test('a slow client is not the fault of the function: 408, no 504, no quarantine', async () => {
  await using gateway = await Harness.start({ bodyWindowMs: 1500 });
  await using pod = await startPod();
  gateway.function({ spec: { timeout: '1s' } });
  gateway.pod(pod);
  using client = new RawClient(gateway.port);
  client.send('POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
  assert.match(await client.untilClosed(), /^HTTP\/1\.1 408 /);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  assert.equal(pod.probes, 0);
});

test('a client that leaves frees the slot and stops the function', async () => {
  await using gateway = await Harness.start();
  let aborted = false;
  await using pod = await startPod((request, response) => {
    request.resume();
    if (request.url === '/quick') response.end();
    else {
      response.on('close', () => {
        aborted = true;
      });
    }
  });
  gateway.function({ spec: { scaling: { hardConcurrency: 1 } } });
  gateway.pod(pod);
  const client = new RawClient(gateway.port);
  client.send('POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
  await until(() => pod.seen.length === 1, 'in flight');
  client.socket.destroy();
  assert.equal((await gateway.fetch('/default/diff/quick', post)).status, 200);
  assert.ok(aborted);
});

test('a pod that dies in the middle of a POST: 502, and it is not sent again', async () => {
  await using gateway = await Harness.start();
  const pod = await rawPod((_, count, socket) => {
    if (count === 1) return ok;
    socket.destroy();
    return undefined;
  });
  gateway.function();
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  const response = await gateway.fetch('/default/diff', post);
  assert.equal(response.status, 502);
  assert.match(((await response.json()) as { type: string }).type, /\/pod-failed$/);
  assert.equal(pod.requests.length, 2);
  pod.server.close();
});

test('an idempotent request on a connection that had just gone stale is sent again, once', async () => {
  await using gateway = await Harness.start();
  const pod = await rawPod((_, count, socket) => {
    if (count !== 2) return ok;
    socket.destroy();
    return undefined;
  });
  gateway.function();
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff/', {})).status, 200);
  assert.equal((await gateway.fetch('/default/diff/', {})).status, 200);
  assert.equal(pod.requests.length, 3);
  pod.server.close();
});

test('an idempotent request on a new connection is not sent again', async () => {
  await using gateway = await Harness.start();
  const pod = await rawPod((_, __, socket) => {
    socket.destroy();
    return undefined;
  });
  gateway.function();
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff/', {})).status, 502);
  assert.equal(pod.requests.length, 1);
  pod.server.close();
});

test('connections that the pod closes while they are idle cost no call, GET or POST', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod(undefined, { keepAliveMs: 1 });
  gateway.function();
  gateway.pod(pod);
  for (let index = 0; index < 20; index += 1) {
    const response = await gateway.fetch('/default/diff/x', index % 2 === 0 ? post : {});
    assert.equal(response.status, 200);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, index * 3);
    });
  }
  assert.equal(pod.seen.length, 20);
});

const broken: readonly [name: string, answer: string][] = [
  [
    'both framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
  ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n'],
  ['no status', 'HTTP/1.1 OK\r\n\r\n'],
  ['switching unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
  ['no HTTP', 'SSH-2.0-x\r\n\r\n'],
  ['an end in the head', 'END'],
];

for (const [name, answer] of broken) {
  test(`a pod's answer with ${name} is a 502`, async () => {
    await using gateway = await Harness.start();
    const pod = await rawPod((_, __, socket) => {
      if (answer !== 'END') return answer;
      socket.end('HTTP/1.1 200 OK\r\nContent-');
      return undefined;
    });
    gateway.function();
    gateway.pod(pod);
    const response = await gateway.fetch('/default/diff', post);
    assert.equal(response.status, 502);
    await response.body?.cancel();
    pod.server.close();
  });
}

test('a connection with surplus bytes after an answer is not used again', async () => {
  await using gateway = await Harness.start();
  const sockets = new Set<Socket>();
  const pod = await rawPod((_, __, socket) => {
    sockets.add(socket);
    return `${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`;
  });
  gateway.function();
  gateway.pod(pod);
  for (let index = 0; index < 3; index += 1) {
    const response = await gateway.fetch('/default/diff', post);
    assert.equal(await response.text(), 'ok');
  }
  assert.equal(sockets.size, 3);
  pod.server.close();
});

test('an answer that breaks off in its body breaks the client off too', async () => {
  await using gateway = await Harness.start();
  const pod = await rawPod((_, __, socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    return undefined;
  });
  gateway.function();
  gateway.pod(pod);
  const response = await gateway.fetch('/default/diff', post);
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
  pod.server.close();
});

test('an answer that ends with its connection is passed on whole', async () => {
  await using gateway = await Harness.start();
  const pod = await rawPod((_, __, socket) => {
    socket.end('HTTP/1.0 200 OK\r\n\r\nall of it');
    return undefined;
  });
  gateway.function();
  gateway.pod(pod);
  const response = await gateway.fetch('/default/diff', post);
  assert.equal(await response.text(), 'all of it');
  pod.server.close();
});
