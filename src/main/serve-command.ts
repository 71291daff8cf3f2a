import { homedir, hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { createClient, httpTransport, type Kubeconfig, loadKubeconfig } from '../client/index.ts';
import { FunctionsMetrics, runFunctions } from '../functions/index.ts';
import { type AccessLogFormat, runGateway } from '../gateway/index.ts';
import { systemClock } from '../lib/clock.ts';
import { randomIds } from '../lib/ids.ts';
import { runTogether } from '../lib/run-together.ts';
import { choosePort } from './free-port.ts';
import { gatewayTelemetry } from './gateway-telemetry.ts';
import { type GatewayFlags, gatewayFlagOptions, parseGatewayFlags } from './gateway-flags.ts';
import { openLifetime } from './lifetime.ts';
import { packageVersion } from './package-paths.ts';
import { createLog } from './process-log.ts';
import { parsePort } from './number-flag.ts';
import { parseAccessLog, parseWarmPool } from './up-flags.ts';
import { UsageError } from './usage-error.ts';

export const serveUsage = `Run the serverless layer alone, against an existing cluster.

Usage:
  nought serve [flags]

Flags:
  --kubeconfig FILE     the cluster (default $KUBECONFIG, $NOUGHT_HOME/kubeconfig, ~/.kube/config)
  --context NAME        a context of the kubeconfig (default its current one)
  --host ADDRESS        where the gateway and the autoscaler listen (default 127.0.0.1)
  --gateway-port PORT   port of the gateway (default 8080, 0 picks a free one)
  --gateway-tls-port P  a second port of the gateway for TLS, with HTTP/2 (0 picks a free one)
  --gateway-tls-cert FILE, --gateway-tls-key FILE
                        PEM files for it, read again when they change
  --max-body-bytes N    largest body of a call (default: no limit, for bodies are streamed)
  --max-connections-per-client N
                        connections of one client address (default 4096)
  --warm-pool N         the most pods that are kept booted for functions of one namespace and runtime
                        (default 32; how many there are follows the calls); off: none
  --access-log FORMAT   one line per call on standard output, as json or combined
  --metrics-port PORT   metrics at http://HOST:PORT/metrics too, not only at the gateway's /-/metrics
  --gateway-url URL     the gateway as pods reach it (default http://HOST:PORT)
  -h, --help            this text

The cluster must know the kind Function: kubectl apply -f deploy/crds
`;

interface ServeFlags {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly url: string | undefined;
  readonly clients: GatewayFlags;
  readonly warmPool: number;
  readonly accessLog: AccessLogFormat | undefined;
  readonly metricsPort: number | undefined;
}

/** `nought serve`: functions, autoscaler and one gateway in this process. */
export async function serveCommand(args: readonly string[]): Promise<number> {
  let flags: ServeFlags | 'help';
  try {
    flags = parseServeFlags(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nRun "nought serve --help" for its flags.\n`);
    return 2;
  }
  if (flags === 'help') {
    process.stdout.write(serveUsage);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort(new Error(signal));
    });
  }
  try {
    const cluster = await loadKubeconfig({
      ...(flags.kubeconfig === undefined ? {} : { path: flags.kubeconfig }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
      env: process.env,
      home: homedir(),
    });
    await serve(flags, cluster, stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    process.stderr.write(`Cannot serve: ${(error as Error).message}\n`);
    return 1;
  }
}

async function serve(flags: ServeFlags, cluster: Kubeconfig, signal: AbortSignal): Promise<void> {
  const { host } = flags;
  const port = await choosePort(host, flags.port);
  const log = createLog('serve');
  using transport = httpTransport({ ...cluster.access, userAgent: 'nought-serve' });
  using lifetime = openLifetime();
  const client = createClient(transport, lifetime.signal);
  await client.raw({ method: 'GET', path: '/apis/nought.dev/v1' });
  const shared = { client, clock: systemClock, ids: randomIds, log };
  const identity = `${hostname()}-${process.pid}`;
  const metrics = new FunctionsMetrics();
  const { accessLog: format, metricsPort } = flags;
  const told = {
    accessLog: format === undefined ? undefined : { format, path: undefined },
    metrics: metricsPort === undefined ? undefined : { host, port: metricsPort },
    otel: process.env,
  };
  const { tls, limits } = flags.clients;
  const gatewayUrl = flags.url ?? `http://${host}:${port}`;
  await runTogether(
    [
      (running) =>
        runFunctions(
          {
            ...shared,
            gatewayUrl,
            runtimeVersion: packageVersion(),
            metrics,
            warmPool: flags.warmPool,
            listen: { host, port: 0 },
            identity,
          },
          running,
        ),
      (running) =>
        runGateway(
          {
            ...shared,
            host,
            port,
            gateway: identity,
            limits,
            ...(tls?.files === undefined ? {} : { tls: { port: tls.port, ...tls.files } }),
            telemetry: { ...gatewayTelemetry(told, log), moreMetrics: () => metrics.text() },
            onListening: (_, secure) => {
              process.stdout.write(`gateway     ${gatewayUrl}\n`);
              if (secure !== undefined) {
                process.stdout.write(`gateway TLS https://${host}:${secure.port}\n`);
              }
            },
          },
          running,
        ),
    ],
    signal,
  );
}

function parseServeFlags(args: readonly string[]): ServeFlags | 'help' {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        kubeconfig: { type: 'string' },
        context: { type: 'string' },
        host: { type: 'string' },
        'gateway-port': { type: 'string' },
        'gateway-url': { type: 'string' },
        'warm-pool': { type: 'string' },
        'access-log': { type: 'string' },
        'metrics-port': { type: 'string' },
        ...gatewayFlagOptions,
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  if (values.help === true) return 'help';
  const clients = parseGatewayFlags(values);
  if (clients.tls !== undefined && clients.tls.files === undefined) {
    throw new UsageError(
      'Cannot use --gateway-tls-port: --gateway-tls-cert and --gateway-tls-key are missing',
    );
  }
  return {
    clients,
    kubeconfig: values.kubeconfig,
    context: values.context,
    host: values.host ?? '127.0.0.1',
    port: parsePort('--gateway-port', values['gateway-port'] ?? '8080'),
    url: values['gateway-url'],
    warmPool: parseWarmPool(values['warm-pool']),
    accessLog: parseAccessLog(values['access-log']),
    metricsPort:
      values['metrics-port'] === undefined
        ? undefined
        : parsePort('--metrics-port', values['metrics-port']),
  };
}
