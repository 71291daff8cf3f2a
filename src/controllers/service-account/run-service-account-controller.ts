import { type ConfigMap, isStatus, type KubeObject } from '../../api/index.ts';
import { createInformer, type Informer, refs } from '../../client/index.ts';
import { WorkQueue } from '../../lib/work-queue.ts';
import type { ControllerContext } from '../context.ts';
import { runTogether } from '../../lib/run-together.ts';

export interface ServiceAccountOptions extends ControllerContext {
  /** PEM of the certificates that the API server's own is signed by; without it no ConfigMap. */
  readonly rootCa?: string;
}

const accountName = 'default';
const rootCaName = 'kube-root-ca.crt';
const rootCaKey = 'ca.crt';
const workers = 4;

/**
 * Keeps in each namespace that is not being deleted the ServiceAccount `default` and the ConfigMap
 * `kube-root-ca.crt`, until the signal aborts.
 */
export async function runServiceAccountController(
  options: ServiceAccountOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, informers, rootCa } = options;
  const log = options.log.child({ controller: 'service-account' });
  const accounts = createInformer({
    resource: client.resource(refs.serviceaccounts),
    fieldSelector: `metadata.name=${accountName}`,
    clock,
    log,
  });
  const configMaps = createInformer({
    resource: client.resource(refs.configmaps),
    fieldSelector: `metadata.name=${rootCaName}`,
    clock,
    log,
  });
  const queue = new WorkQueue({ clock, log, concurrency: workers }, async (namespace) => {
    const owner = informers.namespaces.get({ name: namespace });
    if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return;
    await keepAccount(options, accounts, namespace);
    if (rootCa !== undefined) await keepRootCa(options, configMaps, { namespace, rootCa });
  });
  const lookIn = ({ metadata }: KubeObject): void => queue.add(metadata.namespace ?? '');
  const look = ({ metadata }: KubeObject): void => queue.add(metadata.name);
  const removers = [
    informers.namespaces.handle({ added: look, updated: look }),
    accounts.handle({ deleted: lookIn }),
    configMaps.handle({ updated: lookIn, deleted: lookIn }),
  ];
  const work = async (running: AbortSignal): Promise<void> => {
    const copies = [informers.namespaces, accounts, configMaps];
    await Promise.all(copies.map((copy) => copy.synced(running)));
    await queue.run(running);
  };
  try {
    await runTogether(
      [work, (running) => accounts.run(running), (running) => configMaps.run(running)],
      signal,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const remove of removers) remove();
  }
}

async function keepAccount(
  { client }: ControllerContext,
  accounts: Informer<KubeObject>,
  namespace: string,
): Promise<void> {
  if (accounts.get({ namespace, name: accountName }) !== undefined) return;
  await create(() =>
    client.resource(refs.serviceaccounts).create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: accountName, namespace },
    }),
  );
}

async function keepRootCa(
  { client }: ControllerContext,
  configMaps: Informer<ConfigMap>,
  { namespace, rootCa }: { readonly namespace: string; readonly rootCa: string },
): Promise<void> {
  const resource = client.resource(refs.configmaps);
  const present = configMaps.get({ namespace, name: rootCaName });
  const data = { [rootCaKey]: rootCa };
  if (present?.data?.[rootCaKey] === rootCa) return;
  if (present !== undefined) {
    await resource.update({ ...present, data });
    return;
  }
  const annotations = {
    'kubernetes.io/description':
      'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
  };
  await create(() =>
    resource.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: rootCaName, namespace, annotations },
      data,
    }),
  );
}

async function create(write: () => Promise<KubeObject>): Promise<void> {
  try {
    await write();
  } catch (error) {
    // Someone was faster, or the namespace is on its way out.
    if (isStatus(error, 'AlreadyExists', 'NotFound', 'Forbidden')) return;
    throw error;
  }
}
