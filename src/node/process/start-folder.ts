import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from '../runtime.ts';
import { terminationLog } from './termination.ts';

/** Makes the folder of one start of a container, with what its processes may write to. */
export function makeStartFolder(folder: string, owner: Owner | undefined): void {
  mkdirSync(folder, { recursive: true, mode: owner === undefined ? 0o700 : 0o711 });
  const own = [join(folder, 'home'), join(folder, 'tmp')];
  for (const path of own) mkdirSync(path, { mode: 0o700 });
  writeFileSync(join(folder, terminationLog), '', { mode: 0o600 });
  if (owner === undefined) return;
  for (const path of [...own, join(folder, terminationLog)]) chownSync(path, owner.uid, owner.gid);
}
