import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type ClusterFlags, readCluster } from './cluster.ts';
import { CommandError, type CommandIo, UsageError } from './command.ts';
import { findGateway } from './gateway-address.ts';

export interface GatewayRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string;
}

/** One name on the command line; without a namespace the current one is meant. */
export interface NamedTarget {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Reads `[NS/]NAME`; `flag` is what --namespace says. Throws UsageError that names what is wrong. */
export function parseTarget(target: string, flag: string | undefined): NamedTarget {
  const parts = target.split('/');
  if (parts.length > 2) throw new UsageError(`Cannot read "${target}": expected NS/NAME`);
  const name = parts.at(-1) as string;
  const namespace = parts.length === 2 ? (parts[0] as string) : flag;
  if (name === '') throw new UsageError(`The name in "${target}" is empty: expected NS/NAME`);
  if (namespace === '')
    throw new UsageError(`The namespace in "${target}" is empty: expected NS/NAME`);
  for (const [what, word] of [
    ['namespace', namespace],
    ['name', name],
  ] as const) {
    if (word !== undefined && !/^[a-z0-9]([a-z0-9.@-]*[a-z0-9])?$/.test(word)) {
      throw new UsageError(
        `The ${what} "${word}" is not one: expected lower-case letters, digits and "-"`,
      );
    }
  }
  return { namespace, name };
}

/** The context's namespace; a kubeconfig that is not there is no obstacle to a call. */
export async function currentNamespace(flags: ClusterFlags, io: CommandIo): Promise<string> {
  if (flags.namespace !== undefined) return flags.namespace;
  try {
    return (await readCluster(flags, io)).namespace;
  } catch (error) {
    if (flags.kubeconfig !== undefined || flags.context !== undefined) throw error;
    return 'default';
  }
}

/** Finds the gateway that the flags mean. */
export function gatewayOf(flags: ClusterFlags, io: CommandIo): Promise<URL> {
  const explicit = flags.kubeconfig !== undefined || flags.context !== undefined;
  return findGateway(io, () => readCluster(flags, io), explicit);
}

/** Sends one request; rejects with a CommandError when the gateway cannot be reached. */
export function askGateway(
  gateway: URL,
  { method, path, headers, body }: GatewayRequest,
  io: CommandIo,
): Promise<IncomingMessage> {
  const url = new URL(path, gateway);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const content =
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, {
      method,
      headers: { ...headers, accept: 'application/json, */*', ...content },
      signal: io.signal,
    });
    sent.on('response', resolve);
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'ECONNREFUSED'
          ? 'nothing listens there; start nought with "nought up"'
          : error.message;
      reject(
        new CommandError(`Cannot reach the gateway at ${url.origin}: ${why}`, { cause: error }),
      );
    });
    sent.end(body);
  });
}

/** The status line and headers of an answer, as curl -i shows them. */
export function printHead(answer: IncomingMessage, io: CommandIo): void {
  io.stdout.write(
    `HTTP/${answer.httpVersion} ${answer.statusCode} ${answer.statusMessage ?? ''}\n`,
  );
  for (let i = 0; i < answer.rawHeaders.length; i += 2) {
    io.stdout.write(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}\n`);
  }
  io.stdout.write('\n');
}

/** A function's answer: its body on stdout, or the words of a refusal on stderr; the exit code. */
export async function printAnswer(answer: IncomingMessage, io: CommandIo): Promise<number> {
  const status = answer.statusCode ?? 0;
  if (status >= 400) {
    io.stderr.write(`execute failed: ${status} ${await describe(answer)}\n`);
    return 1;
  }
  let last = 0x0a;
  answer.on('data', (chunk: Buffer) => (last = chunk.at(-1) ?? last));
  await pipeline(answer, io.stdout, { end: false });
  if (last !== 0x0a) io.stdout.write('\n');
  return 0;
}

/** `<title>: <detail>` of a problem document (RFC 9457), else what the answer says. */
export async function describe(answer: IncomingMessage): Promise<string> {
  const body = await text(answer);
  try {
    const problem = JSON.parse(body) as {
      readonly title?: unknown;
      readonly detail?: unknown;
    } | null;
    if (typeof problem?.title === 'string') {
      return typeof problem.detail === 'string'
        ? `${problem.title}: ${problem.detail}`
        : problem.title;
    }
  } catch {
    // No problem document; its text will do.
  }
  const detail = body.trim().slice(0, 2000);
  return detail === '' ? (answer.statusMessage ?? '') : `${answer.statusMessage ?? ''}: ${detail}`;
}
