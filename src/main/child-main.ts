import { createLog } from './process-log.ts';
import type { FromChild, ReadyInfo, ToChild } from './child-protocol.ts';
import type { Log } from '../lib/log.ts';

export interface ChildContext {
  readonly log: Log;
  /** Aborts when the process is to end. */
  readonly signal: AbortSignal;
  /** Tells the supervisor that the process serves. */
  readonly ready: (info: ReadyInfo) => void;
}

/**
 * The frame of each process under the supervisor: takes its configuration, runs until told to stop,
 * and ends by itself when the supervisor is gone.
 */
export function runAsChild<Config>(
  name: string,
  main: (config: Config, context: ChildContext) => Promise<void>,
): void {
  const log = createLog(name);
  const stop = new AbortController();
  let serving = false;
  const end = (why: string): void => {
    if (!stop.signal.aborted) log.info('Stopping', { why });
    stop.abort(new Error(why));
    // Without its configuration it has nothing to end in order.
    if (!serving) process.exit(0);
  };
  // Ctrl-C reaches the whole terminal group; the supervisor decides what it means.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('disconnect', () => end('The supervisor is gone'));
  process.on('uncaughtException', (error) => {
    log.error('Uncaught error', { error: error.stack ?? String(error) });
    process.exit(1);
  });
  process.on('message', (message: ToChild) => {
    switch (message.kind) {
      case 'config':
        void serve(message.config as Config);
        return;
      case 'stop':
        end('Asked by the supervisor');
        return;
    }
  });

  async function serve(config: Config): Promise<void> {
    serving = true;
    try {
      await main(config, {
        log,
        signal: stop.signal,
        ready: (info) => tell({ kind: 'ready', info }),
      });
      process.exit(0);
    } catch (error) {
      if (stop.signal.aborted) process.exit(0);
      log.error('Cannot go on', { error: (error as Error).stack ?? String(error) });
      tell({ kind: 'failed', message: (error as Error).message });
      process.exitCode = 1;
      process.disconnect?.();
    }
  }

  function tell(message: FromChild): void {
    if (process.connected) process.send?.(message);
  }
}
