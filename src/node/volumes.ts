import { existsSync } from 'node:fs';
import { chown, mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Container, DownwardFile, KeyToPath, Pod, Volume } from '../api/index.ts';
import { ConfigError, type ConfigRef, type Configuration, readAll } from './configuration.ts';
import { fieldValue, type NodeFacts, resourceValue } from './downward.ts';
import type { Mount, Owner } from './runtime.ts';
import {
  dataLink,
  placeFiles,
  placeSwitchedFiles,
  switchFiles,
  type VolumeFile,
} from './volume-files.ts';

export interface VolumesRequest {
  readonly pod: Pod;
  readonly folder: string;
  readonly owner: Owner | undefined;
  readonly facts: NodeFacts;
  readonly configuration: Configuration;
}

/** A pod's volumes. */
export interface Volumes {
  /** Host path of each by name. */
  readonly paths: ReadonlyMap<string, string>;
  /** What their files came from, as far as it can change. */
  readonly sources: readonly ConfigRef[];
}

/**
 * Makes the pod's volumes in its folder; those that are there are brought up to date.
 *
 * A volume appears with all its files or not at all, and changes from all old files to all new ones.
 * Files of the API are readable by the pod alone, and writable by nobody where the pod has a user of
 * its own. Throws ConfigError when something a volume refers to is missing.
 */
export async function makeVolumes(request: VolumesRequest): Promise<Volumes> {
  const paths = new Map<string, string>();
  const sources: ConfigRef[] = [];
  for (const volume of request.pod.spec.volumes ?? []) {
    const made = await makeVolume(volume, request);
    paths.set(volume.name, made.path);
    sources.push(...made.sources);
  }
  return { paths, sources };
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
    let hostPath = subPath === undefined ? root : join(root, safePath(subPath));
    if (existsSync(hostPath)) {
      // What is mounted by subPath stays as it is when the volume changes.
      if (subPath !== undefined) hostPath = await realpath(hostPath);
    } else {
      await mkdir(hostPath, { recursive: true, mode: 0o700 });
      if (owner !== undefined) await chown(hostPath, owner.uid, owner.gid);
    }
    mounts.push({ mountPath, hostPath, readOnly: readOnly === true });
  }
  return mounts;
}

interface MadeVolume {
  readonly path: string;
  readonly sources: readonly ConfigRef[];
}

async function makeVolume(volume: Volume, request: VolumesRequest): Promise<MadeVolume> {
  if (volume.hostPath !== undefined) {
    return { path: await checkHostPath(volume.hostPath), sources: [] };
  }
  const { owner, pod } = request;
  const path = join(request.folder, volume.name);
  const there = existsSync(path);
  // What has no `..data` cannot change any more.
  if (there && !existsSync(join(path, dataLink))) return { path, sources: [] };
  if (volume.emptyDir !== undefined) {
    await mkdir(path, { mode: 0o700 });
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
    return { path, sources: [] };
  }
  const { configuration, sources } = watchReads(request.configuration);
  const files = await filesOf(volume, { ...request, configuration });
  if (there) switchFiles(path, files, { owner, keep: hasSubPath(pod, volume.name) });
  else if (sources.length > 0 || isDownward(volume)) placeSwitchedFiles(path, files, owner);
  else placeFiles(path, files, owner);
  return { path, sources };
}

/** A configuration that notes of what it reads that which can change. */
function watchReads(configuration: Configuration): {
  readonly configuration: Configuration;
  readonly sources: readonly ConfigRef[];
} {
  const sources: ConfigRef[] = [];
  const read = async (ref: ConfigRef): ReturnType<Configuration['read']> => {
    const found = await configuration.read(ref);
    if (found?.immutable !== true) sources.push(ref);
    return found;
  };
  return { configuration: { ...configuration, read }, sources };
}

function isDownward({ downwardAPI, projected }: Volume): boolean {
  return (
    downwardAPI !== undefined ||
    projected?.sources?.some((source) => source.downwardAPI !== undefined) === true
  );
}

function hasSubPath({ spec }: Pod, volume: string): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].some(({ volumeMounts }) =>
    volumeMounts?.some(({ name, subPath }) => name === volume && subPath !== undefined),
  );
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
