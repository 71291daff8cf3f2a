import { CommandError, UsageError } from '../command.ts';
import type { Kind, Kinds } from './kinds.ts';

/** What a command line points at: one object by name, or (no name) a kind's objects. */
export interface Target {
  readonly kind: Kind;
  readonly name: string | undefined;
}

/**
 * Reads `pods`, `pods,fn`, `all`, `pods a b`, `pod/a fn/b` as kubectl does.
 *
 * Throws UsageError for words that make no sense together and CommandError for an unknown kind.
 */
export function readTargets(words: readonly string[], kinds: Kinds): readonly Target[] {
  const [first = '', ...names] = words;
  if (first === '') {
    throw new UsageError('Missing the resource: expected a kind like "pods" or KIND/NAME');
  }
  if (words.some((word) => word.includes('/'))) return words.map((word) => pair(word, kinds));
  const chosen = kindsOf(first, kinds);
  if (names.length === 0) return chosen.map((kind) => ({ kind, name: undefined }));
  return chosen.flatMap((kind) => names.map((name) => ({ kind, name })));
}

/** True when the words name several kinds, so that each name is to be printed with its kind. */
export function severalKinds(targets: readonly Target[]): boolean {
  return new Set(targets.map(({ kind }) => `${kind.group}/${kind.plural}`)).size > 1;
}

function pair(word: string, kinds: Kinds): Target {
  const [kind = '', name = '', ...more] = word.split('/');
  if (kind === '' || name === '' || more.length > 0) {
    throw new UsageError(
      `Cannot read "${word}": each argument must be KIND/NAME when one of them is`,
    );
  }
  return { kind: kinds.named(kind), name };
}

function kindsOf(list: string, kinds: Kinds): readonly Kind[] {
  const chosen = list.split(',').flatMap((word) => {
    if (word === '') throw new CommandError(`error: "${list}" has an empty resource type`);
    const category = kinds.find(word) === undefined ? kinds.category(word) : [];
    return category.length > 0 ? category : [kinds.named(word)];
  });
  return [...new Set(chosen)];
}
