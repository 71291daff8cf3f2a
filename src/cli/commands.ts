import { applyCommand } from './apply/apply-command.ts';
import type { Command } from './command.ts';
import { createCommand } from './create/create-command.ts';
import { deleteCommand } from './delete/delete-command.ts';
import { deployCommand } from './deploy/deploy-command.ts';
import { describeCommand } from './describe/describe-command.ts';
import { apiResourcesCommand } from './discovery/api-resources-command.ts';
import { versionCommand } from './discovery/version-command.ts';
import { eventsCommand } from './events/events-command.ts';
import { execCommand } from './exec/exec-command.ts';
import { executeCommand } from './execute/execute-command.ts';
import { getCommand } from './get/get-command.ts';
import { cancelCommand } from './invocations/cancel-command.ts';
import { resultCommand } from './invocations/result-command.ts';
import { annotateCommand, labelCommand } from './labels/label-commands.ts';
import { logsCommand } from './logs/logs-command.ts';
import { revisionsCommand } from './revisions/revisions-command.ts';
import { rollbackCommand } from './revisions/rollback-command.ts';
import { scaleCommand } from './scale/scale-command.ts';
import { topCommand } from './top/top-command.ts';
import { waitCommand } from './wait/wait-command.ts';

/** Every command of the program but those that run the platform, in the order of its help. */
export const commands: readonly Command[] = [
  executeCommand,
  resultCommand,
  cancelCommand,
  deployCommand,
  applyCommand,
  createCommand,
  getCommand,
  describeCommand,
  logsCommand,
  execCommand,
  eventsCommand,
  waitCommand,
  scaleCommand,
  topCommand,
  revisionsCommand,
  rollbackCommand,
  labelCommand,
  annotateCommand,
  deleteCommand,
  apiResourcesCommand,
  versionCommand,
];
