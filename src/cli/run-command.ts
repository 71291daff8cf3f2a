import { type Command, type CommandIo, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { failureText } from './failure.ts';
import { suggestion } from './suggestion.ts';

/** What `main/` runs itself; here for the list of commands. */
const outside: readonly Pick<Command, 'name' | 'summary'>[] = [
  { name: 'up', summary: 'Start the platform on this machine and keep it running' },
  { name: 'serve', summary: 'Run the serverless layer alone, against an existing cluster' },
];

/** What a shell says of a program that nobody reads any more (`nought get fn -w | head -1`). */
const unreadExitCode = 141;

/** Runs one command line (without the program's name); resolves to the exit code. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = args[0] === '--version' ? ['version', '--client'] : args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    return help(rest[0], io);
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    const known = [...outside, ...commands].map((each) => each.name);
    io.stderr.write(
      `Unknown command "${name}"${suggestion(name, known)}\nRun "nought --help" for the list.\n`,
    );
    return 2;
  }
  const end = rest.indexOf('--');
  const flags = end === -1 ? rest : rest.slice(0, end);
  if (flags.includes('--help') || flags.includes('-h')) {
    io.stdout.write(command.help);
    return 0;
  }
  const reader = new AbortController();
  io.stdout.on('error', (error: NodeJS.ErrnoException) => reader.abort(error));
  const signal = AbortSignal.any([io.signal, reader.signal]);
  try {
    return await command.run(rest, { ...io, signal });
  } catch (error) {
    if (reader.signal.aborted) return unreadExitCode;
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
  io.stderr.write(`${failureText(error)}\n`);
  return 1;
}

function help(name: string | undefined, io: CommandIo): number {
  const command = commands.find((each) => each.name === name);
  if (command !== undefined) {
    io.stdout.write(command.help);
    return 0;
  }
  const list = [...outside, ...commands].map(
    ({ name: word, summary }) => `  ${word.padEnd(15)}${summary}`,
  );
  io.stdout.write(
    `nought: serverless functions made of Kubernetes objects\n\nUsage:\n  nought COMMAND [flags]\n\nCommands:\n${list.join('\n')}\n\nRun "nought COMMAND --help" for a command's flags and examples.\n`,
  );
  return 0;
}
