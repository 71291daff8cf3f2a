import type {
  ConfigMap,
  FunctionObject,
  OwnerReference,
  PodTemplateSpec,
  ReplicaSet,
} from '../api/index.ts';
import { names, revisionRecord } from '../api/index.ts';
import { annotations } from './annotations.ts';
import { type CodeFile, functionCode } from './function-code.ts';
import { type Placement, podTemplate } from './pod-template.ts';
import { revisionHash } from './revision-hash.ts';
import { type Settings, settingsOf } from './settings.ts';

/** One revision of a Function, ready to be made into objects. */
export interface Blueprint {
  readonly revision: string;
  /** Name of the ReplicaSet and of the ConfigMap. */
  readonly name: string;
  readonly files: readonly CodeFile[];
  readonly template: PodTemplateSpec;
  readonly templateHash: string;
  /** What of the spec made it (`revisionRecord`); undefined when that is too long to keep. */
  readonly record: string | undefined;
}

/** A Function's spec, resolved. */
export type Resolved =
  | { readonly kind: 'valid'; readonly settings: Settings; readonly blueprint: Blueprint }
  | {
      readonly kind: 'invalid';
      readonly settings: Settings;
      readonly reason: string;
      readonly message: string;
    };

/**
 * Resolves a Function's spec into the revision that it asks for.
 *
 * The revision's name is a hash of what the code can tell apart: code, runtime, handler, environment,
 * resources, identity. The gateway's URL and the grace period are left out, so that moving the
 * gateway or changing a timeout restarts nothing; they are mended in the template in place.
 */
export function resolveFunction(fn: FunctionObject, placement: Placement): Resolved {
  const settings = settingsOf(fn.spec);
  const code = functionCode(fn.spec);
  if (code.kind === 'invalid') {
    return { kind: 'invalid', settings, reason: code.reason, message: code.message };
  }
  const problem = specProblem(fn);
  if (problem !== undefined) {
    return { kind: 'invalid', settings, reason: 'InvalidSpec', message: problem };
  }
  const build = (name: string, place: Placement, seconds: number): PodTemplateSpec =>
    podTemplate({ fn, code, revision: name, placement: place, graceSeconds: seconds });
  const files = code.kind === 'files' ? code.files : [];
  const identity = build('', { ...placement, gatewayUrl: '' }, 0);
  const revision = revisionHash([identity, files]);
  const template = build(revision, placement, graceSeconds(settings));
  return {
    kind: 'valid',
    settings,
    blueprint: {
      revision,
      name: `${fn.metadata.name}-${revision}`,
      files,
      template,
      templateHash: revisionHash(template),
      record: revisionRecord(fn.spec),
    },
  };
}

const longestGraceSeconds = 3605;
/** What a pod has beyond the timeout of its last request to end in good order. */
const graceMarginSeconds = 5;

function graceSeconds({ timeoutMs }: Settings): number {
  return Math.min(longestGraceSeconds, Math.ceil(timeoutMs / 1000) + graceMarginSeconds);
}

const longestLabelValue = 63;
const reservedEnv = /^(PORT|HOST|K_SERVICE|K_REVISION|NOUGHT_.*)$/;

function specProblem(fn: FunctionObject): string | undefined {
  const { name } = fn.metadata;
  if (name.length > longestLabelValue) {
    return `Cannot run Function "${name}": its name has more than ${longestLabelValue} characters`;
  }
  const taken = fn.spec.env?.find((variable) => reservedEnv.test(variable.name));
  return taken === undefined
    ? undefined
    : `Cannot set the environment variable "${taken.name}": the platform sets it`;
}

/** The immutable ConfigMap with the revision's files: keys `f0`, `f1`, … in the order of the files. */
export function codeConfigMap(fn: FunctionObject, { name, files, revision }: Blueprint): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: objectMeta(fn, name, revision),
    immutable: true,
    data: Object.fromEntries(files.map(({ text }, index) => [`f${index}`, text])),
  };
}

/** The revision's ReplicaSet as it is first made. */
export function revisionReplicaSet(
  fn: FunctionObject,
  blueprint: Blueprint,
  first: { readonly replicas: number; readonly requestedAt: string },
): ReplicaSet {
  const { name, revision, template, templateHash, record } = blueprint;
  const metadata = objectMeta(fn, name, revision);
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      ...metadata,
      annotations: {
        [annotations.requestedAt]: first.requestedAt,
        [annotations.template]: templateHash,
        ...(record === undefined ? {} : { [annotations.revisionSpec]: record }),
      },
    },
    spec: {
      replicas: first.replicas,
      selector: { matchLabels: { ...metadata.labels } },
      template,
    },
  };
}

function objectMeta(fn: FunctionObject, name: string, revision: string) {
  return {
    name,
    ...(fn.metadata.namespace === undefined ? {} : { namespace: fn.metadata.namespace }),
    labels: { [names.label.function]: fn.metadata.name, [names.label.revision]: revision },
    ownerReferences: [ownerReference(fn)],
  };
}

function ownerReference(fn: FunctionObject): OwnerReference {
  return {
    apiVersion: fn.apiVersion,
    kind: fn.kind,
    name: fn.metadata.name,
    uid: fn.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}
