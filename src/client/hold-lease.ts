import type { Lease } from '../api/index.ts';
import { formatMicroTime, isStatus } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Client, ObjectKey, ResourceClient } from './client.ts';
import { createInformer } from './create-informer.ts';
import type { Informer } from './informer.ts';
import { refs } from './refs.ts';

export interface LeaseOptions {
  readonly client: Client;
  readonly key: Required<ObjectKey>;
  /** Who holds the lease; a holder that comes back under the same identity goes on at once. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Written to the Lease while it is held. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** How long others wait after the last renewal before they take the lease. */
  readonly durationMs?: number;
  /** A holder that could not renew for this long gives up; shorter than `durationMs`. */
  readonly renewDeadlineMs?: number;
  /** How often a holder renews. */
  readonly renewMs?: number;
}

/** One time of holding the lease. */
export interface Term {
  /** Aborts when the lease is lost or is to be given back. */
  readonly signal: AbortSignal;
  /** Grows with each term: a fencing token for what the holder writes. */
  readonly transitions: number;
}

/** Upstream's figures (client-go's leader election). */
const defaults = { durationMs: 15_000, renewDeadlineMs: 10_000, renewMs: 2000, annotations: {} };

/**
 * Calls `work` each time this process holds the Lease (coordination.k8s.io/v1), until `signal`
 * aborts; then gives the lease back. Rejects only as `work` does.
 *
 * Invariants:
 * 1. `work` runs only during a term, and a term ends before another holder's can begin: the term's
 *    signal aborts `renewDeadlineMs` after the last renewal was sent, others wait `durationMs`.
 * 2. The lease is neither taken anew nor given back before `work` has settled.
 * 3. Whether a lease has run out is judged by this process's own monotonic clock since the last
 *    change of the Lease was seen, never by comparing clocks of two machines.
 * 4. Each write is fenced by the resourceVersion of the Lease that was looked at.
 */
export async function holdLease(
  options: LeaseOptions,
  work: (term: Term) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  await new LeaseHolder({ ...defaults, ...options }).run(work, signal);
}

type Resolved = typeof defaults & LeaseOptions;

class LeaseHolder {
  readonly #options: Resolved;
  readonly #resource: ResourceClient<Lease>;
  readonly #copy: Informer<Lease>;
  /** The version of the Lease that was seen last, and when it was first seen. */
  #seen = { version: '', at: 0 };
  #changes = 0;
  #wake: (() => void) | undefined;

  constructor(options: Resolved) {
    if (options.renewDeadlineMs >= options.durationMs) {
      throw new RangeError('Cannot hold a lease: renewDeadlineMs must be less than durationMs');
    }
    this.#options = options;
    this.#resource = options.client.resource(refs.leases);
    this.#copy = createInformer({
      resource: this.#resource,
      namespace: options.key.namespace,
      fieldSelector: `metadata.name=${options.key.name}`,
      clock: options.clock,
      log: options.log,
    });
    const changed = (): void => {
      this.#changes += 1;
      this.#wake?.();
    };
    this.#copy.handle({ added: changed, updated: changed, deleted: changed });
  }

  async run(work: Work, signal: AbortSignal): Promise<void> {
    const watching = new AbortController();
    const watched = this.#copy.run(watching.signal);
    try {
      await this.#copy.synced(signal).catch(() => undefined);
      while (!signal.aborted) {
        const sentAt = this.#options.clock.monotonic();
        const lease = await this.#acquire(signal);
        if (lease !== undefined) await this.#serve({ lease, renewedAt: sentAt }, work, signal);
      }
    } finally {
      watching.abort();
      await watched;
    }
  }

  /** Takes the lease if it is free; else waits for what may free it. */
  async #acquire(signal: AbortSignal): Promise<Lease | undefined> {
    const changes = this.#changes;
    const current = this.#copy.get(this.#options.key);
    const heldMs = this.#heldForMs(current);
    if (heldMs > 0) {
      await this.#change(changes, heldMs, signal);
      return undefined;
    }
    try {
      return await (current === undefined ? this.#create() : this.#take(current));
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isStatus(error, 'Conflict', 'AlreadyExists', 'NotFound')) {
        this.#options.log.warn('Cannot take the lease for now', { error: String(error) });
      }
      // After a lost race our copy is behind, and the change that it lacks wakes us.
      await this.#change(changes, this.#options.renewMs, signal);
      return undefined;
    }
  }

  /** Milliseconds until the lease, seen from here, runs out; 0 when it may be taken. */
  #heldForMs(lease: Lease | undefined): number {
    const { clock, identity, durationMs } = this.#options;
    const holder = lease?.spec?.holderIdentity ?? '';
    if (lease === undefined || holder === '' || holder === identity) return 0;
    const version = lease.metadata.resourceVersion ?? '';
    if (this.#seen.version !== version) this.#seen = { version, at: clock.monotonic() };
    const lastsMs = (lease.spec?.leaseDurationSeconds ?? durationMs / 1000) * 1000;
    return Math.max(0, this.#seen.at + lastsMs - clock.monotonic());
  }

  /** Resolves when the copy has changed since `changes`, after `ms`, or when the signal aborts. */
  async #change(changes: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#changes !== changes) return;
    const done = new AbortController();
    this.#wake = () => done.abort();
    await this.#options.clock
      .sleep(ms, AbortSignal.any([signal, done.signal]))
      .catch(() => undefined);
    this.#wake = undefined;
  }

  async #serve(held: Held, work: Work, signal: AbortSignal): Promise<void> {
    const { log, key, identity } = this.#options;
    const term = new AbortController();
    const stop = (): void => term.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const transitions = held.lease.spec?.leaseTransitions ?? 0;
    log.info('Holding the lease', { lease: key.name, identity, transitions });
    const renewing = this.#renew(held, term);
    try {
      await work({ signal: term.signal, transitions });
    } finally {
      signal.removeEventListener('abort', stop);
      term.abort();
      await this.#release(await renewing);
    }
  }

  /** Renews until the term ends, and ends it when that fails; the Lease as it was written last. */
  async #renew(held: Held, term: AbortController): Promise<Lease> {
    const { clock, renewMs, renewDeadlineMs, log } = this.#options;
    let { lease, renewedAt } = held;
    for (;;) {
      await clock.sleep(renewMs, term.signal).catch(() => undefined);
      if (term.signal.aborted) return lease;
      const sentAt = clock.monotonic();
      const result = await this.#attempt(lease, renewedAt + renewDeadlineMs - sentAt, term.signal);
      if (result.kind === 'renewed') {
        ({ lease } = result);
        renewedAt = sentAt;
      } else if (result.kind === 'lost') {
        log.warn('The lease was taken away', { holder: result.holder });
        term.abort(new Error(`The lease was taken by "${result.holder}"`));
      } else if (clock.monotonic() >= renewedAt + renewDeadlineMs) {
        log.warn('The lease could not be renewed in time');
        term.abort(new Error('The lease could not be renewed in time'));
      }
    }
  }

  /** Tries to renew once, for `ms` at most. */
  async #attempt(lease: Lease, ms: number, signal: AbortSignal): Promise<Attempt> {
    const done = new AbortController();
    const late = this.#options.clock
      .sleep(Math.max(0, ms), AbortSignal.any([signal, done.signal]))
      .catch(() => undefined)
      .then((): Attempt => ({ kind: 'failed' }));
    const result = await Promise.race([this.#renewOnce(lease), late]);
    done.abort();
    return result;
  }

  async #renewOnce(lease: Lease): Promise<Attempt> {
    const { identity, key, clock, log } = this.#options;
    const renewTime = formatMicroTime(clock.now());
    try {
      const spec = { ...lease.spec, renewTime };
      return { kind: 'renewed', lease: await this.#resource.update({ ...lease, spec }) };
    } catch (error) {
      if (!isStatus(error, 'Conflict', 'NotFound')) {
        log.warn('Cannot renew the lease for now', { error: String(error) });
        return { kind: 'failed' };
      }
    }
    // Someone wrote to it, for instance its labels: it is lost only if it is not ours any more.
    try {
      const current = await this.#resource.find(key);
      const holder = current?.spec?.holderIdentity ?? '';
      if (current === undefined || holder !== identity) return { kind: 'lost', holder };
      const spec = { ...current.spec, renewTime };
      return { kind: 'renewed', lease: await this.#resource.update({ ...current, spec }) };
    } catch (error) {
      log.warn('Cannot renew the lease for now', { error: String(error) });
      return { kind: 'failed' };
    }
  }

  /** Gives the lease back so that the next holder need not wait; a failure costs only that wait. */
  async #release(lease: Lease): Promise<void> {
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
    try {
      await this.#resource.update({ ...lease, spec });
    } catch (error) {
      this.#options.log.debug('The lease was not given back', { error: String(error) });
    }
  }

  async #create(): Promise<Lease> {
    const { key, annotations } = this.#options;
    return await this.#resource.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...key, annotations },
      spec: this.#firstSpec(0),
    });
  }

  async #take(lease: Lease): Promise<Lease> {
    const annotations = { ...lease.metadata.annotations, ...this.#options.annotations };
    return await this.#resource.update({
      ...lease,
      metadata: { ...lease.metadata, annotations },
      spec: this.#firstSpec((lease.spec?.leaseTransitions ?? 0) + 1),
    });
  }

  #firstSpec(leaseTransitions: number): NonNullable<Lease['spec']> {
    const { identity, clock, durationMs } = this.#options;
    const now = formatMicroTime(clock.now());
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      acquireTime: now,
      renewTime: now,
      leaseTransitions,
    };
  }
}

type Work = (term: Term) => Promise<void>;

interface Held {
  readonly lease: Lease;
  /** When the write was sent that others count from; monotonic. */
  readonly renewedAt: number;
}

type Attempt =
  | { readonly kind: 'renewed'; readonly lease: Lease }
  | { readonly kind: 'lost'; readonly holder: string }
  | { readonly kind: 'failed' };
