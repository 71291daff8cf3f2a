import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { readTargets } from '../resources/arguments.ts';
import { fileOptions } from '../resources/choose-objects.ts';
import { Kinds } from '../resources/kinds.ts';
import { openSession } from '../session.ts';
import { openOutput } from './outputs.ts';
import { readRequests } from './requests.ts';
import { runGet } from './run-get.ts';

const help = `Show objects.

Usage:
  nought get (KIND[,KIND...] | KIND NAME... | KIND/NAME... | -f FILE) [flags]

KIND is a plural, singular or short name or a Kind (functions, function, fn, Function), with its group
behind a dot where two have the same; "all" means what most people want to see.

Flags:
  -o, --output FORMAT     wide, name, json, yaml, jsonpath=TEMPLATE or custom-columns=HEADER:.path,...
  -w, --watch             then show what changes
      --watch-only        only what changes
      --output-watch-events  with -w: what happened to each
  -l, --selector S        objects with these labels
      --field-selector S  objects with these fields
  -A, --all-namespaces    in all namespaces
  -f, --filename FILE     the objects of a manifest
  -R, --recursive         folders inside of folders too
  -L, --label-columns L   a column for each of these labels
      --show-labels       a column with all labels
      --no-headers        rows alone
      --sort-by PATH      order by a field, as {.metadata.name}
      --ignore-not-found  what is not there is no failure
${clusterFlagsHelp}
  -h, --help              this text

Examples:
  nought get functions
  nought get pods,fn -A -o wide
  nought get fn diff -o yaml
  nought get pods -l nought.dev/function=diff -w
  nought get fn -o jsonpath='{range .items[*]}{.metadata.name}{"\\n"}{end}'
`;

const options = {
  ...clusterFlagOptions,
  ...fileOptions,
  output: { type: 'string', short: 'o' },
  watch: { type: 'boolean', short: 'w' },
  'watch-only': { type: 'boolean' },
  'output-watch-events': { type: 'boolean' },
  selector: { type: 'string', short: 'l' },
  'field-selector': { type: 'string' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  'label-columns': { type: 'string', short: 'L', multiple: true },
  'show-labels': { type: 'boolean' },
  'no-headers': { type: 'boolean' },
  'sort-by': { type: 'string' },
  'ignore-not-found': { type: 'boolean' },
} as const;

export const getCommand: Command = {
  name: 'get',
  summary: 'Show objects',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    const output = openOutput(values.output ?? '', values['no-headers'] !== true);
    const fromFiles = (values.filename ?? []).length > 0;
    if (fromFiles && positionals.length > 0) {
      throw new UsageError('Cannot take both -f and names: give one of them');
    }
    if (!fromFiles && positionals.length === 0) {
      throw new UsageError('Missing the resource: expected a kind like "functions" or KIND/NAME');
    }
    using session = await openSession(values, io);
    const everywhere = values['all-namespaces'] === true;
    const targets = fromFiles ? [] : readTargets(positionals, await Kinds.load(session));
    const requests = await readRequests(session, io, { ...values, targets });
    const watch = values.watch === true || values['watch-only'] === true;
    if (watch && requests.length > 1) {
      throw new UsageError('Cannot watch several kinds or names at once: name one');
    }
    return runGet(session, io, requests, {
      output,
      watch: { follow: watch, only: values['watch-only'] === true },
      sortBy: values['sort-by'],
      ignoreNotFound: values['ignore-not-found'] === true,
      everywhere,
      style: {
        wide: values.output === 'wide',
        headers: values['no-headers'] !== true,
        withKind: /(^|,)all(,|$)|,/.test(positionals[0] ?? ''),
        withNamespace: everywhere,
        showLabels: values['show-labels'] === true,
        labelColumns: (values['label-columns'] ?? []).flatMap((list) => list.split(',')),
        withEvent: values['output-watch-events'] === true && watch,
      },
    });
  },
};
