import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { promisify } from 'node:util';
import type { Owner } from '../runtime.ts';
import type { Cgroups } from './cgroups.ts';
import { isOpenToAll, isPassable } from './host-access.ts';

/** Users of pods; far above what hosts give to people, and different for each agent on a host. */
const firstUser = 600_000_000;
const usersPerInstance = 10_000;
const instancesOfUsers = 300_000;

const run = promisify(execFile);

/** What this host lets us put between pods, found out once at start. */
export interface Isolation {
  /** Where pods' folders are; other users can pass through it when pods have users of their own. */
  readonly folder: string;
  /** The user of the pod with that number and images; undefined when it shares the agent's user. */
  owner(index: number, images: readonly string[]): Owner | undefined;
  /** Words before a command that give up rights. */
  wrap(owner: Owner | undefined): readonly string[];
  readonly limitations: readonly string[];
}

export interface IsolationRequest {
  readonly instance: string;
  /** Where pods' folders should be. */
  readonly folder: string;
  /** Where they go when other users cannot get there. */
  readonly publicFolder: string;
  /** Commands of the runtime images by their image. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly cgroups: Cgroups;
}

/** Tries what this host allows; takes some milliseconds. */
export async function findIsolation(request: IsolationRequest): Promise<Isolation> {
  const limitations: string[] = [];
  const setpriv = await setprivWorks();
  if (!setpriv) limitations.push('Pods can gain rights by setuid programs: setpriv is missing');
  const owners = await findOwners(request, setpriv, limitations);
  for (const [controller, what] of [
    ['memory', 'Memory limits are checked once a second only'],
    ['pids', 'The number of processes of a pod is not limited'],
    ['cpu', 'CPU limits are not enforced'],
  ] as const) {
    if (!request.cgroups.limits(controller)) {
      limitations.push(`${what}: the ${controller} cgroup is not writable`);
    }
  }
  limitations.push(
    'Pods see the files, processes and network of the host, as far as their users allow',
  );
  return {
    folder: owners?.folder ?? privateFolder(request.folder),
    owner: (index, images) =>
      images.some((image) => owners?.unfit.has(image)) ? undefined : owners?.owner(index),
    wrap: (owner) => (setpriv ? setprivWords(owner) : []),
    limitations,
  };
}

interface Owners {
  readonly folder: string;
  readonly owner: (index: number) => Owner;
  /** Images whose command other users cannot run. */
  readonly unfit: ReadonlySet<string>;
}

async function findOwners(
  request: IsolationRequest,
  setpriv: boolean,
  limitations: string[],
): Promise<Owners | undefined> {
  if (process.getuid?.() !== 0) {
    limitations.push('Pods run as the user of the agent: only root can give each its own');
    return undefined;
  }
  if (!setpriv) {
    limitations.push('Pods run as root: setpriv is missing');
    return undefined;
  }
  const slot = Number.parseInt(request.instance.slice(0, 8), 16) % instancesOfUsers;
  const base = firstUser + slot * usersPerInstance;
  const owner = (index: number): Owner => {
    const id = base + (index % usersPerInstance);
    return { uid: id, gid: id };
  };
  const unfit = new Set<string>();
  await Promise.all(
    [...request.commands].map(async ([image, command]) => {
      const problem = await cannotRun(command, owner(0));
      if (problem === undefined) return;
      unfit.add(image);
      limitations.push(`Pods of ${image} run as root: another user cannot run it (${problem})`);
    }),
  );
  return { folder: passableFolder(request), owner, unfit };
}

/** Why another user cannot run a command of a runtime image; undefined when it can. */
async function cannotRun(command: readonly string[], owner: Owner): Promise<string | undefined> {
  const closed = command.slice(1).find((word) => isAbsolute(word) && !isOpenToAll(word, 'read'));
  if (closed !== undefined) return `${closed} is not readable by all`;
  try {
    await run('setpriv', [...setprivWords(owner).slice(1), command[0] as string, '--version'], {
      cwd: '/',
      timeout: 10_000,
    });
    return undefined;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return (stderr?.trim() || message).split('\n')[0];
  }
}

function setprivWords(owner: Owner | undefined): readonly string[] {
  if (owner === undefined) return ['setpriv', '--no-new-privs', '--'];
  return [
    'setpriv',
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--no-new-privs',
    '--inh-caps=-all',
    '--bounding-set=-all',
    '--',
  ];
}

async function setprivWorks(): Promise<boolean> {
  try {
    await run('setpriv', ['--no-new-privs', '--', 'true']);
    return true;
  } catch {
    return false;
  }
}

function passableFolder(request: IsolationRequest): string {
  mkdirSync(request.folder, { recursive: true, mode: 0o700 });
  const folder = isPassable(dirname(request.folder)) ? request.folder : request.publicFolder;
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  chmodSync(folder, 0o711);
  return folder;
}

function privateFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
