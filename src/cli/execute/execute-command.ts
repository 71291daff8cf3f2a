import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { parseGoDuration } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp, readCluster } from '../cluster.ts';
import { type Command, CommandError, type CommandIo, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { findGateway } from '../gateway-address.ts';

const help = `Call a function with JSON and print its answer.

Usage:
  nought execute [NS/]NAME '{json}' [flags]
  kubectl execute [NS/]NAME '{json}' [flags]

A "-" in place of the JSON reads it from stdin.

Flags:
      --wait DURATION   how long to wait for a function that is at zero, 0s not at all (default as the
                        function says)
      --async           do not wait for the answer of a workflow: print where its run can be seen
  -i                    print the status line and headers of the answer too
${clusterFlagsHelp}
  -h, --help            this text

The gateway is found through $NOUGHT_GATEWAY, the platform that runs on this machine
($NOUGHT_HOME/endpoints.json), or the cluster's Service nought-system/nought-gateway.

Exit codes: 0 answered, 1 refused or failed, 2 wrong usage (nothing was sent).

Examples:
  nought execute diff '{"x":1,"y":2}'
  echo '{"prices":[3,4.5]}' | nought execute default/total -
  kubectl execute team/report '{}' --wait 2m -i
`;

interface Call {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly include: boolean;
  readonly flags: Flags;
}

type Flags = ReturnType<typeof parse>['values'];

export const executeCommand: Command = {
  name: 'execute',
  summary: 'Call a function with JSON and print its answer',
  help,
  run: async (args, io) => {
    const call = await readCall(args, io);
    const { flags } = call;
    const explicit = flags.kubeconfig !== undefined || flags.context !== undefined;
    const gateway = await findGateway(io, () => readCluster(flags, io), explicit);
    const namespace = call.namespace ?? (await currentNamespace(flags, io));
    const answer = await send(call, new URL(`/${namespace}/${call.name}`, gateway), io);
    return print(call, answer, io);
  },
};

function parse(args: readonly string[]) {
  return parseFlags(args, {
    ...clusterFlagOptions,
    wait: { type: 'string' },
    async: { type: 'boolean' },
    include: { type: 'boolean', short: 'i' },
  });
}

async function readCall(args: readonly string[], io: CommandIo): Promise<Call> {
  const { values, positionals } = parse(args);
  const [target, json, ...more] = positionals;
  if (target === undefined) throw new UsageError('Missing the function: expected NS/NAME');
  if (json === undefined)
    throw new UsageError('Missing the JSON: expected \'{json}\', or "-" to read it from stdin');
  if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
  const { namespace, name } = parseTarget(target, values.namespace);
  const prefer = preferences(values.wait, values.async === true);
  const body = json === '-' ? await text(io.stdin) : json;
  checkJson(body, json === '-' ? 'stdin' : 'the argument');
  return {
    namespace,
    name,
    body,
    headers: prefer === '' ? {} : { prefer },
    include: values.include === true,
    flags: values,
  };
}

function parseTarget(
  target: string,
  flag: string | undefined,
): { namespace: string | undefined; name: string } {
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

function preferences(wait: string | undefined, asynchronous: boolean): string {
  const parts: string[] = [];
  if (wait !== undefined) {
    try {
      parts.push(`wait=${Math.ceil(parseGoDuration(wait) / 1000)}`);
    } catch (error) {
      throw new UsageError(`Cannot use --wait "${wait}": expected a duration like 30s or 2m`, {
        cause: error,
      });
    }
  }
  if (asynchronous) parts.push('respond-async');
  return parts.join(', ');
}

function checkJson(body: string, where: string): void {
  try {
    JSON.parse(body);
  } catch (error) {
    throw new UsageError(`Invalid JSON in ${where}: ${(error as Error).message}`, { cause: error });
  }
}

/** The context's namespace; a kubeconfig that is not there is no obstacle to a call. */
async function currentNamespace(flags: Flags, io: CommandIo): Promise<string> {
  try {
    return (await readCluster(flags, io)).namespace;
  } catch (error) {
    if (flags.kubeconfig !== undefined || flags.context !== undefined) throw error;
    return 'default';
  }
}

function send(call: Call, url: URL, io: CommandIo): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      headers: {
        ...call.headers,
        accept: 'application/json, */*',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(call.body),
      },
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
    sent.end(call.body);
  });
}

async function print(call: Call, answer: IncomingMessage, io: CommandIo): Promise<number> {
  const status = answer.statusCode ?? 0;
  if (call.include) {
    io.stdout.write(`HTTP/${answer.httpVersion} ${status} ${answer.statusMessage ?? ''}\n`);
    for (let i = 0; i < answer.rawHeaders.length; i += 2) {
      io.stdout.write(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}\n`);
    }
    io.stdout.write('\n');
  }
  if (status >= 400) {
    io.stderr.write(`execute failed: ${status} ${describe(answer, await text(answer))}\n`);
    return 1;
  }
  if (call.flags.async === true && answer.headers.location !== undefined) {
    io.stdout.write(`${answer.headers.location}\n`);
    answer.resume();
    return 0;
  }
  let last = 0x0a;
  answer.on('data', (chunk: Buffer) => (last = chunk.at(-1) ?? last));
  await pipeline(answer, io.stdout, { end: false });
  if (last !== 0x0a) io.stdout.write('\n');
  return 0;
}

/** `<title>: <detail>` of a problem document (RFC 9457), else what the answer says. */
function describe(answer: IncomingMessage, body: string): string {
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
