import type { KubeObject, StatusCause } from '../object.ts';
import { child, fieldError } from '../schema/field-error.ts';
import { jsonEqual } from '../schema/json-equal.ts';
import { validateLabels } from '../schema/metadata.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../validation-names.ts';
import { type CheckedContainer, validateContainers } from './container-validation.ts';
import { validateVolumes } from './volume-validation.ts';

/** The members of a pod's spec that have rules; their types have been checked. */
export interface CheckedPodSpec {
  readonly containers?: readonly CheckedContainer[];
  readonly initContainers?: readonly CheckedContainer[];
  readonly volumes?: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
  readonly restartPolicy?: string;
  readonly activeDeadlineSeconds?: number;
  readonly terminationGracePeriodSeconds?: number;
  readonly nodeName?: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly serviceAccountName?: string;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly tolerations?: readonly unknown[];
}

const maxSeconds = 2 ** 31 - 1;

export function validatePod(object: KubeObject): readonly StatusCause[] {
  return validatePodSpec(specOf(object), 'spec');
}

/** The rules of a pod's spec, at `path` of the object (`spec.template.spec` in a ReplicaSet). */
export function validatePodSpec(spec: CheckedPodSpec, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const volumes = spec.volumes ?? [];
  causes.push(...validateVolumes(volumes, child(path, 'volumes')));
  const volumeNames = new Set(volumes.map((volume) => volume.name));
  if (spec.containers === undefined || spec.containers.length === 0) {
    causes.push(fieldError.required(child(path, 'containers')));
  }
  causes.push(
    ...validateContainers(spec.containers ?? [], spec.initContainers ?? [], { path, volumeNames }),
  );
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxSeconds)) {
    const detail = `must be between 1 and ${maxSeconds}, inclusive`;
    causes.push(fieldError.invalid(child(path, 'activeDeadlineSeconds'), deadline, detail));
  }
  causes.push(...validateLabels(spec.nodeSelector ?? {}, child(path, 'nodeSelector')));
  const named = [
    ['nodeName', dns1123SubdomainErrors],
    ['serviceAccountName', dns1123SubdomainErrors],
    ['hostname', dns1123LabelErrors],
    ['subdomain', dns1123LabelErrors],
  ] as const;
  for (const [member, errors] of named) {
    const value = spec[member] ?? '';
    if (value === '') continue;
    for (const message of errors(value)) {
      causes.push(fieldError.invalid(child(path, member), value, message));
    }
  }
  return causes;
}

const mayChange =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/**
 * What an update of a pod may change: images, the deadline, more tolerations. A pod without a node
 * may get one, which is what a binding does.
 */
export function validatePodUpdate(object: KubeObject, old: KubeObject): readonly StatusCause[] {
  const spec = specOf(object);
  const before = specOf(old);
  const causes: StatusCause[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list]?.length ?? 0) === (before[list]?.length ?? 0)) continue;
    const detail = 'pod updates may not add or remove containers';
    return [fieldError.forbidden(`spec.${list}`, detail)];
  }
  const deadline = spec.activeDeadlineSeconds;
  const oldDeadline = before.activeDeadlineSeconds;
  if (oldDeadline !== undefined && (deadline === undefined || deadline > oldDeadline)) {
    const detail =
      deadline === undefined
        ? 'must not update from a positive integer to nil value'
        : 'must be less than or equal to previous value';
    causes.push(fieldError.invalid('spec.activeDeadlineSeconds', deadline ?? null, detail));
  }
  const kept = (before.tolerations ?? []).every((one) =>
    (spec.tolerations ?? []).some((other) => jsonEqual(one, other)),
  );
  if (!kept) {
    const detail = 'existing toleration can not be modified except its tolerationSeconds';
    causes.push(fieldError.forbidden('spec.tolerations', detail));
  }
  if (!jsonEqual(withoutChangeable(spec, before), withoutChangeable(before, before))) {
    causes.push(fieldError.forbidden('spec', mayChange));
  }
  return causes;
}

/** The spec with all that an update may change taken from `before`. */
function withoutChangeable(spec: CheckedPodSpec, before: CheckedPodSpec): unknown {
  const images = (list: 'containers' | 'initContainers'): unknown =>
    spec[list]?.map((one, i) => ({ ...one, image: before[list]?.[i]?.image }));
  const graceMayChange =
    (before.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1;
  const out: Record<string, unknown> = {
    ...spec,
    containers: images('containers'),
    initContainers: images('initContainers'),
    activeDeadlineSeconds: undefined,
    tolerations: undefined,
    nodeName: (before.nodeName ?? '') === '' ? undefined : spec.nodeName,
  };
  if (graceMayChange) out['terminationGracePeriodSeconds'] = before.terminationGracePeriodSeconds;
  return JSON.parse(JSON.stringify(out));
}

function specOf(object: KubeObject): CheckedPodSpec {
  return (object as { readonly spec?: CheckedPodSpec }).spec ?? {};
}
