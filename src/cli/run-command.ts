import { StatusError } from '../api/index.ts';
import { type Command, CommandError, type CommandIo, UsageError } from './command.ts';
import { commands } from './commands.ts';

/** What `main/` runs itself; here for the list of commands. */
const outside: readonly Pick<Command, 'name' | 'summary'>[] = [
  { name: 'up', summary: 'Start the platform on this machine and keep it running' },
  { name: 'serve', summary: 'Run the serverless layer alone, against an existing cluster' },
];

/** Runs one command line (without the program's name); resolves to the exit code. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    return help(rest[0], io);
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    io.stderr.write(
      `Unknown command "${name}"${suggestion(name)}\nRun "nought --help" for the list.\n`,
    );
    return 2;
  }
  const end = rest.indexOf('--');
  const flags = end === -1 ? rest : rest.slice(0, end);
  if (flags.includes('--help') || flags.includes('-h')) {
    io.stdout.write(command.help);
    return 0;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    return report(error, command, io);
  }
}

function report(error: unknown, command: Command, io: CommandIo): number {
  if (io.signal.aborted) return 130;
  if (error instanceof UsageError) {
    const usage = /^Usage:\n {2}(.+)$/m.exec(command.help)?.[1] ?? `nought ${command.name}`;
    io.stderr.write(`${error.message}\nUsage: ${usage}\n`);
    return 2;
  }
  if (error instanceof StatusError) {
    const reason = error.reason === '' ? '' : ` (${error.reason})`;
    io.stderr.write(`Error from server${reason}: ${error.message}\n`);
    return 1;
  }
  if (error instanceof CommandError) {
    io.stderr.write(`${error.message}\n`);
    return 1;
  }
  io.stderr.write(`${unreachable(error) ?? String((error as Error)?.stack ?? error)}\n`);
  return 1;
}

/** Words for an API server that does not answer. */
function unreachable(error: unknown): string | undefined {
  const cause = error as NodeJS.ErrnoException & { readonly cause?: NodeJS.ErrnoException };
  const code = cause?.code ?? cause?.cause?.code;
  if (code === undefined) return undefined;
  return `Cannot reach the API server: ${cause.message || code}; is the platform running ("nought up"), and is this the right kubeconfig?`;
}

function help(name: string | undefined, io: CommandIo): number {
  const command = commands.find((each) => each.name === name);
  if (command !== undefined) {
    io.stdout.write(command.help);
    return 0;
  }
  const list = [...outside, ...commands].map(
    ({ name: word, summary }) => `  ${word.padEnd(10)}${summary}`,
  );
  io.stdout.write(
    `nought: serverless functions made of Kubernetes objects\n\nUsage:\n  nought COMMAND [flags]\n\nCommands:\n${list.join('\n')}\n\nRun "nought COMMAND --help" for a command's flags and examples.\n`,
  );
  return 0;
}

function suggestion(word: string): string {
  const known = [...outside, ...commands].map(({ name }) => name);
  const near = known.find((name) => distance(word, name) <= 2 || name.startsWith(word));
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

/** Levenshtein distance of two short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
