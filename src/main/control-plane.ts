import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isStatus, type KubeObject } from '../api/index.ts';
import { openApiServer, type User } from '../apiserver/index.ts';
import { type Client, createClient, type ResourceRef } from '../client/index.ts';
import { EarlyPlacement, runControllers } from '../controllers/index.ts';
import { FunctionsMetrics, runFunctions } from '../functions/index.ts';
import { systemClock } from '../lib/clock.ts';
import { randomIds } from '../lib/ids.ts';
import { ProcessMetrics } from '../lib/process-metrics.ts';
import { openLmdbStore, openMemoryStore, type Store } from '../store/index.ts';
import { type ChildContext, runAsChild } from './child-main.ts';
import type { ControlPlaneConfig } from './config.ts';
import { openLifetime } from './lifetime.ts';
import { packagePath } from './package-paths.ts';
import { runTogether } from '../lib/run-together.ts';

const controllerUser: User = {
  name: 'system:nought:control-plane',
  groups: ['system:masters', 'system:authenticated'],
};

/** The process that holds the store, the API server, the controllers and the autoscaler. */
async function controlPlane(config: ControlPlaneConfig, context: ChildContext): Promise<void> {
  const { log, signal } = context;
  const metrics = new FunctionsMetrics();
  using own = new ProcessMetrics();
  await using store = await openStore(config);
  const placement = new EarlyPlacement();
  await using server = await openApiServer({
    store,
    clock: systemClock,
    ids: randomIds,
    log,
    tokens: new Map(config.users.map(({ token, user, groups }) => [token, { name: user, groups }])),
    nodeLogs: { ca: config.pki.ca, token: config.nodeApiToken },
    placement,
    moreMetrics: () => metrics.text() + own.text(),
    softwareVersion: config.version,
  });
  await server.bootstrap();
  // Leases are given back after the components were told to stop.
  using lifetime = openLifetime();
  const client = createClient(server.inProcess(controllerUser), lifetime.signal);
  await installKinds(client);
  const { url } = await server.listen({
    host: config.host,
    port: config.port,
    tls: { cert: config.pki.cert, key: config.pki.key },
  });
  const shared = { client, clock: systemClock, ids: randomIds, log };
  context.ready({ url });
  await runTogether(
    [
      (running) => server.run(running),
      (running) => {
        const { pki, hpaSyncPeriodMs } = config;
        return runControllers({ ...shared, placement, rootCa: pki.ca, hpaSyncPeriodMs }, running);
      },
      (running) =>
        runFunctions(
          {
            ...shared,
            gatewayUrl: config.gatewayUrl,
            gateways: config.gateways,
            warmPool: config.warmPool,
            runtimeVersion: config.version,
            metrics,
            listen: { host: config.host, port: 0 },
            identity: 'nought-control-plane',
          },
          running,
        ),
    ],
    signal,
  );
}

function openStore(config: ControlPlaneConfig): Promise<Store> | Store {
  switch (config.store) {
    case 'lmdb':
      return openLmdbStore({ path: config.storeFolder });
    case 'memory':
      return openMemoryStore();
  }
}

const crds: ResourceRef<KubeObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** Creates the project's own kinds, or brings them to this version: the manifests of a real cluster. */
async function installKinds(client: Client): Promise<void> {
  const { parse } = await import('yaml');
  const folder = packagePath('deploy/crds');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const crd = parse(readFileSync(join(folder, file), 'utf8')) as KubeObject;
    const resource = client.resource(crds);
    try {
      await resource.create(crd);
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      const { metadata, ...rest } = crd;
      await resource.patch({ name: metadata.name }, rest, { type: 'merge' });
    }
  }
}

runAsChild('control-plane', controlPlane);
