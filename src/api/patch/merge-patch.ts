import { StatusError } from '../status-error.ts';

/**
 * Applies a JSON merge patch (RFC 7396) and returns the result; changes neither argument.
 *
 * Throws a StatusError 400 when the patch is no object: a Kubernetes object cannot become something
 * else.
 */
export function mergePatch(original: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) {
    throw new StatusError(
      400,
      'BadRequest',
      `error decoding patch: json: cannot unmarshal ${goKind(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return merge(original, patch);
}

/** MergePatch of RFC 7396 section 2, for values of any kind. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const members = new Map(isJsonObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key);
    else members.set(key, merge(members.get(key), value));
  }
  return Object.fromEntries(members);
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What Go's JSON decoder calls a value of this kind. */
export function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return value === null ? 'null' : typeof value;
}
