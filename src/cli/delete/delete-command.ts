import { isStatus, parseGoDuration } from '../../api/index.ts';
import { readDryRun } from '../apply/apply-command.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { failureText } from '../failure.ts';
import { parseCount, parseFlags } from '../flags.ts';
import {
  chooseObjects,
  type ChosenObject,
  fileOptions,
  selectionOptions,
} from '../resources/choose-objects.ts';
import { kindWord, resourcePath } from '../resources/kinds.ts';
import { openSession } from '../session.ts';
import { watchUntil } from '../wait/watch-until.ts';

const help = `Delete objects.

Usage:
  nought delete (-f FILE | KIND NAME... | KIND/NAME... | KIND -l SELECTOR | KIND --all) [flags]

Flags:
  -f, --filename FILE     the objects of a manifest
  -R, --recursive         folders inside of folders too
  -l, --selector S        objects with these labels
      --field-selector S  objects with these fields
      --all               all objects of the kind
  -A, --all-namespaces    in all namespaces
      --ignore-not-found  what is not there is no failure
      --wait=false        do not wait until they are gone
      --timeout TIME      how long to wait for that (default 0s: as long as it takes)
      --now               like --grace-period=1
      --grace-period N    seconds that pods have to end (0 with --force: none)
      --force             together with --grace-period=0: do not wait for the node
      --cascade HOW       background (default), foreground, or orphan: what they own stays
      --dry-run MODE      server: the server checks it and deletes nothing; client: nothing is sent
  -o, --output FORMAT     name: print the names alone
${clusterFlagsHelp}
  -h, --help              this text

Examples:
  nought delete fn diff
  nought delete -f manifests/ --ignore-not-found
  nought delete pods -l app=web --grace-period=5
`;

const options = {
  ...clusterFlagOptions,
  ...selectionOptions,
  ...fileOptions,
  'ignore-not-found': { type: 'boolean' },
  wait: { type: 'boolean' },
  timeout: { type: 'string' },
  now: { type: 'boolean' },
  'grace-period': { type: 'string' },
  force: { type: 'boolean' },
  cascade: { type: 'string' },
  'dry-run': { type: 'string' },
  output: { type: 'string', short: 'o' },
} as const;

type Flags = ReturnType<typeof parseFlags<typeof options>>['values'];

const foreverMs = 7 * 24 * 3_600_000;

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'Delete objects by name, label or manifest',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    const how = readHow(values);
    if (!['', 'name'].includes(values.output ?? '')) {
      throw new UsageError(`Cannot use -o "${values.output}": expected name`);
    }
    using session = await openSession(values, io);
    const selection = { words: positionals, ...values };
    const chosen = await chooseObjects(session, selection, io, { absent: 'trust' });
    const named = positionals.length > 1 || (positionals[0] ?? '').includes('/');
    if (chosen.length === 0) {
      io.stdout.write('No resources found\n');
      return 0;
    }
    let failed = false;
    const gone: ChosenObject[] = [];
    for (const one of chosen) {
      io.signal.throwIfAborted();
      try {
        const uid = how.dryRun === 'client' ? one.uid : await send(one);
        gone.push({ ...one, uid });
        io.stdout.write(said(one));
      } catch (error) {
        const ignored =
          values['ignore-not-found'] === true ||
          values.all === true ||
          !(named || values.filename !== undefined);
        if (isStatus(error, 'NotFound') && ignored) continue;
        io.signal.throwIfAborted();
        const source = values.filename?.join(',');
        io.stderr.write(
          `${failureText(error, source === undefined ? undefined : `error when deleting "${source}"`)}\n`,
        );
        failed = true;
      }
    }
    if (how.wait && how.dryRun === 'none') {
      for (const one of gone) {
        await watchUntil(session, one, { kind: 'delete' }, { ms: how.timeoutMs });
      }
    }
    return failed ? 1 : 0;

    async function send(one: ChosenObject): Promise<string | undefined> {
      const answer = (await session.send({
        method: 'DELETE',
        path: resourcePath(one.kind, one),
        body: { apiVersion: 'v1', kind: 'DeleteOptions', ...how.options },
      })) as {
        readonly metadata?: { readonly uid?: string };
        readonly details?: { readonly uid?: string };
      };
      return one.uid ?? answer.details?.uid ?? answer.metadata?.uid;
    }

    function said({ kind, name, namespace }: ChosenObject): string {
      if (values.output === 'name') return `${kindWord(kind)}/${name}\n`;
      const forced = how.forced ? ' force' : '';
      const from = namespace === undefined ? '' : ` from ${namespace} namespace`;
      const dry =
        how.dryRun === 'none' ? '' : ` (${how.dryRun === 'server' ? 'server ' : ''}dry run)`;
      return `${kindWord(kind)} "${name}"${forced} deleted${from}${dry}\n`;
    }
  },
};

function readHow(flags: Flags) {
  const cascade = flags.cascade ?? 'background';
  const policies: Readonly<Record<string, string>> = {
    background: 'Background',
    foreground: 'Foreground',
    orphan: 'Orphan',
  };
  const propagationPolicy = policies[cascade];
  if (propagationPolicy === undefined) {
    throw new UsageError(
      `Cannot use --cascade "${cascade}": expected background, foreground or orphan`,
    );
  }
  const grace = readGrace(flags);
  const forced = flags.force === true && grace === 0;
  const dryRun = readDryRun(flags['dry-run']);
  return {
    dryRun,
    forced,
    wait: flags.wait ?? !forced,
    timeoutMs: readTimeout(flags.timeout ?? '0s'),
    options: {
      propagationPolicy,
      ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
      ...(dryRun === 'server' ? { dryRun: ['All'] } : {}),
    },
  };
}

/** 0 is only for --force: without it kubectl makes it 1, so that the node gets to end the pod. */
function readGrace(flags: Flags): number | undefined {
  const text = flags['grace-period'];
  if (flags.now === true) {
    if (text !== undefined) throw new UsageError('Cannot take both --now and --grace-period');
    return 1;
  }
  if (text === undefined) return flags.force === true ? 0 : undefined;
  const grace = parseCount('--grace-period', text, -1);
  if (grace < 0) return undefined;
  return grace === 0 && flags.force !== true ? 1 : grace;
}

function readTimeout(text: string): number {
  try {
    const ms = parseGoDuration(text);
    return ms <= 0 ? foreverMs : ms;
  } catch (error) {
    throw new UsageError(`Cannot use --timeout "${text}": expected a duration like 30s or 2m`, {
      cause: error,
    });
  }
}
