import { type KubeObject, labelValueErrors, qualifiedNameErrors } from '../../api/index.ts';
import { CommandError, UsageError } from '../command.ts';

/** What is to become of labels or annotations: texts to set, names to take away. */
export interface Edits {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

export type EditedField = 'labels' | 'annotations';

/** Splits the words of a command line into what is meant and how it is to change (`a=b`, `c-`). */
export function readEdits(
  words: readonly string[],
  field: EditedField,
): { readonly targets: readonly string[]; readonly edits: Edits } {
  const first = words.findIndex((word) => word.includes('=') || word.endsWith('-'));
  const targets = first === -1 ? words : words.slice(0, first);
  const set = new Map<string, string>();
  const remove: string[] = [];
  for (const word of first === -1 ? [] : words.slice(first)) {
    const [key = ''] = word.split('=');
    if (word.includes('=')) set.set(checked(key, field), word.slice(key.length + 1));
    else if (word.endsWith('-')) remove.push(checked(word.slice(0, -1), field));
    else throw new UsageError(`Cannot read "${word}": expected KEY=VALUE or KEY-`);
  }
  const both = remove.find((key) => set.has(key));
  if (both !== undefined) throw new UsageError(`Cannot both set and remove "${both}"`);
  if (set.size + remove.length === 0) {
    throw new UsageError('Missing the change: expected KEY=VALUE to set or KEY- to remove');
  }
  if (field === 'labels') {
    for (const [key, value] of set) {
      const [problem] = labelValueErrors(value);
      if (problem !== undefined) throw new UsageError(`Cannot use ${key}=${value}: ${problem}`);
    }
  }
  return { targets, edits: { set, remove } };
}

function checked(key: string, field: EditedField): string {
  const [problem] = qualifiedNameErrors(key);
  if (problem === undefined) return key;
  throw new UsageError(`Cannot use "${key}" in ${field}: ${problem}`);
}

/** The merge patch; undefined when all is so already. Throws CommandError for what would be overwritten. */
export function editPatch(
  { metadata }: KubeObject,
  { set, remove }: Edits,
  { field, overwrite }: { readonly field: EditedField; readonly overwrite: boolean },
): { readonly metadata: object } | undefined {
  const now = metadata[field] ?? {};
  const changes = new Map<string, string | null>();
  for (const [key, value] of set) {
    if (now[key] === value) continue;
    if (now[key] !== undefined && !overwrite) {
      const problem = `'${key}' already has a value (${now[key]})`;
      throw new CommandError(
        field === 'labels'
          ? `error: ${problem}, and --overwrite is false`
          : `error: --overwrite is false but found the following declared annotation(s): ${problem}`,
      );
    }
    changes.set(key, value);
  }
  for (const key of remove) if (now[key] !== undefined) changes.set(key, null);
  if (changes.size === 0) return undefined;
  return { metadata: { [field]: Object.fromEntries(changes) } };
}
