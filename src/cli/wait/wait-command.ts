import { isJsonObject, type KubeObject, parseGoDuration } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, CommandError, UsageError } from '../command.ts';
import { failureText } from '../failure.ts';
import { parseFlags } from '../flags.ts';
import { parseTemplate } from '../output/json-path-template.ts';
import { objectWord } from '../output/object-printer.ts';
import { chooseObjects, fileOptions, selectionOptions } from '../resources/choose-objects.ts';
import { kindWord } from '../resources/kinds.ts';
import { openSession } from '../session.ts';
import { type Awaited, watchUntil } from './watch-until.ts';

const help = `Wait until objects are as they should be.

Usage:
  nought wait KIND/NAME --for=CONDITION [flags]

Flags:
      --for CONDITION   condition=TYPE[=STATUS] (STATUS is True when left out),
                        jsonpath={PATH}[=VALUE], create or delete
      --timeout TIME    how long to wait for each (default 30s; 0 looks once, a negative one waits a week)
  -l, --selector S      objects with these labels
      --all             all objects of the kind
  -f, --filename FILE   the objects of a manifest
  -R, --recursive       folders inside of folders too
  -A, --all-namespaces  in all namespaces
      --field-selector S  objects with these fields
${clusterFlagsHelp}
  -h, --help            this text

Exit codes: 0 all are so, 1 some are not, or are not there.

Examples:
  nought wait --for=condition=Ready function/diff --timeout=60s
  nought wait --for=delete pod -l nought.dev/function=diff
  nought wait --for=jsonpath='{.status.replicas}'=0 fn/diff
`;

const options = {
  ...clusterFlagOptions,
  ...selectionOptions,
  ...fileOptions,
  for: { type: 'string' },
  timeout: { type: 'string' },
} as const;

const defaultTimeout = '30s';
/** What kubectl makes of a negative timeout. */
const weekMs = 7 * 24 * 3_600_000;

export const waitCommand: Command = {
  name: 'wait',
  summary: 'Wait until objects are as they should be',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    const awaited = readAwaited(values.for);
    const timeoutMs = readTimeout(values.timeout ?? defaultTimeout);
    using session = await openSession(values, io);
    const late = awaited.kind === 'delete' || awaited.kind === 'create';
    const chosen = await chooseObjects(session, { words: positionals, ...values }, io, {
      absent: late ? 'keep' : 'refuse',
    });
    if (chosen.length === 0) {
      if (awaited.kind === 'delete') return 0;
      throw new CommandError('error: no matching resources found');
    }
    const results = await Promise.all(
      chosen.map(async (one) => {
        if (awaited.kind === 'delete' && one.object === undefined) return true;
        try {
          const timeout = { ms: timeoutMs };
          const object = await watchUntil(session, one, awaited, timeout);
          const word =
            object === undefined
              ? `${kindWord(one.kind)}/${one.name}`
              : objectWord(one.kind, object);
          io.stdout.write(`${word} condition met\n`);
          return true;
        } catch (error) {
          io.signal.throwIfAborted();
          io.stderr.write(`${failureText(error)}\n`);
          return false;
        }
      }),
    );
    return results.every(Boolean) ? 0 : 1;
  },
};

function readTimeout(text: string): number {
  try {
    const ms = /^-?\d+$/.test(text) ? Number(text) * 1000 : parseGoDuration(text);
    return ms < 0 ? weekMs : ms;
  } catch (error) {
    throw new UsageError(`Cannot use --timeout "${text}": expected a duration like 30s or 2m`, {
      cause: error,
    });
  }
}

function readAwaited(text: string | undefined): Awaited {
  if (text === undefined)
    throw new UsageError('Missing what to wait for: expected --for=CONDITION');
  const [word = ''] = text.split('=');
  const rest = text.slice(word.length + 1);
  if (text === 'delete') return { kind: 'delete' };
  if (text === 'create') return { kind: 'create' };
  if (word === 'condition' && rest !== '') {
    const [type = '', status = 'True'] = rest.split('=');
    return { kind: 'state', is: (object) => hasCondition(object, type, status) };
  }
  if (word === 'jsonpath' && rest !== '') return readPathCondition(rest);
  throw new UsageError(
    `Cannot use --for "${text}": expected condition=TYPE, jsonpath={PATH}[=VALUE], create or delete`,
  );
}

function hasCondition(object: KubeObject, type: string, status: string): boolean {
  const { status: state } = object as KubeObject & { readonly status?: unknown };
  const conditions =
    isJsonObject(state) && Array.isArray(state['conditions']) ? state['conditions'] : [];
  const condition: unknown = conditions.find(
    (each: unknown) => isJsonObject(each) && equalFold(String(each['type']), type),
  );
  if (!isJsonObject(condition)) return false;
  const { observedGeneration } = condition;
  const { generation } = object.metadata;
  const stale =
    typeof observedGeneration === 'number' &&
    generation !== undefined &&
    observedGeneration < generation;
  return !stale && equalFold(String(condition['status']), status);
}

function equalFold(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** `{.a.b}=value`, or `{.a.b}` for any value at all. */
function readPathCondition(text: string): Awaited {
  const [, path = '', value] = /^(\{.*\}|[^=]*)(?:=(.*))?$/.exec(text) ?? [];
  const template = parseTemplate(path);
  const wanted = value?.replace(/^(["'])(.*)\1$/, '$2');
  return {
    kind: 'state',
    is: (object) => {
      const found = template(object);
      return wanted === undefined ? found !== '' : found === wanted;
    },
  };
}
