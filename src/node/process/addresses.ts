import { once } from 'node:events';
import { createServer } from 'node:net';

/** Second octets 1 … 254: 127.0.0.0/16 is the host's own, 127.255.0.0/16 holds the broadcast address. */
const firstAddress = 127 * 2 ** 24 + 1 * 2 ** 16;
const addressCount = 254 * 2 ** 16;
/** Addresses tried before the port itself is held to be taken on all of them. */
const triesForPorts = 8;
const fallbackAddress = '127.0.0.1';

/**
 * Addresses of pods in 127.0.0.0/8.
 *
 * Invariants:
 * 1. An address is held by one pod at a time.
 * 2. A freed address is the last one to be given again: the counter goes round all of them.
 */
export class Addresses {
  readonly #held = new Set<string>();
  #next: number;
  #many: boolean | undefined;

  /** `start` in [0, 1) is where the counter begins, so that agents on one host rarely meet. */
  constructor(start: number) {
    this.#next = Math.floor(start * addressCount);
  }

  /** Takes an address that an earlier process had given. */
  hold(address: string): void {
    this.#held.add(address);
  }

  free(address: string): void {
    this.#held.delete(address);
  }

  /** Whether this host has more loopback addresses than one (Linux has; macOS without aliases has not). */
  async many(): Promise<boolean> {
    this.#many ??= await canListen(format(0), 0);
    return this.#many;
  }

  /** A free address on which the ports can be bound, as far as that is possible anywhere. */
  async take(ports: readonly number[]): Promise<string> {
    if (!(await this.many())) return fallbackAddress;
    let address = this.#advance();
    for (let tries = 1; tries < triesForPorts; tries++) {
      if (await allListen(address, ports)) return address;
      this.#held.delete(address);
      address = this.#advance();
    }
    return address;
  }

  #advance(): string {
    for (;;) {
      const address = format(this.#next);
      this.#next = (this.#next + 1) % addressCount;
      const last = this.#next % 256;
      if (last > 1 && !this.#held.has(address)) {
        this.#held.add(address);
        return address;
      }
    }
  }
}

async function allListen(address: string, ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await canListen(address, port))) return false;
  return true;
}

async function canListen(address: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host: address, port, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

function format(index: number): string {
  const value = firstAddress + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
