import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { demandLineLimit } from '../../api/index.ts';
import { silentLog } from '../../lib/log.ts';
import { type DemandServer, type DemandSink, openDemandServer } from './demand-server.ts';

const token = 'secret';
const hello = '{"kind":"hello","gateway":"g","token":"secret"}\n';

function recorder(): DemandSink & {
  readonly heard: string[];
  waitFor(count: number): Promise<void>;
} {
  const heard: string[] = [];
  let wake = (): void => undefined;
  const note = (text: string): void => {
    heard.push(text);
    wake();
  };
  return {
    heard,
    connect: (gateway) => note(`connect ${gateway}`),
    take: (gateway, message) => note(`${gateway} ${message.kind}`),
    disconnect: (gateway) => note(`disconnect ${gateway}`),
    waitFor: async (count) => {
      while (heard.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function openServer(): Promise<DemandServer> {
  return openDemandServer({ host: '127.0.0.1', port: 0, token, log: silentLog });
}

function dial({ port }: DemandServer, text: string | Buffer): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.write(text);
  return socket;
}

async function ended(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (data) => {
    text += String(data);
  });
  await once(socket, 'close');
  return text;
}

test('DemandServer welcomes a gateway that shows the token and hands on what it says', async () => {
  await using server = await openServer();
  const sink = recorder();
  server.serve(sink);
  const poke = '{"kind":"poke","function":"a/b","held":1}\n';
  const socket = dial(server, hello + poke.slice(0, 9));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.equal(String(answer), '{"kind":"welcome"}\n');
  socket.write(poke.slice(9));
  await sink.waitFor(2);
  socket.end();
  await sink.waitFor(3);
  assert.deepEqual(sink.heard, ['connect g', 'g poke', 'disconnect g']);
});

for (const [what, text] of [
  ['a wrong token', '{"kind":"hello","gateway":"g","token":"guess"}\n'],
  ['anything before hello', '{"kind":"sample","functions":[]}\n'],
  ['what is no message', 'GET / HTTP/1.1\n'],
  ['a line without end', Buffer.alloc(demandLineLimit + 2, 'x')],
] as const) {
  test(`DemandServer ends a connection for ${what}, unheard`, async () => {
    await using server = await openServer();
    const sink = recorder();
    server.serve(sink);
    assert.equal(await ended(dial(server, text)), '');
    assert.deepEqual(sink.heard, []);
  });
}

test('DemandServer turns gateways away until it serves, and ends them when it serves no more', async () => {
  await using server = await openServer();
  assert.equal(await ended(dial(server, hello)), '');
  const sink = recorder();
  server.serve(sink);
  const socket = dial(server, hello);
  await sink.waitFor(1);
  server.serve(undefined);
  await ended(socket);
  await sink.waitFor(2);
  assert.deepEqual(sink.heard, ['connect g', 'disconnect g']);
});

test('openDemandServer() says where it cannot listen', async () => {
  await using server = await openServer();
  const { port } = server;
  const again = openDemandServer({ host: '127.0.0.1', port, token, log: silentLog });
  await assert.rejects(again, new RegExp(`Cannot listen for gateways on 127.0.0.1:${port}`));
});
