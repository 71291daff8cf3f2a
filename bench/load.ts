/**
 * The load generator: keep-alive connections over raw sockets to one port of the loopback device, in a
 * closed or an open loop, for a bounded time. `node bench/load.ts '{"port":…}'` prints one line of JSON.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { benchConfig, say } from './child.ts';
import { Latencies } from './latencies.ts';
import type { LoadOrder, LoadResult } from './load-protocol.ts';
import { MessageCounter } from './message-counter.ts';

const tickMs = 0.2;
/** How long answers are waited for after the last request. */
const graceMs = 1000;
const mostMs = 60_000;

class Connection {
  readonly #socket: Socket;
  readonly #counter = new MessageCounter();
  readonly #request: Buffer;
  readonly #answered: (connection: Connection, since: number, ok: boolean) => void;
  #since = 0;

  constructor(
    order: LoadOrder,
    request: Buffer,
    answered: (connection: Connection, since: number, ok: boolean) => void,
  ) {
    this.#request = request;
    this.#answered = answered;
    this.#socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => {
      for (let left = this.#counter.take(chunk); left > 0; left -= 1) {
        this.#answered(this, this.#since, this.#counter.head.startsWith('HTTP/1.1 200'));
      }
    });
    this.#socket.on('error', (error) => {
      throw new Error(`A connection broke: ${error.message}`);
    });
    this.#socket.on('end', () => {
      throw new Error('A connection was closed');
    });
  }

  opened(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('connect', () => resolve());
    });
  }

  send(since: number): void {
    this.#since = since;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#socket.removeAllListeners('end').destroy();
  }
}

async function generate(order: LoadOrder): Promise<LoadResult> {
  const latencies = new Latencies();
  let errors = 0;
  let finished = 0;
  let open = true;
  const request = Buffer.concat([
    Buffer.from(
      `POST ${order.path} HTTP/1.1\r\nHost: 127.0.0.1:${order.port}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${order.sendBytes}\r\n\r\n`,
    ),
    Buffer.alloc(order.sendBytes, 'x'),
  ]);
  const free: Connection[] = [];
  const due: number[] = [];
  const answered = (connection: Connection, since: number, ok: boolean): void => {
    finished = performance.now();
    latencies.add(finished - since);
    if (!ok) errors += 1;
    if (order.rate === undefined) {
      if (open) connection.send(finished);
      else free.push(connection);
      return;
    }
    const next = due.shift();
    if (next === undefined) free.push(connection);
    else connection.send(next);
  };
  const connections = Array.from(
    { length: order.connections },
    () => new Connection(order, request, answered),
  );
  await Promise.all(connections.map((connection) => connection.opened()));
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + Math.min(order.ms, mostMs);
  if (order.rate === undefined) {
    for (const connection of connections) connection.send(start);
    await sleep(end - start);
  } else {
    free.push(...connections);
    await openLoop({ start, end, rate: order.rate }, (at) => {
      const connection = free.pop();
      if (connection === undefined) due.push(at);
      else connection.send(at);
    });
  }
  open = false;
  const last = performance.now() + graceMs;
  while (free.length < connections.length && performance.now() < last) await sleep(5);
  const { user, system } = process.cpuUsage(cpu);
  for (const connection of connections) connection.close();
  return {
    answers: latencies.count,
    errors,
    seconds: (finished - start) / 1000,
    cpuMicros: (user + system) / latencies.count,
    p50: latencies.quantile(0.5),
    p99: latencies.quantile(0.99),
  };
}

/** Calls `send` for each request when it is due, looking every fifth of a millisecond. */
function openLoop(
  { start, end, rate }: { readonly start: number; readonly end: number; readonly rate: number },
  send: (due: number) => void,
): Promise<void> {
  // Node's timers have no finer step than a millisecond; this thread has nothing else to do.
  const never = new Int32Array(new SharedArrayBuffer(4));
  let sent = 0;
  return new Promise((resolve) => {
    const tick = (): void => {
      const now = Math.min(performance.now(), end);
      while (start + (sent * 1000) / rate < now) {
        send(start + (sent * 1000) / rate);
        sent += 1;
      }
      if (now >= end) {
        resolve();
        return;
      }
      Atomics.wait(never, 0, 0, tickMs);
      setImmediate(tick);
    };
    tick();
  });
}

say(await generate(benchConfig<LoadOrder>()));
