import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { UsageError } from './command.ts';
import { suggestion } from './suggestion.ts';

/**
 * Reads a command's words as kubectl does: flags anywhere, `--flag=false`, `-o=json`, `-ojson`.
 *
 * Throws UsageError that names the flag, and the one that was probably meant.
 */
export function parseFlags<const T extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: T,
) {
  const { words, negated } = asParseArgs(args, options);
  try {
    const parsed = parseArgs({ args: words, options, allowPositionals: true });
    Object.assign(parsed.values, negated);
    return parsed;
  } catch (error) {
    throw new UsageError(flagProblem(error as Error, options), { cause: error });
  }
}

/** kubectl's spellings that parseArgs does not know: `--wait=false` and `-o=json`. */
function asParseArgs(args: readonly string[], options: ParseArgsOptionsConfig) {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const negated: Record<string, false> = {};
  const words = args.slice(0, end).flatMap((arg) => {
    const [, name = '', value = ''] = /^--([^=]+)=(true|false)$/.exec(arg) ?? [];
    if (options[name]?.type !== 'boolean') return [arg.replace(/^(-[a-zA-Z])=/, '$1')];
    if (value === 'true') return [`--${name}`];
    negated[name] = false;
    return [];
  });
  return { words: [...words, ...args.slice(end)], negated };
}

function flagProblem(error: Error, options: ParseArgsOptionsConfig): string {
  const unknown = /^Unknown option '(--?)([^']*)'/.exec(error.message);
  if (unknown !== null) {
    const [, dashes = '', name = ''] = unknown;
    const near = dashes === '--' ? suggestion(name, Object.keys(options)) : '';
    return `Unknown flag "${dashes}${name}"${near.replace('"', '"--')}`;
  }
  const missing = /^Option '(?:-\w, )?(--[\w-]+) <value>' argument (missing|is ambiguous)/.exec(
    error.message,
  );
  if (missing !== null) return `The flag "${missing[1]}" needs a value`;
  return error.message.split('\n')[0] ?? '';
}

/** A number that a flag gives; throws UsageError for what is none. */
export function parseCount(flag: string, text: string, least = 0): number {
  const count = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(count) || count < least) {
    throw new UsageError(
      `Cannot use ${flag} "${text}": expected a whole number of ${least} or more`,
    );
  }
  return count;
}
