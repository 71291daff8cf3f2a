import type { PrinterColumn, ResourceDescriptor } from '../descriptor.ts';
import { allVerbs } from '../kinds/builtin.ts';
import { ageColumn, nameColumn, since } from '../kinds/columns.ts';
import type { KubeObject } from '../object.ts';
import type { Schema } from '../schema.ts';
import { definitionSchema } from '../schema/definitions.ts';
import { fromJsonSchema, type JsonSchema } from '../schema/json-schema.ts';
import { parseJsonPath } from '../table/json-path.ts';
import type { CrdColumn, CrdVersion, CustomResourceDefinition } from './crd.ts';

/**
 * The descriptors of the served versions of a CRD, the storage version first. The CRD must be valid.
 */
export function descriptorsFromCrd(object: KubeObject): readonly ResourceDescriptor[] {
  const crd = object as CustomResourceDefinition;
  return crd.spec.versions
    .filter((version) => version.served)
    .toSorted((a, b) => Number(b.storage) - Number(a.storage))
    .map((version) => descriptorOf(crd, version));
}

function descriptorOf(crd: CustomResourceDefinition, version: CrdVersion): ResourceDescriptor {
  const { group, names, scope } = crd.spec;
  const scale = version.subresources?.scale;
  return {
    origin: 'custom',
    group,
    version: version.name,
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    verbs: allVerbs,
    status: version.subresources?.status !== undefined,
    scale:
      scale === undefined
        ? undefined
        : {
            specReplicas: scale.specReplicasPath,
            statusReplicas: scale.statusReplicasPath,
            labelSelector: scale.labelSelectorPath,
          },
    schema: crdSchema(version.schema?.openAPIV3Schema ?? { type: 'object' }),
    columns: columnsOf(version.additionalPrinterColumns ?? []),
    fieldLabels: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), label(jsonPath)]),
    ),
    unconditionalUpdate: false,
    createOnUpdate: false,
    strategicMerge: false,
    hooks: {},
  };
}

/** The structural schema of a version, with the members that every object has. */
function crdSchema(json: JsonSchema): Schema {
  const schema = fromJsonSchema(json, (ref) => {
    throw new SyntaxError(`Cannot use $ref "${ref}" in a CRD: write the schema out`);
  });
  const text: Schema = { type: 'string' };
  return {
    ...schema,
    type: 'object',
    properties: {
      apiVersion: text,
      kind: text,
      metadata: definitionSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'),
      ...withoutServerMembers(schema.properties ?? {}),
    },
  };
}

/** The server's own schema of metadata counts; of a CRD's only the description is of use. */
function withoutServerMembers(
  properties: Readonly<Record<string, Schema>>,
): Readonly<Record<string, Schema>> {
  const { metadata: _, ...rest } = properties;
  return rest;
}

function columnsOf(columns: readonly CrdColumn[]): readonly PrinterColumn[] {
  if (columns.length === 0) return [nameColumn, ageColumn];
  return [nameColumn, ...columns.map(columnOf)];
}

function columnOf(column: CrdColumn): PrinterColumn {
  const path = parseJsonPath(column.jsonPath);
  const type = column.type as PrinterColumn['type'];
  return {
    name: column.name,
    type,
    format: column.format ?? '',
    description: column.description ?? `Value at ${column.jsonPath}`,
    priority: column.priority ?? 0,
    cell: (object, now) => cellOf(type, path.find(object)[0], now),
  };
}

/** A value in a column of a type; null where it does not fit. */
function cellOf(
  type: PrinterColumn['type'],
  value: unknown,
  now: number,
): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? dateCell(value, now) : null;
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value);
    default:
      return type satisfies never;
  }
}

function dateCell(value: string, now: number): string {
  return Number.isNaN(Date.parse(value)) ? '<invalid>' : since(value, now);
}

function label(jsonPath: string): (object: KubeObject) => string {
  const path = parseJsonPath(jsonPath);
  return (object) => {
    const [value] = path.find(object);
    return typeof value === 'string' ? value : value == null ? '' : JSON.stringify(value);
  };
}
