import type { KubeObject, StatusCause } from '../object.ts';
import { definitionSchema } from '../schema/definitions.ts';
import { decodeFault } from '../schema/decode.ts';
import { fieldError } from '../schema/field-error.ts';
import { unchanged } from '../schema/metadata.ts';
import { validateValue } from '../schema/validate-value.ts';
import { parseJsonPath } from '../table/json-path.ts';
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../validation-names.ts';
import type { CrdNames, CrdVersion, CustomResourceDefinition } from './crd.ts';
import { validateStructural } from './structural.ts';

const definition =
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition';
const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];

/** All that is wrong with a CRD, in upstream's words; takes any object, defaulted or not. */
export function validateCrd(object: KubeObject): StatusCause[] {
  const schema = definitionSchema(definition);
  const fault = decodeFault(schema, object);
  if (fault !== undefined) return [fieldError.invalid('', object.kind, fault)];
  const { spec } = object as Partial<CustomResourceDefinition>;
  if (spec === undefined) return [fieldError.required('spec')];
  const place = { path: 'spec', old: undefined };
  const shape = validateValue(schema.properties?.['spec'] ?? {}, spec, place);
  return shape.length > 0 ? [...shape] : [...validateCrdRules(object)];
}

/** The rules of a CRD that its schema has passed. */
export function validateCrdRules(object: KubeObject): readonly StatusCause[] {
  const { metadata, spec } = object as CustomResourceDefinition;
  const causes: StatusCause[] = [];
  if (metadata.name !== `${spec.names.plural}.${spec.group}`) {
    const detail = 'must be spec.names.plural+"."+spec.group';
    causes.push(fieldError.invalid('metadata.name', metadata.name, detail));
  }
  const groupErrors = dns1123SubdomainErrors(spec.group);
  for (const message of groupErrors) {
    causes.push(fieldError.invalid('spec.group', spec.group, message));
  }
  if (groupErrors.length === 0 && !spec.group.includes('.')) {
    const detail = 'should be a domain with at least one dot';
    causes.push(fieldError.invalid('spec.group', spec.group, detail));
  }
  if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') {
    causes.push(fieldError.notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  }
  if (spec.preserveUnknownFields === true) {
    const detail =
      'must be false or omitted: set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    causes.push(fieldError.invalid('spec.preserveUnknownFields', true, detail));
  }
  const strategy = spec.conversion?.strategy ?? 'None';
  if (strategy !== 'None') {
    causes.push(fieldError.notSupported('spec.conversion.strategy', strategy, ['None']));
  }
  causes.push(...validateNames(spec.names), ...validateVersions(spec.versions));
  return causes;
}

/** What an update of a CRD may not change, and versions that objects are stored in. */
export function validateCrdUpdate(object: KubeObject, before: KubeObject): readonly StatusCause[] {
  const { spec, status } = object as CustomResourceDefinition;
  const old = before as CustomResourceDefinition;
  const causes = [...unchanged('spec.group', spec.group, old.spec.group)];
  const established = old.status?.conditions?.some(
    (one) => one.type === 'Established' && one.status === 'True',
  );
  if (established === true) {
    causes.push(
      ...unchanged('spec.scope', spec.scope, old.spec.scope),
      ...unchanged('spec.names.kind', spec.names.kind, old.spec.names.kind),
      ...unchanged('spec.names.plural', spec.names.plural, old.spec.names.plural),
    );
  }
  const names = new Set(spec.versions.map((version) => version.name));
  for (const [i, stored] of (status?.storedVersions ?? []).entries()) {
    if (names.has(stored)) continue;
    const detail =
      'missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions'.replaceAll(
        'v1',
        stored,
      );
    causes.push(fieldError.invalid(`status.storedVersions[${i}]`, stored, detail));
  }
  return causes;
}

function validateNames(names: CrdNames): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const check = (field: string, value: string): void => {
    for (const message of dns1035LabelErrors(value)) {
      causes.push(fieldError.invalid(`spec.names.${field}`, value, message));
    }
  };
  check('plural', names.plural);
  if (names.singular !== undefined && names.singular !== '') check('singular', names.singular);
  for (const field of ['kind', 'listKind'] as const) {
    const value = names[field] ?? '';
    if (value === '') continue;
    for (const message of dns1035LabelErrors(value.toLowerCase())) {
      const detail = `may have mixed case, but should otherwise match: ${message}`;
      causes.push(fieldError.invalid(`spec.names.${field}`, value, detail));
    }
  }
  for (const list of ['shortNames', 'categories'] as const) {
    for (const [i, value] of (names[list] ?? []).entries()) check(`${list}[${i}]`, value);
  }
  if (names.kind === names.listKind) {
    const detail = 'kind and listKind may not be the same';
    causes.push(fieldError.invalid('spec.names.listKind', names.listKind, detail));
  }
  return causes;
}

function validateVersions(versions: readonly CrdVersion[]): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const names = versions.map((version) => version.name);
  if (new Set(names).size !== names.length) {
    causes.push(fieldError.invalid('spec.versions', names, 'must contain unique version names'));
  }
  if (versions.filter((version) => version.storage).length !== 1) {
    const detail = 'must have exactly one version marked as storage version';
    causes.push(fieldError.invalid('spec.versions', names, detail));
  }
  for (const [i, version] of versions.entries()) {
    const path = `spec.versions[${i}]`;
    for (const message of dns1035LabelErrors(version.name)) {
      causes.push(fieldError.invalid(`${path}.name`, version.name, message));
    }
    const schema = version.schema?.openAPIV3Schema;
    const schemaPath = `${path}.schema.openAPIV3Schema`;
    if (schema === undefined) causes.push(fieldError.required(schemaPath, 'schemas are required'));
    else causes.push(...validateStructural(schema, schemaPath));
    causes.push(...validateColumns(version, path), ...validateScale(version, path));
    for (const [j, { jsonPath }] of (version.selectableFields ?? []).entries()) {
      causes.push(...validatePath(jsonPath, `${path}.selectableFields[${j}].jsonPath`));
    }
  }
  return causes;
}

function validateColumns(version: CrdVersion, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  for (const [i, column] of (version.additionalPrinterColumns ?? []).entries()) {
    const at = `${path}.additionalPrinterColumns[${i}]`;
    if (!columnTypes.includes(column.type)) {
      causes.push(fieldError.notSupported(`${at}.type`, column.type, columnTypes));
    }
    causes.push(...validatePath(column.jsonPath, `${at}.jsonPath`));
  }
  return causes;
}

function validatePath(jsonPath: string, field: string): readonly StatusCause[] {
  if (!jsonPath.startsWith('.')) {
    const detail = 'must be a simple json path starting with .';
    return [fieldError.invalid(field, jsonPath, detail)];
  }
  try {
    parseJsonPath(jsonPath);
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [fieldError.invalid(field, jsonPath, why)];
  }
}

function validateScale(version: CrdVersion, path: string): readonly StatusCause[] {
  const scale = version.subresources?.scale;
  if (scale === undefined) return [];
  const at = `${path}.subresources.scale`;
  const causes: StatusCause[] = [];
  const check = (member: 'specReplicasPath' | 'statusReplicasPath', root: string): void => {
    if (scale[member].startsWith(`${root}.`)) return;
    const detail = `should be a json path under ${root}`;
    causes.push(fieldError.invalid(`${at}.${member}`, scale[member], detail));
  };
  check('specReplicasPath', '.spec');
  check('statusReplicasPath', '.status');
  const selector = scale.labelSelectorPath;
  if (selector !== undefined && !/^\.(spec|status)\./.test(selector)) {
    const detail = 'should be a json path under either .spec or .status';
    causes.push(fieldError.invalid(`${at}.labelSelectorPath`, selector, detail));
  }
  return causes;
}
