import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kubeconfig } from '../client/index.ts';
import { CommandError, type CommandIo } from './command.ts';
import { clusterClient } from './cluster.ts';

/**
 * Where functions are called: `$NOUGHT_GATEWAY`, else endpoints.json of the home that runs here, else
 * the gateway's Service of the cluster. Throws CommandError when there is none.
 */
export async function findGateway(
  io: CommandIo,
  cluster: () => Promise<Kubeconfig>,
  explicitCluster: boolean,
): Promise<URL> {
  const given = io.env['NOUGHT_GATEWAY'];
  if (given !== undefined && given !== '') return parseGateway('$NOUGHT_GATEWAY', given);
  if (!explicitCluster) {
    const local = await localGateway(io);
    if (local !== undefined) return local;
  }
  return serviceGateway(io, await cluster());
}

async function localGateway(io: CommandIo): Promise<URL | undefined> {
  const home = io.env['NOUGHT_HOME'] ?? join(io.home, '.nought');
  const path = join(home, 'endpoints.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  const endpoints = parseJson(text) as { readonly gateway?: unknown } | undefined;
  return parseGateway(path, typeof endpoints?.gateway === 'string' ? endpoints.gateway : '');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseGateway(where: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandError(
      `Cannot use ${where}: it holds "${text}", expected a URL like http://127.0.0.1:8080`,
    );
  }
  return url;
}

/** The address of the Service nought-system/nought-gateway: its load balancer, else its cluster IP. */
async function serviceGateway(io: CommandIo, cluster: Kubeconfig): Promise<URL> {
  using client = clusterClient(cluster, io.signal);
  const path = '/api/v1/namespaces/nought-system/services/nought-gateway';
  const service = (await client.api.raw({ method: 'GET', path }).catch(() => undefined)) as
    | {
        readonly spec?: {
          readonly clusterIP?: string;
          readonly ports?: readonly { readonly port: number }[];
        };
        readonly status?: {
          readonly loadBalancer?: {
            readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
          };
        };
      }
    | undefined;
  const ingress = service?.status?.loadBalancer?.ingress?.[0];
  const host = ingress?.ip ?? ingress?.hostname ?? service?.spec?.clusterIP;
  if (host === undefined || host === 'None') {
    throw new CommandError(
      'Cannot find the gateway: nothing runs here and the cluster has no Service nought-system/nought-gateway; start nought with "nought up", or set NOUGHT_GATEWAY',
    );
  }
  return new URL(`http://${host}:${service?.spec?.ports?.[0]?.port ?? 80}`);
}
