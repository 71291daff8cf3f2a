import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import {
  askGateway,
  currentNamespace,
  describe,
  gatewayOf,
  parseTarget,
} from '../gateway-request.ts';
import { invocationPath } from './locate.ts';

const help = `Cancel an asynchronous call that is not finished.

Usage:
  nought cancel [NS/]NAME [flags]

NAME is that of the invocation, as "nought execute --async" printed it. An attempt that is under way
is broken off: the function's request is aborted.

Flags:
${clusterFlagsHelp}
  -h, --help            this text

Exit codes: 0 cancelled, 1 unknown or already finished, 2 wrong usage.

Examples:
  nought cancel default/report-x5k2jd8fz7bqmwc4vt9r6hgnlp3s
`;

export const cancelCommand: Command = {
  name: 'cancel',
  summary: 'Cancel an asynchronous call',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, clusterFlagOptions);
    const [target, ...more] = positionals;
    if (target === undefined) throw new UsageError('Missing the invocation: expected NS/NAME');
    if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
    const { namespace, name } = parseTarget(target, values.namespace);
    const gateway = await gatewayOf(values, io);
    const path = invocationPath(namespace ?? (await currentNamespace(values, io)), name);
    const answer = await askGateway(gateway, { method: 'DELETE', path }, io);
    if ((answer.statusCode ?? 0) >= 400) {
      io.stderr.write(`cancel failed: ${answer.statusCode} ${await describe(answer)}\n`);
      return 1;
    }
    answer.resume();
    io.stdout.write(`invocation.nought.dev/${name} cancelled\n`);
    return 0;
  },
};
