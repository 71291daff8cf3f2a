import type { Node } from '../core.ts';
import type { PrinterColumn, ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { labelValueErrors, qualifiedNameErrors } from '../validation-names.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, nameColumn, textLabel, wideColumn } from './columns.ts';

const rolePrefix = 'node-role.kubernetes.io/';
const roleLabel = 'kubernetes.io/role';
const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export const nodeDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.core.v1.Node',
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  status: true,
  columns: [
    nameColumn,
    column('Status', 'string', 'Whether it takes pods', (object) => status(asNode(object))),
    column('Roles', 'string', 'Roles, by its labels', (object) => roles(object)),
    ageColumn,
    column(
      'Version',
      'string',
      'Version of its agent',
      (object) => asNode(object).status?.nodeInfo?.['kubeletVersion'] ?? '',
    ),
    addressColumn('Internal-IP', 'InternalIP'),
    addressColumn('External-IP', 'ExternalIP'),
    infoColumn('OS-Image', 'osImage'),
    infoColumn('Kernel-Version', 'kernelVersion'),
    infoColumn('Container-Runtime', 'containerRuntimeVersion'),
  ],
  fieldLabels: {
    'spec.unschedulable': textLabel<Node>((node) => String(node.spec?.unschedulable ?? false)),
  },
  hooks: { validate: validateNode },
});

function validateNode(object: KubeObject): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const seen = new Set<string>();
  for (const [i, taint] of (asNode(object).spec?.taints ?? []).entries()) {
    const path = `spec.taints[${i}]`;
    for (const message of qualifiedNameErrors(taint.key)) {
      causes.push(fieldError.invalid(`${path}.key`, taint.key, message));
    }
    for (const message of labelValueErrors(taint.value ?? '')) {
      causes.push(fieldError.invalid(`${path}.value`, taint.value, message));
    }
    if (!taintEffects.includes(taint.effect)) {
      causes.push(fieldError.notSupported(`${path}.effect`, taint.effect, taintEffects));
    }
    const key = `${taint.key}:${taint.effect}`;
    if (seen.has(key)) causes.push(fieldError.duplicate(path, taint));
    seen.add(key);
  }
  return causes;
}

function status(node: Node): string {
  const ready = node.status?.conditions?.find((one) => one.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function roles(object: KubeObject): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(object.metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix)) found.add(key.slice(rolePrefix.length));
    else if (key === roleLabel) found.add(value);
  }
  found.delete('');
  return found.size === 0 ? '<none>' : [...found].toSorted().join(',');
}

function addressColumn(name: string, type: string): PrinterColumn {
  return wideColumn(name, 'string', `Its address of type ${type}`, (object) => {
    const addresses = asNode(object).status?.addresses ?? [];
    return addresses.find((one) => one.type === type)?.address ?? '<none>';
  });
}

function infoColumn(name: string, member: string): PrinterColumn {
  return wideColumn(name, 'string', `${member} of the node's system`, (object) => {
    const value = asNode(object).status?.nodeInfo?.[member] ?? '';
    return value === '' ? '<unknown>' : value;
  });
}

function asNode(object: KubeObject): Node {
  return object;
}
