import { applyCommand } from './apply/apply-command.ts';
import type { Command } from './command.ts';
import { deleteCommand } from './delete/delete-command.ts';
import { getCommand } from './get/get-command.ts';
import { executeCommand } from './execute/execute-command.ts';
import { logsCommand } from './logs/logs-command.ts';
import { waitCommand } from './wait/wait-command.ts';

/** Every command of the program but those that run the platform. */
export const commands: readonly Command[] = [
  executeCommand,
  applyCommand,
  deleteCommand,
  getCommand,
  logsCommand,
  waitCommand,
];
