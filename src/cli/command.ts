import type { Readable, Writable } from 'node:stream';

/** The world of one command, so that tests can run it in their own process. */
export interface CommandIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The user's home folder. */
  readonly home: string;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** One word after `nought`. */
export interface Command {
  readonly name: string;
  /** For the list of commands: one line, no full stop. */
  readonly summary: string;
  /** The whole text of `--help`. */
  readonly help: string;
  /** Resolves to the exit code: 0 done, 1 refused or failed. Throws UsageError for wrong words. */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

/** The command line is wrong: said on stderr with the usage line, exit code 2, nothing was sent. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** It was understood and did not work: said on stderr, exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
