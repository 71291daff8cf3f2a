import type { Command } from './command.ts';
import { executeCommand } from './execute/execute-command.ts';

/** Every command of the program but those that run the platform. */
export const commands: readonly Command[] = [executeCommand];
