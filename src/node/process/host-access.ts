import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

const bits = { read: 0o004, execute: 0o001 } as const;

/** The file's facts; undefined when it is not there or cannot be looked at. */
export function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Whether any user can use the file so, judged by the mode bits for others on the whole way. */
export function isOpenToAll(path: string, use: keyof typeof bits): boolean {
  try {
    const real = realpathSync(path);
    return (statSync(real).mode & bits[use]) !== 0 && isPassable(dirname(real));
  } catch {
    return false;
  }
}

/** Whether any user can walk through the folder. */
export function isPassable(folder: string): boolean {
  for (let path = realpathSync(folder); ; path = dirname(path)) {
    if ((statSync(path).mode & bits.execute) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
