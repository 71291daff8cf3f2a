import {
  type Client,
  createClient,
  httpTransport,
  type Kubeconfig,
  loadKubeconfig,
} from '../client/index.ts';
import { CommandError, type CommandIo } from './command.ts';

/** The flags that pick a cluster and a namespace, the same on each command. */
export interface ClusterFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

export const clusterFlagOptions = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
} as const;

export const clusterFlagsHelp = `  -n, --namespace NS    the namespace (default that of the context, else default)
      --kubeconfig F    the cluster (default $KUBECONFIG, $NOUGHT_HOME/kubeconfig, ~/.kube/config)
      --context NAME    a context of the kubeconfig (default its current one)`;

/** Reads the kubeconfig that the flags name; throws CommandError that says what is wrong with it. */
export async function readCluster(flags: ClusterFlags, io: CommandIo): Promise<Kubeconfig> {
  try {
    return await loadKubeconfig({
      ...(flags.kubeconfig === undefined ? {} : { path: flags.kubeconfig }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
      env: io.env,
      home: io.home,
    });
  } catch (error) {
    throw new CommandError((error as Error).message, { cause: error });
  }
}

/** A client of the cluster that keeps its connections until it is disposed of. */
export function clusterClient(
  cluster: Kubeconfig,
  signal: AbortSignal,
): Disposable & { readonly api: Client } {
  const transport = httpTransport({ ...cluster.access, userAgent: 'nought' });
  return {
    api: createClient(transport, signal),
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}
