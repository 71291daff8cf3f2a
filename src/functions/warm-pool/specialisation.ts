import { isDeepStrictEqual } from 'node:util';
import type { Container, EnvVar, PodTemplateSpec, Volume } from '../../api/index.ts';
import { names } from '../../api/index.ts';
import { defaultResources } from '../pod-template.ts';

export type WarmRuntime = 'node' | 'python';

/** What a pod that booted without code is told, to become one of a function's pods. */
export interface Specialisation {
  readonly runtime: WarmRuntime;
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly handler: string;
  readonly signature: string;
  /** What the template gives its pods to end; a pod of the pool must have as much. */
  readonly graceSeconds: number;
  readonly source: SpecialisationSource;
}

export type SpecialisationSource =
  | {
      readonly kind: 'files';
      readonly configMap: string;
      readonly items: readonly { readonly key: string; readonly path: string }[];
    }
  /** The ConfigMaps that hold a package's chunks, and under which key. */
  | {
      readonly kind: 'package';
      readonly chunks: readonly { readonly configMap: string; readonly key: string }[];
    };

/** What of a pod template a pod of the pool has too, or is told over the wire. */
const knownOfSpec = new Set([
  'containers',
  'volumes',
  'restartPolicy',
  'terminationGracePeriodSeconds',
  'enableServiceLinks',
  'automountServiceAccountToken',
  'dnsPolicy',
  'schedulerName',
  'securityContext',
]);
const knownOfContainer = new Set([
  'name',
  'image',
  'imagePullPolicy',
  'ports',
  'env',
  'resources',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'readinessProbe',
  'volumeMounts',
]);
const ofThePool = new Set(['PORT', 'HOST', 'NOUGHT_CODE', 'NOUGHT_TERMINATION_LOG']);
const signatures = ['json', 'fetch', 'asgi'];
/** What the runtimes and libc read when a process starts: too late for one that has booted. */
const readAtStart = /^(NODE_(?!ENV$)|UV_|PYTHON|LD_|MALLOC_|LANG$|LC_)/;
/** A reference to another variable, or what stands for a dollar: resolved only where a pod is made. */
const expansion = /\$[$(]/;
/** Larger packages take longer over the wire than a pod takes to boot. */
const maxChunks = 4;

/**
 * How a booted pod of a pool becomes a pod of this template; undefined where it cannot: an identity,
 * values that only a node can resolve, resources of its own, code that listens by itself, or anything
 * else that this does not know.
 *
 * Reads the template alone, so that it holds for any revision, as stored or as it will be.
 */
export function specialisationOf({ spec }: PodTemplateSpec): Specialisation | undefined {
  const [container, ...more] = spec.containers;
  if (container === undefined || more.length > 0) return undefined;
  if (!isPlain(spec, knownOfSpec) || !isPlain(container, knownOfContainer)) return undefined;
  if (spec.automountServiceAccountToken !== false) return undefined;
  if (!isDeepStrictEqual(container.resources, defaultResources)) return undefined;
  const env = plainEnv(container.env ?? []);
  const runtime = runtimeOf(container.image ?? '');
  const source = sourceOf(container, spec.volumes ?? []);
  if (env === undefined || runtime === undefined || source === undefined) return undefined;
  const { NOUGHT_HANDLER: handler, NOUGHT_SIGNATURE: signature, ...rest } = env;
  if (handler === undefined || signature === undefined) return undefined;
  if (!signatures.includes(signature)) return undefined;
  const graceSeconds = spec.terminationGracePeriodSeconds ?? 30;
  const image = container.image ?? '';
  return { runtime, image, env: rest, handler, signature, graceSeconds, source };
}

/** True when the object has nothing but the known members; an empty one counts as left out. */
function isPlain(object: object, known: ReadonlySet<string>): boolean {
  return Object.entries(object).every(
    ([name, value]) =>
      value === undefined ||
      (known.has(name) && (name !== 'securityContext' || isDeepStrictEqual(value, {}))),
  );
}

function runtimeOf(image: string): WarmRuntime | undefined {
  if (image.startsWith(`${names.image.node}:`)) return 'node';
  return image.startsWith(`${names.image.python}:`) ? 'python' : undefined;
}

/** The variables that a function's pod has beyond those of the pool; undefined if one is no plain text. */
function plainEnv(variables: readonly EnvVar[]): Record<string, string> | undefined {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of variables) {
    if (ofThePool.has(name)) continue;
    if (valueFrom !== undefined || value === undefined || expansion.test(value)) return undefined;
    if (readAtStart.test(name)) return undefined;
    env[name] = value;
  }
  return env;
}

function sourceOf(
  { volumeMounts = [] }: Container,
  volumes: readonly Volume[],
): SpecialisationSource | undefined {
  const [volume] = volumes;
  const [mount] = volumeMounts;
  if (volumes.length !== 1 || volumeMounts.length !== 1 || mount?.name !== volume?.name) {
    return undefined;
  }
  if (volume?.configMap?.items !== undefined) {
    const { name, items } = volume.configMap;
    return { kind: 'files', configMap: name, items };
  }
  const sources = volume?.projected?.sources ?? [];
  const chunks = sources.flatMap(({ configMap }) => {
    const [item] = configMap?.items ?? [];
    return configMap === undefined || item === undefined
      ? []
      : [{ configMap: configMap.name, key: item.key }];
  });
  if (chunks.length === 0 || chunks.length !== sources.length || chunks.length > maxChunks) {
    return undefined;
  }
  return { kind: 'package', chunks };
}
