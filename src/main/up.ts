import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { GatewayTls } from '../gateway/index.ts';
import { systemClock } from '../lib/clock.ts';
import { randomIds } from '../lib/ids.ts';
import type { ControlPlaneConfig, GatewayConfig, NodeAgentConfig } from './config.ts';
import { type Credentials, loadCredentials } from './credentials.ts';
import { choosePort } from './free-port.ts';
import { type Home, homeRoot, prepareHome, writeAtomically } from './home.ts';
import { lockHome } from './home-lock.ts';
import { kubeconfig } from './kubeconfig.ts';
import { otelVariables } from './otel-variables.ts';
import { entryPath, packageVersion } from './package-paths.ts';
import { gatewayCertificate, loadPki, type Pki } from './pki.ts';
import { reclaim, type SupervisedChild, Supervisor } from './supervisor.ts';
import type { UpFlags } from './up-flags.ts';

/** Where the platform can be reached; also the content of endpoints.json. */
export interface Endpoints {
  readonly apiServer: string;
  readonly gateway: string;
  /** The port for TLS, if there is one. */
  readonly gatewayTls?: string;
  readonly pid: number;
  readonly kubeconfig: string;
  /** Metrics of each gateway process, with --metrics-port. */
  readonly metrics?: readonly string[];
}

export interface UpIo {
  readonly env: NodeJS.ProcessEnv;
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
  /** Aborts when the platform is to stop. */
  readonly signal: AbortSignal;
  /** Aborts when it is to stop at once. */
  readonly kill: AbortSignal;
}

const host = '127.0.0.1';
/** Grace of each process when the platform stops, in milliseconds. */
const graceMs = { gateway: 15_000, nodeAgent: 15_000, controlPlane: 10_000 };

/**
 * Runs the platform on a home until the signal aborts; resolves when nothing of it runs any more.
 *
 * `ready` is called once with the endpoints. Throws HomeError, or an error of a process that cannot
 * start; then nothing is left running either.
 */
export async function up(
  flags: UpFlags,
  io: UpIo,
  ready: (endpoints: Endpoints, home: Home) => void,
): Promise<void> {
  const startedAt = systemClock.monotonic();
  const home = prepareHome(homeRoot(flags.home, io.env));
  await using lock = await lockHome(home.root);
  void lock;
  rmSync(home.endpoints, { force: true });
  const gateways = gatewayNames(flags.gateways);
  const left = await reclaim(home.run, systemClock);
  if (left.length > 0) io.error(`Ended what a crash had left running: ${left.join(', ')}`);
  const supervisor = new Supervisor({
    clock: systemClock,
    run: home.run,
    logs: home.logs,
    env: childEnvironment(io.env),
    notice: io.error,
  });
  io.kill.addEventListener('abort', () => supervisor.kill());
  let children: Children | undefined;
  try {
    const start = (name: string, entry: string, grace: number): SupervisedChild =>
      supervisor.start({ name, entry: entryPath(entry), execArgv: [], graceMs: grace });
    children = {
      controlPlane: start('control-plane', 'control-plane', graceMs.controlPlane),
      nodeAgent: start('node-agent', 'node-agent', graceMs.nodeAgent),
      gateways: gateways.map((name) => start(name, 'gateway', graceMs.gateway)),
    };
    const endpoints = await startAll({ flags, home, io }, children);
    if (endpoints !== undefined) {
      // First the lines: a script that waits for the file may look for them next.
      announce(io, endpoints, (systemClock.monotonic() - startedAt) / 1000);
      writeAtomically(home.endpoints, `${JSON.stringify(endpoints, null, 2)}\n`, 0o600);
      ready(endpoints, home);
      if (!io.signal.aborted) await once(io.signal, 'abort');
    }
  } finally {
    if (children !== undefined && !io.kill.aborted) await endLeftPods(children, home);
    await supervisor.stop();
    rmSync(home.endpoints, { force: true });
  }
}

/** A start that was given up must not leave the pods of a life before that crashed. */
async function endLeftPods({ nodeAgent }: Children, home: Home): Promise<void> {
  if (nodeAgent.configured) return;
  const config: NodeAgentConfig = { kind: 'sweep', folder: home.pods };
  await nodeAgent.configure(config).catch(() => undefined);
}

/** What is to be started, and where. */
interface Start {
  readonly flags: UpFlags;
  readonly home: Home;
  readonly io: UpIo;
}

interface Children {
  readonly controlPlane: SupervisedChild;
  readonly nodeAgent: SupervisedChild;
  readonly gateways: readonly SupervisedChild[];
}

/** Undefined when the user asked to stop before all was ready. */
async function startAll(start: Start, children: Children): Promise<Endpoints | undefined> {
  const { signal } = start.io;
  const stopped = once(signal, 'abort').then(() => undefined);
  const started = configureAll(start, children);
  started.catch(() => undefined);
  return signal.aborted ? undefined : Promise.race([started, stopped]);
}

async function configureAll({ flags, home, io }: Start, children: Children): Promise<Endpoints> {
  const { signal } = io;
  const credentials = loadCredentials(home.credentials, randomIds);
  const [pki, port, gatewayPort, tls, metricsPorts] = await Promise.all([
    certificates(home),
    choosePort(host, flags.port),
    choosePort(host, flags.gatewayPort),
    tlsOf(flags, home),
    metricsPortsOf(flags),
  ]);
  const version = packageVersion();
  const gatewayUrl = `http://${host}:${gatewayPort}`;
  const controlPlane: ControlPlaneConfig = {
    host,
    port,
    pki,
    users: [credentials.admin, credentials.gateway, credentials.node],
    nodeApiToken: credentials.nodeApi.token,
    store: flags.store,
    storeFolder: home.store,
    gatewayUrl,
    gateways: children.gateways.map((_, index) => gatewayId(index)),
    warmPool: flags.warmPool,
    hpaSyncPeriodMs: flags.hpaSyncPeriodMs,
    version,
  };
  await children.controlPlane.configure(controlPlane);
  signal.throwIfAborted();
  const server = `https://${host}:${port}`;
  writeAtomically(home.kubeconfig, adminKubeconfig(server, pki, credentials), 0o600);
  const nodeAgent: NodeAgentConfig = {
    kind: 'run',
    api: { server, ca: pki.ca, token: credentials.node.token },
    nodeName: nodeName(),
    folder: home.pods,
    pki,
    apiToken: credentials.nodeApi.token,
    version,
  };
  const gateway = (index: number): GatewayConfig => ({
    api: { server, ca: pki.ca, token: credentials.gateway.token },
    host,
    port: gatewayPort,
    reusePort: children.gateways.length > 1,
    gateway: gatewayId(index),
    tls,
    limits: flags.clients.limits,
    accessLog:
      flags.accessLog === undefined
        ? undefined
        : {
            format: flags.accessLog,
            path: join(home.logs, `${gatewayNames(flags.gateways)[index]}.access.log`),
          },
    metrics: metricsPorts === undefined ? undefined : { host, port: metricsPorts[index] ?? 0 },
    otel: otelVariables(io.env),
  });
  await Promise.all([
    children.nodeAgent.configure(nodeAgent),
    ...children.gateways.map((child, index) => child.configure(gateway(index))),
  ]);
  return {
    apiServer: server,
    gateway: gatewayUrl,
    ...(tls === undefined ? {} : { gatewayTls: `https://${host}:${tls.port}` }),
    pid: process.pid,
    kubeconfig: home.kubeconfig,
    ...(metricsPorts === undefined
      ? {}
      : { metrics: metricsPorts.map((each) => `http://${host}:${each}/metrics`) }),
  };
}

/** Where the gateways serve TLS, and with which certificate; undefined for no TLS. */
async function tlsOf(flags: UpFlags, home: Home): Promise<GatewayTls | undefined> {
  const { tls } = flags.clients;
  if (tls === undefined) return undefined;
  return { port: await choosePort(host, tls.port), ...(tls.files ?? gatewayCertificate(home.pki)) };
}

/** The ports of the gateways' metrics, in their order; undefined for none. */
async function metricsPortsOf(flags: UpFlags): Promise<readonly number[] | undefined> {
  const { metricsPort: first, gateways } = flags;
  if (first === undefined) return undefined;
  return await Promise.all(
    Array.from({ length: gateways }, (_, index) =>
      choosePort(host, first === 0 ? 0 : first + index),
    ),
  );
}

/** The home's certificates; the first start has another process make them. */
async function certificates(home: Home): Promise<Pki> {
  const present = loadPki(home.pki);
  if (present !== undefined) return present;
  const child = spawn(process.execPath, [entryPath('certificates'), home.pki], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  const made = code === 0 ? loadPki(home.pki) : undefined;
  if (made === undefined) throw new Error(`Cannot make certificates in "${home.pki}"`);
  return made;
}

function adminKubeconfig(server: string, pki: Pki, { admin }: Credentials): string {
  return kubeconfig({ server, ca: pki.ca, user: admin.user, token: admin.token });
}

function gatewayNames(count: number): readonly string[] {
  return count === 1
    ? ['gateway']
    : Array.from({ length: count }, (_, index) => `gateway-${index + 1}`);
}

/** How a gateway calls itself before the autoscaler: the same after a restart. */
function gatewayId(index: number): string {
  return `${nodeName()}-${index}`;
}

/** A DNS-1123 subdomain, as node names must be. */
function nodeName(): string {
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 63);
  return name === '' ? 'node' : name;
}

/** The processes get only what they need of the user's environment; pods get nothing of it. */
function childEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'TZ', 'NOUGHT_LOG_LEVEL'];
  return Object.fromEntries(
    kept.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

function announce(io: UpIo, endpoints: Endpoints, seconds: number): void {
  io.out(`API server  ${endpoints.apiServer}`);
  io.out(`gateway     ${endpoints.gateway}`);
  if (endpoints.gatewayTls !== undefined) io.out(`gateway TLS ${endpoints.gatewayTls}`);
  io.out(`kubeconfig  ${endpoints.kubeconfig}`);
  for (const url of endpoints.metrics ?? []) io.out(`metrics     ${url}`);
  io.out(`Ready in ${seconds.toFixed(2)} s; Ctrl-C stops everything`);
}
