import { parseQuantity } from '../quantity.ts';

/**
 * Defaults of pods that upstream keeps in code (kk pkg/apis/core/v1/defaults.go), not in its OpenAPI
 * document. Functions take and give JSON of a checked type and leave their input as it is.
 */
type Members = Readonly<Record<string, unknown>>;
type Change = (item: Members) => Members;

/** The spec of a pod or of a pod template. */
export function defaultPodSpec(spec: Members): Members {
  const account = spec['serviceAccountName'] ?? spec['serviceAccount'];
  const out: Record<string, unknown> = {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    ...withoutEmpty(spec, ['restartPolicy', 'dnsPolicy', 'schedulerName']),
    ...(account ? { serviceAccountName: account, serviceAccount: account } : {}),
  };
  const hostNetwork = spec['hostNetwork'] === true;
  const container: Change = (one) => defaultContainer(one, hostNetwork);
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    setItems(out, list, container);
  }
  setItems(out, 'volumes', defaultVolume);
  return out;
}

/** What only pods get, and templates do not: service links, and requests from limits. */
export function defaultPodOnly(spec: Members): Members {
  const out: Record<string, unknown> = { enableServiceLinks: true, ...spec };
  setItems(out, 'containers', requestsFromLimits);
  setItems(out, 'initContainers', requestsFromLimits);
  return out;
}

/** Best effort, burstable or guaranteed, from the requests and limits of all containers. */
export function qosClass(spec: Members): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const containers = [...items(spec['containers']), ...items(spec['initContainers'])];
  let any = false;
  let guaranteed = true;
  for (const container of containers) {
    const resources = members(container['resources']);
    const requests = members(resources['requests']);
    const limits = members(resources['limits']);
    for (const name of ['cpu', 'memory']) {
      if (!isZero(requests[name]) || !isZero(limits[name])) any = true;
      if (isZero(limits[name]) || String(requests[name] ?? limits[name]) !== String(limits[name])) {
        guaranteed = false;
      }
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function isZero(quantity: unknown): boolean {
  if (typeof quantity !== 'string' && typeof quantity !== 'number') return true;
  return parseQuantity(String(quantity)).compare(parseQuantity('0')) === 0;
}

function defaultContainer(container: Members, hostNetwork: boolean): Members {
  const out: Record<string, unknown> = {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: pullPolicy(container['image']),
    ...withoutEmpty(container, [
      'terminationMessagePath',
      'terminationMessagePolicy',
      'imagePullPolicy',
    ]),
    resources: canonicalResources(members(container['resources'])),
  };
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (out[probe] !== undefined) out[probe] = defaultProbe(members(out[probe]));
  }
  if (out['lifecycle'] !== undefined) {
    const lifecycle: Record<string, unknown> = { ...members(out['lifecycle']) };
    for (const when of ['postStart', 'preStop']) {
      if (lifecycle[when] !== undefined) lifecycle[when] = defaultHandler(members(lifecycle[when]));
    }
    out['lifecycle'] = lifecycle;
  }
  setItems(out, 'ports', (port) => ({
    protocol: 'TCP',
    ...withoutEmpty(port, ['protocol']),
    ...(hostNetwork && port['hostPort'] === undefined ? { hostPort: port['containerPort'] } : {}),
  }));
  setItems(out, 'env', (variable) => {
    const from = variable['valueFrom'];
    return from === undefined
      ? variable
      : { ...variable, valueFrom: defaultFieldRef(members(from)) };
  });
  return out;
}

/** Quantities as upstream writes them back: `0.5` is `500m`, `1024Mi` is `1Gi`. */
function canonicalResources(resources: Members): Members {
  const out: Record<string, unknown> = { ...resources };
  for (const list of ['limits', 'requests']) {
    if (out[list] === undefined) continue;
    const quantities = Object.entries(members(out[list]));
    out[list] = Object.fromEntries(
      quantities.map(([name, value]) => [name, canonicalQuantity(value)]),
    );
  }
  return out;
}

function canonicalQuantity(value: unknown): unknown {
  return typeof value === 'string' || typeof value === 'number'
    ? parseQuantity(String(value)).toString()
    : value;
}

/** Always for an image without a tag or with the tag `latest`, unless a digest pins it. */
function pullPolicy(image: unknown): 'Always' | 'IfNotPresent' {
  if (typeof image !== 'string') return 'Always';
  if (image.includes('@')) return 'IfNotPresent';
  const tag = image.slice(image.lastIndexOf('/') + 1).split(':')[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Members): Members {
  const counts: Record<string, unknown> = {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  };
  for (const [name, value] of Object.entries(counts)) counts[name] = probe[name] || value;
  return { ...defaultHandler(probe), ...counts };
}

function defaultHandler(handler: Members): Members {
  const { httpGet, grpc } = handler;
  return {
    ...handler,
    ...(httpGet === undefined
      ? {}
      : {
          httpGet: {
            path: '/',
            scheme: 'HTTP',
            ...withoutEmpty(members(httpGet), ['path', 'scheme']),
          },
        }),
    ...(grpc === undefined ? {} : { grpc: { service: '', ...members(grpc) } }),
  };
}

function defaultFieldRef(source: Members): Members {
  return source['fieldRef'] === undefined
    ? source
    : { ...source, fieldRef: { apiVersion: 'v1', ...members(source['fieldRef']) } };
}

const defaultMode = 0o644;

function defaultVolume(volume: Members): Members {
  if (Object.keys(volume).every((key) => key === 'name')) return { ...volume, emptyDir: {} };
  const out: Record<string, unknown> = { ...volume };
  for (const source of ['configMap', 'secret', 'downwardAPI', 'projected']) {
    if (out[source] !== undefined) out[source] = { defaultMode, ...members(out[source]) };
  }
  if (out['hostPath'] !== undefined) out['hostPath'] = { type: '', ...members(out['hostPath']) };
  if (out['downwardAPI'] !== undefined)
    out['downwardAPI'] = withFieldRefs(members(out['downwardAPI']));
  if (out['projected'] !== undefined) {
    const projected: Record<string, unknown> = { ...members(out['projected']) };
    setItems(projected, 'sources', defaultProjection);
    out['projected'] = projected;
  }
  return out;
}

const tokenLifetimeSeconds = 3600;

function defaultProjection(source: Members): Members {
  const { downwardAPI, serviceAccountToken } = source;
  return {
    ...source,
    ...(downwardAPI === undefined ? {} : { downwardAPI: withFieldRefs(members(downwardAPI)) }),
    ...(serviceAccountToken === undefined
      ? {}
      : {
          serviceAccountToken: {
            expirationSeconds: tokenLifetimeSeconds,
            ...members(serviceAccountToken),
          },
        }),
  };
}

function withFieldRefs(downward: Members): Members {
  const out: Record<string, unknown> = { ...downward };
  setItems(out, 'items', defaultFieldRef);
  return out;
}

function requestsFromLimits(container: Members): Members {
  const resources = members(container['resources']);
  if (resources['limits'] === undefined) return container;
  const requests = { ...members(resources['limits']), ...members(resources['requests']) };
  return { ...container, resources: { ...resources, requests } };
}

/** The members without those of `names` that are empty texts: to Go these are absent. */
function withoutEmpty(from: Members, names: readonly string[]): Members {
  if (!names.some((name) => from[name] === '')) return from;
  return Object.fromEntries(
    Object.entries(from).filter(([name, value]) => value !== '' || !names.includes(name)),
  );
}

function setItems(target: Record<string, unknown>, name: string, change: Change): void {
  if (target[name] !== undefined) target[name] = items(target[name]).map(change);
}

function items(value: unknown): readonly Members[] {
  return (value ?? []) as readonly Members[];
}

function members(value: unknown): Members {
  return (value ?? {}) as Members;
}
