import { connect, type Socket } from 'node:net';
import {
  type ClaimedPod,
  demandLineLimit,
  type FunctionDemand,
  type GatewayMessage,
  type Lease,
  names,
  parseAutoscalerMessage,
  type SlotRequest,
} from '../../api/index.ts';
import { type Client, type Informer, refs } from '../../client/index.ts';
import { BackOff, reconnectBackOff } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { deferred } from '../../lib/wait.ts';
import type { SharedSlots } from '../slots/shared-slots.ts';

/** What there is to tell the autoscaler. */
export interface DemandSource {
  samples(): readonly FunctionDemand[];
  /** Functions that have requests waiting. */
  waiting(): readonly { readonly function: string; readonly held: number }[];
  /** The marks of draining pods that have none of our requests. */
  drained(): readonly string[];
}

export interface DemandLinkOptions {
  /** This gateway's name. */
  readonly gateway: string;
  readonly client: Client;
  readonly leases: Informer<Lease>;
  readonly source: DemandSource;
  /** A pod has a function's code and takes calls; the watch will tell of it. */
  readonly claimed: (pod: ClaimedPod) => void;
  /** Where gateways share hard limits. */
  readonly slots: Pick<SharedSlots, 'welcome' | 'lost' | 'take'> | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

const sampleMs = 1000;
const welcomeMs = 5000;
/** An unchanged need is not repeated before this time; milliseconds. */
const pokeAgainMs = 1000;
/** What may wait in the connection to an autoscaler that does not read; bytes. Above, samples are left out. */
const backlogLimit = 1 << 20;
/** Functions per line, far below `demandLineLimit` with the longest names. */
const functionsPerLine = 1000;

/**
 * The connection to the autoscaler: samples every second, pokes and acknowledgements at once.
 *
 * Invariants:
 * 1. Requests are served whether or not it stands; nothing waits for it.
 * 2. A new connection tells everything again that still holds: who waits, which pods are drained.
 * 3. All pokes of one turn of the event loop leave as one message per function.
 */
export class DemandLink {
  readonly #options: DemandLinkOptions;
  readonly #poked = new Map<string, { readonly held: number; readonly at: number }>();
  readonly #pokes = new Map<string, () => number>();
  #socket: Socket | undefined;

  constructor(options: DemandLinkOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#socket !== undefined;
  }

  /** Says that the function is wanted; `held` is asked when the message is written. */
  poke(name: string, held: () => number): void {
    if (this.#pokes.size === 0) setImmediate(() => this.#flushPokes());
    this.#pokes.set(name, held);
  }

  /** Says that a draining pod has none of our requests; `mark` names the draining (`drainMark`). */
  drained(mark: string): void {
    this.#send({ kind: 'drained', pods: [mark] });
  }

  /** Says something about slots; nothing is said without a connection. */
  tell(message: SlotRequest): void {
    this.#send(message);
  }

  /** Ends the connection; a new one follows. */
  reconnect(): void {
    this.#socket?.destroy();
  }

  /** Keeps the connection until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const backOff = new BackOff(reconnectBackOff, this.#options.random);
    while (!signal.aborted) {
      const { lease, changed, stop } = this.#watchLease(signal);
      try {
        const address = lease?.metadata.annotations?.[names.annotation.demandAddress];
        if (address === undefined) await changed;
        else if (await this.#session(address, signal)) backOff.reset();
        if (address !== undefined && !signal.aborted) {
          const pause = new AbortController();
          const sleep = this.#options.clock
            .sleep(backOff.next(), AbortSignal.any([signal, pause.signal]))
            .catch(() => undefined);
          await Promise.race([sleep, changed]);
          pause.abort();
          await sleep;
        }
      } finally {
        stop();
      }
    }
  }

  /** The autoscaler's Lease now, and a promise for its next address, holder or the end. */
  #watchLease(signal: AbortSignal): {
    readonly lease: Lease | undefined;
    readonly changed: Promise<void>;
    readonly stop: () => void;
  } {
    const { leases } = this.#options;
    const key = { namespace: names.systemNamespace, name: names.autoscaler };
    const lease = leases.get(key);
    const { promise, resolve } = deferred<void>();
    const look = (object: Lease): void => {
      if (object.metadata.name === key.name && addressOf(object) !== addressOf(lease)) resolve();
    };
    const unhandle = leases.handle({ added: look, updated: look });
    const abort = (): void => resolve();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) resolve();
    const stop = (): void => {
      unhandle();
      signal.removeEventListener('abort', abort);
    };
    return { lease, changed: promise, stop };
  }

  /** One connection, until it ends; true when the autoscaler had welcomed us. */
  async #session(address: string, signal: AbortSignal): Promise<boolean> {
    const { log, gateway } = this.#options;
    let welcomed = false;
    try {
      const token = await this.#token();
      const at = address.lastIndexOf(':');
      const host = address.slice(0, at).replace(/^\[|\]$/g, '');
      const socket = connect({ host, port: Number(address.slice(at + 1)), noDelay: true });
      const closed = closing(socket, signal);
      socket.setTimeout(welcomeMs, () => socket.destroy(new Error('No welcome came')));
      socket.once('connect', () => socket.write(line({ kind: 'hello', gateway, token })));
      onLines(socket, (text) => {
        const message = parseAutoscalerMessage(text);
        switch (message?.kind) {
          case 'welcome':
            if (welcomed) break;
            welcomed = true;
            socket.setTimeout(0);
            this.#welcome(socket, signal);
            break;
          case 'claimed':
            this.#options.claimed(message.pod);
            break;
          case 'granted':
          case 'cap':
          case 'recall':
          case 'alive':
            this.#options.slots?.take(message);
            break;
          case undefined:
            break;
        }
      });
      await closed;
      if (!signal.aborted) log.info('The autoscaler has closed the connection', { address });
    } catch (error) {
      if (!signal.aborted) {
        log.warn('Cannot reach the autoscaler; scaling waits until it is back', {
          address,
          error: String(error),
        });
      }
    } finally {
      this.#socket = undefined;
      this.#options.slots?.lost();
    }
    return welcomed;
  }

  async #token(): Promise<string> {
    const key = { namespace: names.systemNamespace, name: names.autoscaler };
    const secret = await this.#options.client.resource(refs.secrets).get(key);
    const token = secret.data?.['token'];
    if (token === undefined) throw new Error(`Secret "${key.name}" has no key "token"`);
    return Buffer.from(token, 'base64').toString('utf8');
  }

  #welcome(socket: Socket, signal: AbortSignal): void {
    const { source, log, gateway } = this.#options;
    log.debug('Connected to the autoscaler', { gateway });
    this.#socket = socket;
    this.#poked.clear();
    this.#options.slots?.welcome();
    const drained = source.drained();
    if (drained.length > 0) this.#send({ kind: 'drained', pods: drained });
    for (const { function: name, held } of source.waiting()) this.#poke(name, held);
    this.#sample(socket);
    const timer = setInterval(() => this.#sample(socket), sampleMs);
    const stop = (): void => clearInterval(timer);
    socket.once('close', stop);
    if (signal.aborted) socket.destroy();
  }

  #sample(socket: Socket): void {
    if (socket.writableLength > backlogLimit) return;
    const functions = this.#options.source.samples();
    for (let at = 0; at === 0 || at < functions.length; at += functionsPerLine) {
      this.#send({ kind: 'sample', functions: functions.slice(at, at + functionsPerLine) });
    }
  }

  #flushPokes(): void {
    const pokes = [...this.#pokes];
    this.#pokes.clear();
    for (const [name, held] of pokes) this.#poke(name, Math.max(1, held()));
  }

  #poke(name: string, held: number): void {
    if (this.#socket === undefined) return;
    const now = this.#options.clock.monotonic();
    const last = this.#poked.get(name);
    if (last !== undefined && held < last.held * 2 && now - last.at < pokeAgainMs) return;
    this.#poked.set(name, { held, at: now });
    this.#send({ kind: 'poke', function: name, held });
    if (this.#poked.size > functionsPerLine) this.#forgetPokes(now);
  }

  #forgetPokes(now: number): void {
    for (const [name, { at }] of this.#poked) {
      if (now - at >= pokeAgainMs) this.#poked.delete(name);
    }
  }

  #send(message: GatewayMessage): void {
    this.#socket?.write(line(message));
  }
}

function addressOf(lease: Lease | undefined): string {
  const address = lease?.metadata.annotations?.[names.annotation.demandAddress] ?? '';
  return `${address} ${lease?.spec?.holderIdentity ?? ''}`;
}

function line(message: GatewayMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** Settles when the socket has closed: with its error, if it had one. The signal closes it. */
function closing(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      socket.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      signal.removeEventListener('abort', abort);
      if (failure === undefined) resolve();
      else reject(failure);
    });
    if (signal.aborted) socket.destroy();
  });
}

function onLines(socket: Socket, take: (text: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const each of lines) take(each);
    if (rest.length > demandLineLimit)
      socket.destroy(new Error('The autoscaler sent too long a line'));
  });
}
