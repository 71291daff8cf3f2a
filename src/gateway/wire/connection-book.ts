export interface ConnectionLimits {
  /** Client connections of one gateway process. */
  readonly connections: number;
  /** Those of one client address; Infinity for no limit. */
  readonly connectionsPerClient: number;
}

/**
 * Counts the open connections of clients, over all ports of a gateway.
 *
 * Invariants: each that was admitted is released once; an address without connections takes no room.
 */
export class ConnectionBook {
  readonly #limits: ConnectionLimits;
  readonly #byClient = new Map<string, number>();
  #open = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Counts one more connection of the client, or says which limit is reached and counts nothing. */
  admit(client: string): 'limit' | 'client-limit' | undefined {
    const own = this.#byClient.get(client) ?? 0;
    if (this.#open >= this.#limits.connections) return 'limit';
    if (own >= this.#limits.connectionsPerClient) return 'client-limit';
    this.#open += 1;
    this.#byClient.set(client, own + 1);
    return undefined;
  }

  release(client: string): void {
    const own = this.#byClient.get(client);
    if (own === undefined) return;
    this.#open -= 1;
    if (own === 1) this.#byClient.delete(client);
    else this.#byClient.set(client, own - 1);
  }
}

/**
 * Who counts as one client: an IPv4 address, or the /64 network of an IPv6 address, since whoever has
 * one address there usually has all of them (RFC 6177).
 */
export function clientOf(address: string): string {
  if (!address.includes(':')) return address;
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7);
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
