/**
 * Creates ConfigMaps over HTTPS keep-alive connections, then times watch events; prints lines of JSON.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import type { ApiOrder, ApiPhase, ApiWatchResult } from './api-protocol.ts';
import { benchConfig, say } from './child.ts';
import { Latencies } from './latencies.ts';
import { MessageReader } from './message-reader.ts';

const order = benchConfig<ApiOrder>();
const mostMs = 60_000;
setTimeout(() => {
  throw new Error(`The API server did not keep up: not done within ${mostMs} ms`);
}, mostMs).unref();
const collection = '/api/v1/namespaces/default/configmaps';
const value = 'x'.repeat(400);
const createdStatus = 'HTTP/1.1 201';
let names = 0;

interface Request {
  readonly name: string;
  readonly text: string;
}

/** A ConfigMap to create; the label tells those that are watched. */
function nextCreate(phase: 'load' | 'watched'): Request {
  names += 1;
  const name = `bench-${process.pid}-${names}`;
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels: { phase } },
    data: { value },
  });
  const head =
    `POST ${collection} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer ${order.token}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return { name, text: head + body };
}

/** A connection that has one request at a time. */
class ApiConnection implements Disposable {
  readonly #socket: TLSSocket;
  readonly #reader = new MessageReader();
  #answered: (head: string) => void = () => undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      for (const head of this.#reader.take(chunk)) this.#answered(head);
    });
  }

  static async open(): Promise<ApiConnection> {
    return new ApiConnection(await openSocket());
  }

  create(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#answered = (head) => {
        if (head.startsWith(createdStatus)) resolve();
        else reject(new Error(`Not created: ${head}`));
      };
      this.#socket.write(text, 'latin1');
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

async function openSocket(): Promise<TLSSocket> {
  const { hostname: host, port } = new URL(order.url);
  const socket = connect({ host, port: Number(port), ca: order.ca });
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  return socket;
}

async function createAll(
  connections: readonly ApiConnection[],
  phase: ApiPhase['phase'],
  ms: number,
): Promise<ApiPhase> {
  const latencies = new Latencies();
  const start = performance.now();
  const end = start + ms;
  const work = async (connection: ApiConnection): Promise<void> => {
    while (performance.now() < end) {
      const { text } = nextCreate('load');
      const sent = performance.now();
      await connection.create(text);
      latencies.add(performance.now() - sent);
    }
  };
  await Promise.all(connections.map(work));
  return {
    phase,
    creates: latencies.count,
    seconds: (performance.now() - start) / 1000,
    p50: latencies.quantile(0.5),
    p99: latencies.quantile(0.99),
  };
}

/** Creates one object after the other and waits for the event of each. */
async function timeEvents(): Promise<ApiWatchResult> {
  using writer = await ApiConnection.open();
  const watch = await openSocket();
  const expected = { name: '', seen: (): void => undefined };
  // An event is one line, which begins in a chunk of its own at this pace.
  watch.on('data', (chunk: Buffer) => {
    if (expected.name !== '' && chunk.includes(`"name":"${expected.name}"`)) expected.seen();
  });
  watch.write(
    `GET ${collection}?watch=1&labelSelector=phase%3Dwatched HTTP/1.1\r\nHost: api\r\n` +
      `Authorization: Bearer ${order.token}\r\n\r\n`,
  );
  const [head] = (await once(watch, 'data')) as [Buffer];
  if (!head.includes(' 200 ')) throw new Error(`No watch: ${head.toString('latin1')}`);
  const events = new Latencies();
  const answers = new Latencies();
  for (let index = 0; index < order.watched; index += 1) {
    const { name, text } = nextCreate('watched');
    const start = performance.now();
    const event = new Promise<void>((resolve) => {
      expected.name = name;
      expected.seen = () => {
        expected.name = '';
        events.add(performance.now() - start);
        resolve();
      };
    });
    await writer.create(text);
    answers.add(performance.now() - start);
    await event;
    await sleep(order.pauseMs);
  }
  watch.destroy();
  const shares = (of: Latencies) => ({ p50: of.quantile(0.5), p99: of.quantile(0.99) });
  return { event: shares(events), answer: shares(answers) };
}

const connections = await Promise.all(
  Array.from({ length: order.clients }, () => ApiConnection.open()),
);
say(await createAll(connections, 'warm', order.warmMs));
say(await createAll(connections, 'created', order.ms));
for (const connection of connections) connection[Symbol.dispose]();
say(await timeEvents());
