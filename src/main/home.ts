import { accessSync, chmodSync, constants, mkdirSync, readFileSync, statSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The paths below `$NOUGHT_HOME`; every folder is 0700 and every secret 0600. */
export interface Home {
  readonly root: string;
  readonly pki: string;
  readonly store: string;
  readonly pods: string;
  readonly logs: string;
  readonly run: string;
  readonly credentials: string;
  readonly kubeconfig: string;
  readonly endpoints: string;
}

/** The user cannot go on with this home; the message names the path and what to do. */
export class HomeError extends Error {
  override readonly name = 'HomeError';
}

/** Layout version of a home; a newer one is refused. */
const layoutVersion = 1;

/** `--home`, else `$NOUGHT_HOME`, else `~/.nought`. */
export function homeRoot(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  return resolve(flag ?? env['NOUGHT_HOME'] ?? join(homedir(), '.nought'));
}

/** Names the paths of a home without touching the disk. */
export function homePaths(root: string): Home {
  return {
    root,
    pki: join(root, 'pki'),
    store: join(root, 'store'),
    pods: join(root, 'pods'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
    credentials: join(root, 'credentials.json'),
    kubeconfig: join(root, 'kubeconfig'),
    endpoints: join(root, 'endpoints.json'),
  };
}

/** Makes what is missing of a home. Throws HomeError when it cannot be used. */
export function prepareHome(root: string): Home {
  const home = homePaths(root);
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    if (!statSync(root).isDirectory())
      throw new HomeError(`Cannot use home "${root}": it is no folder`);
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const folder of [home.pki, home.store, home.pods, home.logs, home.run]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    }
    // Pods run as users of their own and must be able to pass through to their folders.
    for (const folder of [root, home.pods]) chmodSync(folder, 0o711);
  } catch (error) {
    if (error instanceof HomeError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOTDIR' || code === 'EEXIST' ? 'a file is in the way' : String(code);
    throw new HomeError(
      `Cannot use home "${root}": ${why}; make the folder readable and writable for this user, or name another with --home`,
      { cause: error },
    );
  }
  checkLayout(join(root, 'version'));
  return home;
}

function checkLayout(path: string): void {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new HomeError(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
    }
    writeAtomically(path, `${layoutVersion}\n`, 0o600);
    return;
  }
  if (!/^\d+$/.test(text)) {
    throw new HomeError(
      `Cannot use "${path}": it holds "${text.slice(0, 40)}", expected a version number; restore it or start with a fresh --home`,
    );
  }
  if (Number(text) > layoutVersion) {
    throw new HomeError(
      `Cannot use "${path}": the home has layout ${text}, this nought knows ${layoutVersion}; install a newer nought`,
    );
  }
}

/** Replaces a file in one step, so that no reader ever sees half of it. */
export function writeAtomically(path: string, text: string, mode: number): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(temporary, text, { mode, flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
