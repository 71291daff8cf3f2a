import { readFileSync } from 'node:fs';
import { arch, availableParallelism, hostname, platform, release, totalmem } from 'node:os';
import { type Condition, isStatus, type Lease, type Node } from '../api/index.ts';
import { type Client, refs } from '../client/index.ts';
import { BackOff } from '../lib/back-off.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { formatSeconds } from './pod-status.ts';
import { hostRoom, NodePressure, type Pressure, type PressureType } from './pressure.ts';

export interface RegistrationOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** Address of the node's own server and of the pods' host. */
  readonly address: string;
  readonly port: number;
  readonly version: string;
  readonly runtimeName: string;
  /** Of whose file system the node says whether it is short. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The kubelet's figures. */
const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;
const renewMs = 10_000;
const statusMs = 300_000;
const maxPods = 250;

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** What the node has to give, as quantities. */
export function nodeCapacity(): Readonly<Record<string, string>> {
  return {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(maxPods),
  };
}

/**
 * Registers the Node and keeps its Lease and status fresh until the signal aborts. What the host has
 * become short of, or no longer is, is written within 10 seconds.
 *
 * `registered` is called once the Node is there. Failures are repeated with back-off.
 */
export async function keepRegistered(
  options: RegistrationOptions,
  registered: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = options;
  const failures = new BackOff();
  const pressure = new NodePressure();
  let statusAt = Number.NEGATIVE_INFINITY;
  let written = '';
  let known = false;
  while (!signal.aborted) {
    let delayMs = renewMs;
    try {
      const pressures = pressure.observe(await hostRoom(options.folder), clock.monotonic());
      const text = [...pressures.values()].join();
      if (clock.monotonic() - statusAt >= statusMs || text !== written) {
        await writeNode(options, pressures);
        statusAt = clock.monotonic();
        written = text;
        if (!known) registered();
        known = true;
      }
      await renewLease(options);
      failures.reset();
    } catch (error) {
      if (signal.aborted) return;
      delayMs = failures.next();
      log.warn('Cannot register the node, trying again', { delayMs, error: String(error) });
    }
    await clock.sleep(delayMs, signal).catch(() => undefined);
  }
}

type Pressures = ReadonlyMap<PressureType, Pressure>;

async function writeNode(options: RegistrationOptions, pressures: Pressures): Promise<void> {
  const nodes = options.client.resource(refs.nodes);
  const { nodeName: name } = options;
  const labels = nodeLabels(name, options.runtimeName);
  const found =
    (await nodes.find({ name })) ??
    (await nodes.create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } }));
  if (Object.entries(labels).some(([key, value]) => found.metadata.labels?.[key] !== value)) {
    await nodes.patch({ name }, { metadata: { labels } }, { type: 'merge' });
  }
  const status = nodeStatus(options, found, pressures);
  await nodes.patch({ name }, { status }, { type: 'merge', subresource: 'status' });
}

function nodeLabels(name: string, runtimeName: string): Readonly<Record<string, string>> {
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': platform(),
    'kubernetes.io/arch': architectures[arch()] ?? arch(),
    'nought.dev/runtime': runtimeName,
  };
}

function nodeStatus(
  options: RegistrationOptions,
  found: Node,
  pressures: Pressures,
): NonNullable<Node['status']> {
  const { address, port, version, runtimeName, clock } = options;
  const capacity = nodeCapacity();
  return {
    capacity,
    allocatable: capacity,
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: hostname() },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    conditions: nodeConditions(found, pressures, formatSeconds(clock.now())),
    nodeInfo: {
      kubeletVersion: version,
      kubeProxyVersion: '',
      containerRuntimeVersion: `${runtimeName}://${version.replace(/^v/, '')}`,
      operatingSystem: platform(),
      architecture: architectures[arch()] ?? arch(),
      kernelVersion: release(),
      osImage: osImage(),
      machineID: readLine('/etc/machine-id'),
      systemUUID: '',
      bootID: readLine('/proc/sys/kernel/random/boot_id'),
    },
  };
}

/** In the kubelet's words. */
const pressureWords = {
  MemoryPressure: {
    short: ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
    enough: ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  },
  DiskPressure: {
    short: ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
    enough: ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  },
  PIDPressure: {
    short: ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
    enough: ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  },
} as const;
const unknownWords = ['NotChecked', 'this host does not tell'] as const;

function nodeConditions(found: Node, pressures: Pressures, now: string): readonly Condition[] {
  const wanted = [
    ...[...pressures].map(([type, pressure]) => {
      if (pressure === 'unknown') return [type, 'Unknown', ...unknownWords] as const;
      const status = pressure === 'short' ? 'True' : 'False';
      return [type, status, ...pressureWords[type][pressure]] as const;
    }),
    ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'] as const,
  ];
  return wanted.map(([type, status, reason, message]) => {
    const before = found.status?.conditions?.find((each) => each.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : undefined;
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: lastTransitionTime ?? now,
    };
  });
}

async function renewLease({ client, nodeName, clock }: RegistrationOptions): Promise<void> {
  const leases = client.resource(refs.leases);
  const key = { namespace: leaseNamespace, name: nodeName };
  const spec = {
    holderIdentity: nodeName,
    leaseDurationSeconds: leaseSeconds,
    renewTime: new Date(clock.now()).toISOString().replace('Z', '000Z'),
  };
  try {
    await leases.patch(key, { spec }, { type: 'merge' });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: key,
      spec,
    };
    await leases.create(lease);
  }
}

function osImage(): string {
  const name = /^PRETTY_NAME="?(.*?)"?$/m.exec(readText('/etc/os-release'))?.[1];
  return name ?? platform();
}

function readLine(path: string): string {
  return readText(path).trim();
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
