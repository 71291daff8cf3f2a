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
  try {
    return parseArgs({
      args: asParseArgs(args, options),
      options,
      allowPositionals: true,
      allowNegative: true,
    });
  } catch (error) {
    throw new UsageError(flagProblem(error as Error, options), { cause: error });
  }
}

/** kubectl's spellings that parseArgs does not know: `--wait=false` and `-o=json`. */
function asParseArgs(args: readonly string[], options: ParseArgsOptionsConfig): string[] {
  const end = args.indexOf('--');
  const flags = end === -1 ? args : args.slice(0, end);
  const known = flags.map((arg) => {
    const [, name = '', value = ''] = /^--([^=]+)=(true|false)$/.exec(arg) ?? [];
    if (options[name]?.type === 'boolean') return value === 'true' ? `--${name}` : `--no-${name}`;
    return arg.replace(/^(-[a-zA-Z])=/, '$1');
  });
  return end === -1 ? known : [...known, ...args.slice(end)];
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
