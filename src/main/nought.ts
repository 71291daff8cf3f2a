import { homedir } from 'node:os';

const interruptedExitCode = 130;

/** `nought COMMAND …`: exit code 0 done, 1 refused or failed, 2 wrong usage. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === 'up' || command === 'start') {
    return (await import('./up-command.ts')).upCommand(command, rest);
  }
  if (command === 'serve') return (await import('./serve-command.ts')).serveCommand(rest);
  return runCli(args);
}

async function runCli(args: readonly string[]): Promise<number> {
  const { runCommand } = await import('../cli/index.ts');
  const stop = new AbortController();
  process.once('SIGINT', () => {
    process.exitCode = interruptedExitCode;
    stop.abort(new Error('Interrupted'));
    process.once('SIGINT', () => process.exit(interruptedExitCode));
  });
  const code = await runCommand(args, {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    signal: stop.signal,
  });
  return stop.signal.aborted ? interruptedExitCode : code;
}

process.exitCode = await main(process.argv.slice(2));
