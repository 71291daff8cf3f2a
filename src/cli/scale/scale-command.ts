import type { KubeObject } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, CommandError, UsageError } from '../command.ts';
import { failureText } from '../failure.ts';
import { parseCount, parseFlags } from '../flags.ts';
import { openPrinter, printerFormats } from '../output/object-printer.ts';
import { chooseObjects, fileOptions, selectionOptions } from '../resources/choose-objects.ts';
import { apiVersionOf, resourcePath } from '../resources/kinds.ts';
import { openSession } from '../session.ts';

const help = `Set how many pods something has.

Usage:
  nought scale --replicas=N (KIND/NAME... | KIND NAME... | -f FILE) [flags]

Flags:
      --replicas N            how many; of a function: while it is awake
      --current-replicas N    only if it has this many now
  -l, --selector S            objects with these labels
      --all                   all objects of the kind
  -f, --filename FILE         the objects of a manifest
  -R, --recursive             folders inside of folders too
  -o, --output FORMAT         ${printerFormats} of the result
${clusterFlagsHelp}
  -h, --help                  this text

Examples:
  nought scale --replicas=3 fn/diff
  nought scale --replicas=0 rs -l app=web
`;

const options = {
  ...clusterFlagOptions,
  ...selectionOptions,
  ...fileOptions,
  replicas: { type: 'string' },
  'current-replicas': { type: 'string' },
  output: { type: 'string', short: 'o' },
} as const;

export const scaleCommand: Command = {
  name: 'scale',
  summary: 'Set how many pods something has',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    if (values.replicas === undefined) throw new UsageError('Missing the flag --replicas=N');
    const replicas = parseCount('--replicas', values.replicas);
    const { 'current-replicas': now } = values;
    const current = now === undefined ? undefined : parseCount('--current-replicas', now);
    const print = openPrinter(values.output, io);
    using session = await openSession(values, io);
    const selection = { words: positionals, ...values };
    const chosen = await chooseObjects(session, selection, io, { absent: 'trust' });
    if (chosen.length === 0) throw new CommandError('error: no objects passed to scale');
    let failed = false;
    for (const { kind, name, namespace } of chosen) {
      try {
        if (!kind.subresources.includes('scale')) {
          throw new CommandError(
            `error: cannot scale ${kind.plural}: ${kind.kind} in ${apiVersionOf(kind)} has no number of replicas`,
          );
        }
        const path = `${resourcePath(kind, { namespace, name })}/scale`;
        const scale = (await session.send({ path })) as Scale;
        const has = scale.spec?.replicas ?? 0;
        if (current !== undefined && has !== current) {
          throw new CommandError(`error: Expected replicas to be ${current}, was ${has}`);
        }
        const body = { ...scale, spec: { ...scale.spec, replicas } };
        const object = (await session.send({ method: 'PUT', path, body })) as KubeObject;
        await print({ kind, object, done: 'scaled' });
      } catch (error) {
        io.signal.throwIfAborted();
        io.stderr.write(`${failureText(error)}\n`);
        failed = true;
      }
    }
    return failed ? 1 : 0;
  },
};

interface Scale extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}
