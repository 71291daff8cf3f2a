import type { Container, EnvVar, Pod } from '../api/index.ts';
import { type Configuration, readAll, readKey } from './configuration.ts';
import { fieldValue, type NodeFacts, resourceValue } from './downward.ts';
import { expand } from './expand.ts';

export interface EnvironmentRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly facts: NodeFacts;
  readonly configuration: Configuration;
}

/**
 * The variables of a container: envFrom in order, then env in order, each of which may use `$(…)` of
 * those before it. Throws ConfigError when something it refers to is missing.
 */
export async function resolveEnvironment(
  request: EnvironmentRequest,
): Promise<ReadonlyMap<string, string>> {
  const { pod, container, configuration } = request;
  const namespace = pod.metadata.namespace ?? 'default';
  const variables = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    if (ref === undefined) continue;
    const kind = configMapRef === undefined ? 'Secret' : 'ConfigMap';
    const source = { kind, namespace, name: ref.name } as const;
    const data = await readAll(configuration, source, ref.optional === true);
    for (const [key, value] of data ?? []) variables.set(prefix + key, value.toString('utf8'));
  }
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, request, variables);
    if (value !== undefined) variables.set(variable.name, value);
  }
  return variables;
}

async function valueOf(
  { value, valueFrom }: EnvVar,
  { pod, container, facts, configuration }: EnvironmentRequest,
  before: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expand(value ?? '', before);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) return fieldValue(pod, fieldRef.fieldPath, facts);
  if (resourceFieldRef !== undefined) {
    return resourceValue(pod, container, resourceFieldRef, facts);
  }
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) return '';
  const source = {
    kind: configMapKeyRef === undefined ? 'Secret' : 'ConfigMap',
    namespace: pod.metadata.namespace ?? 'default',
    name: ref.name,
  } as const;
  return readKey(configuration, source, ref.key, ref.optional === true);
}
