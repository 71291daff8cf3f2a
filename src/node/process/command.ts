import { isAbsolute, join } from 'node:path';
import { type ContainerSpec, StartError } from '../runtime.ts';
import { isOpenToAll, lookAt } from './host-access.ts';
import { hostPaths } from './host-paths.ts';

/** What stands for an image on the process runtime. */
export interface RuntimeImage {
  readonly argv: readonly string[];
  readonly engine: 'node' | 'python';
}

/** Part of the memory limit that a JavaScript heap may take; the rest is for buffers and the runtime. */
const heapShare = 0.8;
const leastHeapMiB = 32;

export interface CommandSurroundings {
  readonly path: string;
  readonly home: string;
  readonly temporary: string;
  readonly terminationLog: string;
  readonly address: string;
  /** Whether the pod has a user of its own, which may do less than the agent's. */
  readonly ownUser: boolean;
}

/** A container's command as the host runs it. */
export interface HostCommand {
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  /** The runtime image serves on a socket that it is handed, and says when it is ready. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

/** The name of an image without tag and digest. */
export function imageName(image: string): string {
  const [name = ''] = image.split('@');
  const tag = name.lastIndexOf(':');
  return tag > name.lastIndexOf('/') ? name.slice(0, tag) : name;
}

/** Translates a container to the host; throws StartError when that cannot be. */
export function hostCommand(
  spec: ContainerSpec,
  image: RuntimeImage | undefined,
  surroundings: CommandSurroundings,
): HostCommand {
  const { home, temporary, terminationLog, address } = surroundings;
  const toHost = hostPaths([
    ...spec.mounts,
    { mountPath: spec.terminationMessagePath, hostPath: terminationLog, readOnly: false },
  ]);
  const env = new Map([
    ['PATH', surroundings.path],
    ['HOME', home],
    ['TMPDIR', temporary],
    ['HOSTNAME', spec.hostname],
  ]);
  for (const [name, value] of spec.env) env.set(name, toHost(value));
  const cwd = spec.workingDir === undefined ? home : toHost(spec.workingDir);
  if (lookAt(cwd)?.isDirectory() !== true) {
    throw new StartError(`Cannot start in workingDir "${cwd}": the host has no such folder`);
  }
  const args = spec.args.map(toHost);
  if (spec.command.length === 0 && image !== undefined) {
    const port = Number(spec.env.get('PORT') ?? spec.ports[0]);
    const serves = spec.env.get('NOUGHT_SIGNATURE') !== 'http' && Number.isInteger(port);
    return {
      argv: [...withHeap(image, spec.memoryBytes), ...args],
      env,
      cwd,
      listen: serves ? { host: address, port } : undefined,
    };
  }
  const [word, ...rest] = spec.command.map(toHost);
  if (word === undefined)
    throw new StartError(`Cannot run image "${spec.image}" without a command`);
  return {
    argv: [
      findProgram(word, env.get('PATH') ?? '', { cwd, own: surroundings.ownUser }),
      ...rest,
      ...args,
    ],
    env,
    cwd,
    listen: undefined,
  };
}

function withHeap(image: RuntimeImage, memoryBytes: number | undefined): readonly string[] {
  const [program, ...rest] = image.argv;
  if (image.engine !== 'node' || memoryBytes === undefined || program === undefined) {
    return image.argv;
  }
  const heapMiB = Math.max(leastHeapMiB, Math.floor((memoryBytes / 2 ** 20) * heapShare));
  return [program, `--max-old-space-size=${heapMiB}`, ...rest];
}

/** Where a program is; throws StartError. `own`: for a user that may do less than the agent's. */
export function findProgram(
  word: string,
  path: string,
  where: { readonly cwd: string; readonly own: boolean },
): string {
  if (word.includes('/')) {
    const program = isAbsolute(word) ? word : join(where.cwd, word);
    // Files of its volumes are the pod's own: what others may do says nothing about them.
    if (isProgram(program, false)) return program;
    throw new StartError(`exec: "${word}": no such file, or it is not executable`);
  }
  for (const folder of path.split(':')) {
    const program = join(folder === '' ? '.' : folder, word);
    if (isProgram(program, where.own)) return program;
  }
  throw new StartError(`exec: "${word}": executable file not found in $PATH`);
}

function isProgram(path: string, own: boolean): boolean {
  const stats = lookAt(path);
  if (stats?.isFile() !== true || (stats.mode & 0o111) === 0) return false;
  return !own || isOpenToAll(path, 'execute');
}
