import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';

/** What tells the runtime on a folder from others: the name of its public folder, too. */
export function instanceOf(folder: string): string {
  return createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 12);
}
