import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { parseGoDuration } from '../../api/index.ts';
import { systemClock } from '../../lib/clock.ts';
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
import { invocationPath } from './locate.ts';

const help = `Print the answer of an asynchronous call, as execute would have.

Usage:
  nought result [NS/]NAME [flags]

NAME is that of the invocation, as "nought execute --async" printed it.

Flags:
      --wait DURATION   how long to wait for the answer (default 0s: not at all)
  -i                    print the status line and headers of the answer too
${clusterFlagsHelp}
  -h, --help            this text

Exit codes: 0 answered, 1 failed, cancelled, unknown or not finished, 2 wrong usage.

Examples:
  nought result "$(nought execute report '{}' --async)" --wait 5m
  nought get invocations
`;

/** The longest wait that one request asks for; seconds. */
const longestWaitS = 300;

export const resultCommand: Command = {
  name: 'result',
  summary: 'Print the answer of an asynchronous call',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, {
      ...clusterFlagOptions,
      wait: { type: 'string' },
      include: { type: 'boolean', short: 'i' },
    });
    const [target, ...more] = positionals;
    if (target === undefined) throw new UsageError('Missing the invocation: expected NS/NAME');
    if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
    const { namespace, name } = parseTarget(target, values.namespace);
    const waitMs = readWait(values.wait);
    const gateway = await gatewayOf(values, io);
    const path = invocationPath(namespace ?? (await currentNamespace(values, io)), name);
    const answer = await awaitResult(gateway, `${path}/result`, { waitMs, io });
    const isPending = answer.statusCode === 202 && answer.headers['x-nought-phase'] === undefined;
    if (isPending) return stillGoing(answer, io);
    if (values.include === true) printHead(answer, io);
    return printAnswer(answer, io);
  },
};

function readWait(wait: string | undefined): number {
  if (wait === undefined) return 0;
  try {
    return parseGoDuration(wait);
  } catch (error) {
    throw new UsageError(`Cannot use --wait "${wait}": expected a duration like 30s or 2m`, {
      cause: error,
    });
  }
}

/** Asks until there is a result or the time is up; the gateway holds each request meanwhile. */
async function awaitResult(
  gateway: URL,
  path: string,
  { waitMs, io }: { readonly waitMs: number; readonly io: CommandIo },
): Promise<IncomingMessage> {
  const end = performance.now() + waitMs;
  for (;;) {
    const leftS = Math.ceil((end - performance.now()) / 1000);
    const waitS = Math.max(0, Math.min(longestWaitS, leftS));
    const headers: Readonly<Record<string, string>> =
      waitS === 0 ? {} : { prefer: `wait=${waitS}` };
    const answer = await askGateway(gateway, { method: 'GET', path, headers }, io);
    const isPending = answer.statusCode === 202 && answer.headers['x-nought-phase'] === undefined;
    if (!isPending || performance.now() >= end) return answer;
    answer.resume();
    // Where the gateway did not hold the request, it says when to come back.
    await pause(Math.min(1000, end - performance.now()), io.signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return systemClock.sleep(Math.max(0, ms), signal);
}

async function stillGoing(answer: IncomingMessage, io: CommandIo): Promise<number> {
  const {
    phase = '',
    attempts = 0,
    error,
    namespace,
    name,
  } = JSON.parse(await text(answer)) as {
    readonly phase?: string;
    readonly attempts?: number;
    readonly namespace?: string;
    readonly name?: string;
    readonly error?: { readonly title?: string };
  };
  const made = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  const last = error?.title === undefined ? '' : `; the last one: ${error.title}`;
  io.stderr.write(
    `No result yet: "${namespace}/${name}" is ${phase} (${made}${last}); wait for it with --wait 1m\n`,
  );
  return 1;
}
