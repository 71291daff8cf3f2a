import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { failureText } from '../failure.ts';
import { parseFlags } from '../flags.ts';
import { readManifestFiles } from '../manifests/manifest-files.ts';
import { parseManifests } from '../manifests/parse-manifests.ts';
import { ManifestResolver } from '../manifests/resolve-manifest.ts';
import { openPrinter, printerFormats } from '../output/object-printer.ts';
import { openSession } from '../session.ts';
import { applyObject, type DryRun } from './apply-object.ts';

const help = `Create the objects of manifests, or change those that are there to what the manifests say.

Usage:
  nought apply -f FILE [flags]

FILE is YAML or JSON with any number of documents, a folder of such files, a URL, or "-" for stdin.
What was applied is kept with each object, in the annotation that kubectl uses too: fields that a
manifest no longer has are taken away, fields that others have set stay.

Flags:
  -f, --filename FILE   what to apply; may be given several times
  -R, --recursive       folders inside of folders too
      --dry-run MODE    server: the server checks it and stores nothing; client: nothing is sent but reads
  -o, --output FORMAT   ${printerFormats} of the result
${clusterFlagsHelp}
  -h, --help            this text

Exit codes: 0 all applied, 1 something was not (the rest was), 2 wrong usage.

Examples:
  nought apply -f function.yaml
  nought apply -f manifests/ -R -n team
  cat function.yaml | nought apply -f -
`;

const options = {
  ...clusterFlagOptions,
  filename: { type: 'string', short: 'f', multiple: true },
  recursive: { type: 'boolean', short: 'R' },
  'dry-run': { type: 'string' },
  output: { type: 'string', short: 'o' },
} as const;

export const applyCommand: Command = {
  name: 'apply',
  summary: 'Create or change objects to what manifests say',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    const { filename: files = [], recursive = false } = values;
    if (positionals.length > 0) throw new UsageError(`Unexpected argument "${positionals[0]}"`);
    if (files.length === 0) throw new UsageError('Missing what to apply: expected -f FILE');
    const dryRun = readDryRun(values['dry-run']);
    const print = openPrinter(values.output, io);
    using session = await openSession(values, io);
    const resolver = new ManifestResolver(session);
    let failed = false;
    let count = 0;
    const fail = (text: string): void => {
      failed = true;
      io.stderr.write(`${text}\n`);
    };
    for (const file of await readManifestFiles(files, recursive, io)) {
      for (const parsed of await parseManifests(file)) {
        io.signal.throwIfAborted();
        count += 1;
        if ('problem' in parsed) {
          fail(parsed.problem);
          continue;
        }
        try {
          const manifest = await resolver.resolve(parsed);
          const { kind } = manifest;
          const applied = await applyObject(session, manifest, dryRun);
          if (applied.warning !== undefined) io.stderr.write(`Warning: ${applied.warning}\n`);
          await print({ kind, object: applied.object, done: applied.done + suffix(dryRun) });
        } catch (error) {
          io.signal.throwIfAborted();
          fail(failureText(error));
        }
      }
    }
    if (count === 0) fail('error: no objects passed to apply');
    return failed ? 1 : 0;
  },
};

export function readDryRun(mode: string | undefined): DryRun {
  switch (mode ?? 'none') {
    case 'none':
      return 'none';
    case 'client':
      return 'client';
    case 'server':
      return 'server';
    default:
      throw new UsageError(`Cannot use --dry-run "${mode}": expected none, server or client`);
  }
}

function suffix(dryRun: DryRun): string {
  switch (dryRun) {
    case 'none':
      return '';
    case 'client':
      return ' (dry run)';
    case 'server':
      return ' (server dry run)';
    default:
      return dryRun satisfies never;
  }
}
