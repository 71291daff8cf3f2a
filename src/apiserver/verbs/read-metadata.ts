import type { ObjectMeta, OwnerReference } from '../../api/index.ts';
import { isRecord } from '../api-object.ts';
import { badRequest } from '../refusals.ts';

const textFields = new Set([
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
]);
const numberFields = new Set(['generation', 'deletionGracePeriodSeconds']);
/** Not kept: the server tracks no managers yet, and selfLink is gone from the API. */
const dropped = new Set(['managedFields', 'selfLink']);

/**
 * Parses the metadata of an object that came from outside: each known member has its type, empty
 * texts and nulls count as absent (clients of protobuf send them), unknown members are gone.
 *
 * Throws StatusError 400 that begins with `context`.
 */
export function readMetadata(value: unknown, context: string): ObjectMeta {
  if (value === undefined || value === null) return { name: '' };
  if (!isRecord(value)) throw badRequest(`${context}: metadata is not an object`);
  const out: Record<string, unknown> = { name: '' };
  for (const [field, raw] of Object.entries(value)) {
    if (raw === null || raw === undefined || raw === '' || dropped.has(field)) continue;
    const problem = typeProblem(field, raw);
    if (problem !== undefined) throw badRequest(`${context}: metadata.${field} ${problem}`);
    out[field] = raw;
  }
  return out as ObjectMeta & typeof out;
}

function typeProblem(field: string, value: unknown): string | undefined {
  if (textFields.has(field)) return typeof value === 'string' ? undefined : 'is not a string';
  if (numberFields.has(field)) return Number.isInteger(value) ? undefined : 'is not an integer';
  switch (field) {
    case 'labels':
    case 'annotations':
      return isRecord(value) && Object.values(value).every(isText)
        ? undefined
        : 'is not a map of strings';
    case 'finalizers':
      return Array.isArray(value) && value.every(isText) ? undefined : 'is not a list of strings';
    case 'ownerReferences':
      return Array.isArray(value) && value.every(isOwnerReference)
        ? undefined
        : 'is not a list of owner references';
    default:
      return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isOwnerReference(value: unknown): value is OwnerReference {
  return (
    isRecord(value) &&
    ['apiVersion', 'kind', 'name', 'uid'].every((field) => {
      const text = value[field];
      return text === undefined || isText(text);
    })
  );
}
