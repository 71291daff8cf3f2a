import { createHash, randomUUID } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Owner } from './runtime.ts';

/** A file of the API in a volume. */
export interface VolumeFile {
  /** Relative to the volume; does not lead out of it. */
  readonly path: string;
  readonly data: Buffer | string;
  /** Whether its owner may execute it. */
  readonly executable: boolean;
}

/** The link that a change of the files moves, as on Kubernetes; programs watch it. */
export const dataLink = '..data';
/** How much of a digest names a state of the files. */
const nameLength = 24;

/**
 * Writes all files beside the target and puts them in place by one rename. In one go: they are small,
 * and a trip to the thread pool and back costs more than each of these calls.
 */
export function placeFiles(
  target: string,
  files: readonly VolumeFile[],
  owner: Owner | undefined,
): void {
  whole(target, (folder) => writeFiles(folder, files, owner));
}

/**
 * As `placeFiles`, with the files behind `..data`, so that `switchFiles` can replace them all at once:
 * `..data` leads to a folder with the files, and links lead through it.
 */
export function placeSwitchedFiles(
  target: string,
  files: readonly VolumeFile[],
  owner: Owner | undefined,
): void {
  const state = stateName(files);
  whole(target, (folder) => {
    makeFolder(folder, owner);
    writeFiles(join(folder, state), files, owner);
    symlinkSync(state, join(folder, dataLink));
    for (const name of topNames(files)) symlinkSync(join(dataLink, name), join(folder, name));
  });
}

/**
 * Puts other files in the place of those in a volume of `placeSwitchedFiles`: whoever opens one file
 * after the other through `..data` gets the old or the new ones. `keep` leaves the old ones for those
 * who hold on to them. Returns whether anything was different.
 */
export function switchFiles(
  target: string,
  files: readonly VolumeFile[],
  { owner, keep }: { readonly owner: Owner | undefined; readonly keep: boolean },
): boolean {
  const [state, before] = [stateName(files), readlinkSync(join(target, dataLink))];
  if (state === before) return false;
  const folder = join(target, state);
  if (!existsSync(folder)) whole(folder, (made) => writeFiles(made, files, owner));
  const link = join(target, `..data.${randomUUID()}`);
  symlinkSync(state, link);
  renameSync(link, join(target, dataLink));
  const names = topNames(files);
  const present = new Set(readdirSync(target).filter((name) => !name.startsWith('..')));
  for (const name of names) {
    if (!present.has(name)) symlinkSync(join(dataLink, name), join(target, name));
  }
  for (const name of present) if (!names.has(name)) rmSync(join(target, name));
  if (!keep) rmSync(join(target, before), { recursive: true, force: true });
  return true;
}

/** Makes something beside its place, and puts it there when it is complete. */
function whole(target: string, make: (folder: string) => void): void {
  const folder = `${target}.${randomUUID()}`;
  try {
    make(folder);
    renameSync(folder, target);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function writeFiles(folder: string, files: readonly VolumeFile[], owner: Owner | undefined): void {
  const made = new Set<string>();
  const need = (path: string): void => {
    if (made.has(path)) return;
    if (path !== folder) need(dirname(path));
    makeFolder(path, owner);
    made.add(path);
  };
  need(folder);
  for (const file of files) {
    const path = join(folder, file.path);
    need(dirname(path));
    const mode = owner === undefined ? 0o600 : 0o640;
    writeFileSync(path, file.data, { mode: file.executable ? mode | 0o110 : mode });
    if (owner !== undefined) chownSync(path, 0, owner.gid);
  }
}

function makeFolder(path: string, owner: Owner | undefined): void {
  mkdirSync(path, { mode: owner === undefined ? 0o700 : 0o750 });
  if (owner !== undefined) chownSync(path, 0, owner.gid);
}

/** The same files have the same name. */
function stateName(files: readonly VolumeFile[]): string {
  const hash = createHash('sha256');
  for (const { path, data, executable } of files) {
    hash.update(JSON.stringify([path, executable, Buffer.byteLength(data)])).update(data);
  }
  return `..${hash.digest('hex').slice(0, nameLength)}`;
}

function topNames(files: readonly VolumeFile[]): ReadonlySet<string> {
  return new Set(files.map(({ path }) => path.split('/', 1)[0] ?? path));
}
