import { text } from 'node:stream/consumers';
import { parseGoDuration } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, type CommandIo, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import {
  askGateway,
  currentNamespace,
  gatewayOf,
  parseTarget,
  printAnswer,
  printHead,
} from '../gateway-request.ts';
import { invocationAt } from '../invocations/locate.ts';

const help = `Call a function with JSON and print its answer.

Usage:
  nought execute [NS/]NAME '{json}' [flags]
  kubectl execute [NS/]NAME '{json}' [flags]

A "-" in place of the JSON reads it from stdin.

Flags:
      --wait DURATION   how long to wait for a function that is at zero, 0s not at all (default as the
                        function says)
      --async           do not wait for the answer: once the call is stored, print the NS/NAME of its
                        invocation, for "nought result" and "nought cancel"; with --wait, wait that
                        long first
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
  nought result "$(nought execute report '{}' --async)" --wait 5m
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
    const gateway = await gatewayOf(flags, io);
    const namespace = call.namespace ?? (await currentNamespace(flags, io));
    const { headers, body, name } = call;
    const path = `/${namespace}/${name}`;
    const answer = await askGateway(gateway, { method: 'POST', path, headers, body }, io);
    if (call.include) printHead(answer, io);
    const { location } = answer.headers;
    if (flags.async !== true || answer.statusCode !== 202 || location === undefined) {
      return printAnswer(answer, io);
    }
    answer.resume();
    io.stdout.write(`${invocationAt(location) ?? location}\n`);
    return 0;
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
