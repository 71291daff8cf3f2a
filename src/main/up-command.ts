import { HomeError } from './home.ts';
import { demonstrate } from './demonstration.ts';
import { type Endpoints, up, type UpIo } from './up.ts';
import { parseUpFlags, type UpFlags, upUsage } from './up-flags.ts';
import { UsageError } from './usage-error.ts';

/** `nought up`, and `nought start`, which also applies the examples and calls one. */
export async function upCommand(command: 'up' | 'start', args: readonly string[]): Promise<number> {
  const flags = readFlags(args);
  if (flags === 'help') {
    process.stdout.write(upUsage);
    return 0;
  }
  if (flags instanceof UsageError) {
    process.stderr.write(`${flags.message}\nRun "nought up --help" for its flags.\n`);
    return 2;
  }
  const stop = new AbortController();
  const kill = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) kill.abort();
      stop.abort(new Error(signal));
    });
  }
  const io: UpIo = {
    env: process.env,
    out: (line) => process.stdout.write(`${line}\n`),
    error: (line) => process.stderr.write(`${line}\n`),
    signal: stop.signal,
    kill: kill.signal,
  };
  let demonstration = Promise.resolve();
  const ready = (endpoints: Endpoints): void => {
    if (command === 'start') demonstration = demonstrate(endpoints, io);
  };
  try {
    await up(flags, io, ready);
    await demonstration;
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    const text =
      error instanceof HomeError ? error.message : `Cannot start: ${(error as Error).message}`;
    process.stderr.write(`${text}\n`);
    return 1;
  }
}

function readFlags(args: readonly string[]): UpFlags | 'help' | UsageError {
  try {
    return parseUpFlags(args);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}
