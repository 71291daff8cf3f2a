import { isRecord, type ApiObject } from '../api-object.ts';

/** The member names of a simple path: `.spec.replicas`. */
function pathSegments(path: string): readonly string[] {
  return path.split('.').filter((segment) => segment !== '');
}

/** The value at a simple path; undefined where a member is missing. */
export function readPath(object: unknown, path: string): unknown {
  let value = object;
  for (const segment of pathSegments(path)) {
    if (!isRecord(value) || !Object.hasOwn(value, segment)) return undefined;
    value = value[segment];
  }
  return value;
}

/** A copy of the object with a value at a simple path. */
export function writePath(object: ApiObject, path: string, value: unknown): ApiObject {
  const written = writeSegments(object, pathSegments(path), value);
  const { apiVersion, kind, metadata } = object;
  return { ...Object(written), apiVersion, kind, metadata };
}

function writeSegments(target: unknown, segments: readonly string[], value: unknown): unknown {
  const [first, ...rest] = segments;
  if (first === undefined) return value;
  const members = isRecord(target) ? target : {};
  return { ...members, [first]: writeSegments(members[first], rest, value) };
}
