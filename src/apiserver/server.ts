import { builtinDescriptors, resourceMetricsDescriptors } from '../api/index.ts';
import { runTogether } from '../lib/run-together.ts';
import { aborted } from '../lib/wait.ts';
import { NamespaceGate } from './admission/namespace-gate.ts';
import { tokenAuthenticator } from './auth/authenticator.ts';
import { mastersOnly } from './auth/authorizer.ts';
import { Compactor } from './background/compact.ts';
import { every } from './background/every.ts';
import { expireEvents } from './background/expire-events.ts';
import { finalizeCrds } from './background/finalize-crds.ts';
import { createSystemNamespaces } from './bootstrap.ts';
import type { Engine } from './engine.ts';
import { listenHttps, type Listener, type ListenOptions } from './http/listen.ts';
import { inProcessTransport, type InProcessTransport } from './in-process.ts';
import { defaultLimits, type ApiServerOptions } from './options.ts';
import { CustomResources, crdGroup, crdPlural, crdPrefix } from './registry/custom-resources.ts';
import { Registry } from './registry/registry.ts';
import type { User } from './request.ts';
import { Dispatcher } from './routing/dispatch.ts';
import { EventHub } from './storage/event-hub.ts';
import { listObjects } from './storage/list-objects.ts';
import { ObjectStore } from './storage/object-store.ts';

const compactPeriodMs = 60_000;
const expirePeriodMs = 5 * 60_000;
/** How often watchers that want bookmarks get one. */
const progressPeriodMs = 60_000;

/**
 * A Kubernetes API server over a store.
 *
 * Requests are answered as soon as it is open; `run` does the housekeeping beside them.
 */
export interface ApiServer extends AsyncDisposable {
  /** Serves HTTPS. May be called more than once, for several addresses. */
  listen(options: ListenOptions): Promise<Listener>;
  /** A transport for clients in this process, as the given user. */
  inProcess(user: User): InProcessTransport;
  /**
   * Compacts history, expires Events, finishes deletions of CRDs, until the signal aborts. Rejects
   * when the store cannot be followed any more.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Creates the namespaces that every cluster has, where they are missing. */
  bootstrap(): Promise<void>;
}

/** Opens a server on a store, which stays the caller's to close. */
export async function openApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const softwareVersion = options.softwareVersion ?? 'dev';
  const engine = makeEngine(options, softwareVersion);
  const stopped = new AbortController();
  await loadCrds(engine);
  const following = engine.hub.run(stopped.signal);
  // `run` rejects with it.
  following.catch(() => undefined);
  const dispatcher = new Dispatcher(engine, softwareVersion);
  const authenticator = tokenAuthenticator(options.tokens);
  const listeners = new Set<Listener>();
  return {
    listen: async (where) => {
      const { log, limits } = engine;
      const deps = { dispatcher, authenticator, bodyLimitBytes: limits.bodyBytes, log };
      const listener = await listenHttps(deps, where);
      listeners.add(listener);
      return listener;
    },
    inProcess: (user) => inProcessTransport(dispatcher, user, stopped.signal),
    run: (signal) =>
      runTogether(
        [
          (running) => Promise.race([following, aborted(running)]),
          (running) => housekeeping(engine, running),
        ],
        AbortSignal.any([signal, stopped.signal]),
      ),
    bootstrap: () => createSystemNamespaces(engine, stopped.signal),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...listeners].map((listener) => listener.close()));
      stopped.abort();
      await Promise.allSettled([following]);
    },
  };
}

function makeEngine(options: ApiServerOptions, softwareVersion: string): Engine {
  const { store, clock, ids, log, nodeLogs, placement } = options;
  const computed = nodeLogs === undefined ? [] : resourceMetricsDescriptors;
  const registry = new Registry([...builtinDescriptors, ...computed], softwareVersion);
  return {
    store,
    clock,
    ids,
    log,
    nodeLogs,
    placement,
    moreMetrics: options.moreMetrics ?? (() => ''),
    registry,
    objects: new ObjectStore(store),
    hub: new EventHub(store, log),
    customResources: new CustomResources(registry, clock),
    namespaces: new NamespaceGate(store),
    authorizer: options.authorizer ?? mastersOnly,
    limits: { ...defaultLimits, ...options.limits },
  };
}

/** Serves the kinds of all CRDs that are there, and of those to come. */
async function loadCrds(engine: Engine): Promise<void> {
  const { registry, customResources, hub, store } = engine;
  const resource = registry.find(crdGroup, 'v1', crdPlural);
  if (resource === undefined) return;
  hub.listen(crdPrefix, (event) => customResources.observe(event, resource));
  const { items } = await listObjects(store, {
    resource,
    prefix: crdPrefix,
    start: crdPrefix,
    revision: undefined,
    limit: undefined,
    matches: undefined,
  });
  for (const stored of items) customResources.written(stored);
}

async function housekeeping(engine: Engine, signal: AbortSignal): Promise<void> {
  const { clock, log, store, hub } = engine;
  const compactor = new Compactor(store, clock);
  const repeat = (name: string, periodMs: number, work: () => Promise<void> | void) =>
    every({ clock, log, name, periodMs }, signal, work);
  await Promise.all([
    repeat('Compaction', compactPeriodMs, () => compactor.compact()),
    repeat('Expiry of events', expirePeriodMs, () => expireEvents(engine)),
    repeat('Progress of watches', progressPeriodMs, () => hub.announceProgress()),
    finalizeCrds(engine, signal),
  ]);
}
