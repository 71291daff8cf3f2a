import type { KubeObject } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, CommandError } from '../command.ts';
import { failureText } from '../failure.ts';
import { parseFlags } from '../flags.ts';
import { openPrinter, printerFormats } from '../output/object-printer.ts';
import { chooseObjects, fileOptions, selectionOptions } from '../resources/choose-objects.ts';
import { resourcePath } from '../resources/kinds.ts';
import { openSession } from '../session.ts';
import { editPatch, type EditedField, type Edits, readEdits } from './edits.ts';

const options = {
  ...clusterFlagOptions,
  ...selectionOptions,
  ...fileOptions,
  overwrite: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
} as const;

export const labelCommand = editCommand('label', 'labels');
export const annotateCommand = editCommand('annotate', 'annotations');

function editCommand(name: 'label' | 'annotate', field: EditedField): Command {
  return {
    name,
    summary: `Set or remove ${field}`,
    help: helpText(name, field),
    run: async (args, io) => {
      const { values, positionals } = parseFlags(args, options);
      const { targets, edits } = readEdits(positionals, field);
      const print = openPrinter(values.output, io);
      using session = await openSession(values, io);
      const selection = { ...values, words: targets };
      const chosen = await chooseObjects(session, selection, io, { absent: 'refuse' });
      if (chosen.length === 0) throw new CommandError('No resources found');
      let failed = false;
      for (const { kind, name: objectName, namespace, object } of chosen) {
        if (object === undefined) continue;
        try {
          const style = { field, overwrite: values.overwrite === true };
          const body = editPatch(object, edits, style);
          if (body === undefined) {
            await print({ kind, object, done: nothingDone(field) });
            continue;
          }
          const patched = (await session.send({
            method: 'PATCH',
            path: resourcePath(kind, { namespace, name: objectName }),
            body,
            contentType: 'application/merge-patch+json',
          })) as KubeObject;
          await print({ kind, object: patched, done: doneWord(field, edits) });
        } catch (error) {
          io.signal.throwIfAborted();
          io.stderr.write(`${failureText(error)}\n`);
          failed = true;
        }
      }
      return failed ? 1 : 0;
    },
  };
}

function nothingDone(field: EditedField): string {
  return field === 'labels' ? 'not labeled' : 'annotated';
}

function doneWord(field: EditedField, { set }: Edits): string {
  if (field === 'annotations') return 'annotated';
  return set.size > 0 ? 'labeled' : 'unlabeled';
}

function helpText(name: string, field: EditedField): string {
  return `Set or remove ${field} of objects.

Usage:
  nought ${name} (KIND NAME... | KIND/NAME... | -f FILE) KEY=VALUE... KEY-... [flags]

Flags:
      --overwrite         change a value that is there
  -l, --selector S        objects with these labels
      --field-selector S  objects with these fields
      --all               all objects of the kind
  -A, --all-namespaces    in all namespaces
  -f, --filename FILE     the objects of a manifest
  -R, --recursive         folders inside of folders too
  -o, --output FORMAT     ${printerFormats} of the result
${clusterFlagsHelp}
  -h, --help              this text

Examples:
  nought ${name} fn diff team=blue
  nought ${name} fn/diff team-
`;
}
