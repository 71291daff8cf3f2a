import { randomUUID } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { Container, DownwardFile, KeyToPath, Pod, Volume } from '../api/index.ts';
import { ConfigError, type ConfigRef, type Configuration, readAll } from './configuration.ts';
import { fieldValue, type NodeFacts, resourceValue } from './downward.ts';
import type { Mount, Owner } from './runtime.ts';

export interface VolumesRequest {
  readonly pod: Pod;
  readonly folder: string;
  readonly owner: Owner | undefined;
  readonly facts: NodeFacts;
  readonly configuration: Configuration;
}

interface VolumeFile {
  readonly path: string;
  readonly data: Buffer | string;
  /** Whether its owner may execute it. */
  readonly executable: boolean;
}

/**
 * Makes the pod's volumes in its folder and returns the host path of each by name.
 *
 * A volume appears with all its files or not at all, and one that is there is left as it is. Files of
 * the API are readable by the pod alone, and writable by nobody where the pod has a user of its own.
 * Throws ConfigError when something a volume refers to is missing.
 */
export async function makeVolumes(request: VolumesRequest): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  for (const volume of request.pod.spec.volumes ?? []) {
    paths.set(volume.name, await makeVolume(volume, request));
  }
  return paths;
}

/** What the volumes of a pod are going to be read from. */
export function volumeSources({ metadata, spec }: Pod): readonly ConfigRef[] {
  const { namespace = 'default' } = metadata;
  const parts = (spec.volumes ?? []).flatMap((volume) => [
    volume,
    ...(volume.projected?.sources ?? []).map((source) => ({ name: '', ...projectedPart(source) })),
  ]);
  return parts.flatMap(({ configMap, secret }): ConfigRef[] => {
    if (configMap !== undefined) return [{ kind: 'ConfigMap', namespace, name: configMap.name }];
    return secret === undefined ? [] : [{ kind: 'Secret', namespace, name: secret.secretName }];
  });
}

/** The mounts of a container; makes the folders of `subPath`. */
export async function mountsOf(
  container: Container,
  volumes: ReadonlyMap<string, string>,
  owner: Owner | undefined,
): Promise<readonly Mount[]> {
  const mounts: Mount[] = [];
  for (const { name, mountPath, subPath, readOnly } of container.volumeMounts ?? []) {
    const root = volumes.get(name);
    if (root === undefined) throw new ConfigError(`no volume named "${name}"`);
    const hostPath = subPath === undefined ? root : join(root, safePath(subPath));
    if (!existsSync(hostPath)) {
      await mkdir(hostPath, { recursive: true, mode: 0o700 });
      if (owner !== undefined) await chown(hostPath, owner.uid, owner.gid);
    }
    mounts.push({ mountPath, hostPath, readOnly: readOnly === true });
  }
  return mounts;
}

async function makeVolume(volume: Volume, request: VolumesRequest): Promise<string> {
  if (volume.hostPath !== undefined) return checkHostPath(volume.hostPath);
  const target = join(request.folder, volume.name);
  if (existsSync(target)) return target;
  if (volume.emptyDir !== undefined) {
    const { owner } = request;
    await mkdir(target, { mode: 0o700 });
    if (owner !== undefined) await chown(target, owner.uid, owner.gid);
    return target;
  }
  placeFiles(target, await filesOf(volume, request), request.owner);
  return target;
}

async function filesOf(volume: Volume, request: VolumesRequest): Promise<readonly VolumeFile[]> {
  const namespace = request.pod.metadata.namespace ?? 'default';
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    const ref = { kind: 'ConfigMap', namespace, name: configMap.name } as const;
    return keyFiles(ref, configMap, request.configuration);
  }
  if (secret !== undefined) {
    const ref = { kind: 'Secret', namespace, name: secret.secretName } as const;
    return keyFiles(ref, secret, request.configuration);
  }
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI, request);
  if (projected === undefined) {
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
    throw new ConfigError(
      `volume "${volume.name}" is of kind ${kind}, which is not supported here`,
    );
  }
  const files: VolumeFile[] = [];
  for (const source of projected.sources ?? []) {
    const part = { name: volume.name, ...projectedPart(source) };
    files.push(...(await filesOf(part, request)));
  }
  return files;
}

function projectedPart(
  source: NonNullable<NonNullable<Volume['projected']>['sources']>[number],
): Omit<Volume, 'name'> {
  const { secret, ...rest } = source;
  if (secret === undefined) return rest;
  const { name, ...options } = secret;
  return { secret: { secretName: name, ...options } };
}

interface KeyOptions {
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
  readonly defaultMode?: number;
}

async function keyFiles(
  ref: ConfigRef,
  { items, optional, defaultMode }: KeyOptions,
  configuration: Configuration,
): Promise<readonly VolumeFile[]> {
  const data = await readAll(configuration, ref, optional === true);
  if (data === undefined) return [];
  const wanted: readonly KeyToPath[] = items ?? [...data.keys()].map((key) => ({ key, path: key }));
  return wanted.flatMap(({ key, path, mode }) => {
    const bytes = data.get(key);
    if (bytes === undefined) {
      if (optional === true) return [];
      throw new ConfigError(`${ref.kind} "${ref.name}" references non-existent key: ${key}`, ref);
    }
    return [{ path: safePath(path), data: bytes, executable: executable(mode ?? defaultMode) }];
  });
}

function downwardFiles(
  { items, defaultMode }: { items?: readonly DownwardFile[]; defaultMode?: number },
  { pod, facts }: VolumesRequest,
): readonly VolumeFile[] {
  return (items ?? []).map(({ path, mode, fieldRef, resourceFieldRef }) => {
    const data =
      resourceFieldRef === undefined
        ? fieldValue(pod, fieldRef?.fieldPath ?? '', facts)
        : resourceValue(pod, undefined, resourceFieldRef, facts);
    return { path: safePath(path), data, executable: executable(mode ?? defaultMode) };
  });
}

/**
 * Writes all files beside the target and puts them in place by one rename. In one go: they are small,
 * and a trip to the thread pool and back costs more than each of these calls.
 */
function placeFiles(target: string, files: readonly VolumeFile[], owner: Owner | undefined): void {
  const folder = `${target}.${randomUUID()}`;
  const made = new Set<string>();
  const makeFolder = (path: string): void => {
    if (made.has(path)) return;
    if (path !== folder) makeFolder(dirname(path));
    mkdirSync(path, { mode: owner === undefined ? 0o700 : 0o750 });
    if (owner !== undefined) chownSync(path, 0, owner.gid);
    made.add(path);
  };
  try {
    makeFolder(folder);
    for (const file of files) {
      const path = join(folder, file.path);
      makeFolder(dirname(path));
      const mode = owner === undefined ? 0o600 : 0o640;
      writeFileSync(path, file.data, { mode: file.executable ? mode | 0o110 : mode });
      if (owner !== undefined) chownSync(path, 0, owner.gid);
    }
    renameSync(folder, target);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function checkHostPath({
  path,
  type = '',
}: {
  path: string;
  type?: string;
}): Promise<string> {
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate') await writeFile(path, '', { flag: 'a', mode: 0o644 });
  const stats = await stat(path).catch(() => undefined);
  const fits =
    type === '' ||
    (type.startsWith('Directory') && stats?.isDirectory() === true) ||
    (type.startsWith('File') && stats?.isFile() === true) ||
    (type === 'Socket' && stats?.isSocket() === true) ||
    (type === 'CharDevice' && stats?.isCharacterDevice() === true) ||
    (type === 'BlockDevice' && stats?.isBlockDevice() === true);
  if (!fits) throw new ConfigError(`hostPath type check failed: ${path} is not a ${type}`);
  return path;
}

function executable(mode: number | undefined): boolean {
  return ((mode ?? 0) & 0o100) !== 0;
}

/** A relative path that stays inside; the API server has said the same before. */
function safePath(path: string): string {
  const clean = normalize(path);
  if (clean.startsWith('/') || clean.split('/').includes('..')) {
    throw new ConfigError(`path "${path}" leads out of its volume`);
  }
  return clean;
}
