import { runTogether } from '../lib/run-together.ts';

type Task = (signal: AbortSignal) => Promise<void>;

export interface ControllerRun {
  /** The copies that the tasks decide by. */
  readonly copies: readonly { synced(signal: AbortSignal): Promise<void> }[];
  readonly tasks: readonly Task[];
  /** Take the controller's handlers off these copies again. */
  readonly removers: readonly (() => void)[];
}

/**
 * Runs a controller's tasks from the moment at which its copies are complete until the signal aborts.
 * Rejects when a task fails, after the others have stopped.
 */
export async function runWhenSynced(
  { copies, tasks, removers }: ControllerRun,
  signal: AbortSignal,
): Promise<void> {
  try {
    await Promise.all(copies.map((copy) => copy.synced(signal)));
    await runTogether(tasks, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const remove of removers) remove();
  }
}
