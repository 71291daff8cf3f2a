import type { KubeObject } from '../api/index.ts';

/** An object of any kind: what all have in common is typed, the rest is reached by name. */
export interface ApiObject extends KubeObject {
  readonly [member: string]: unknown;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member of a value when it is an object that has one. */
export function member(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The member of a value when it is a text; empty otherwise. */
export function textMember(value: unknown, name: string): string {
  const found = member(value, name);
  return typeof found === 'string' ? found : '';
}

/** The object without one of its members. */
export function without(object: ApiObject, name: string): ApiObject {
  if (!Object.hasOwn(object, name)) return object;
  const { [name]: _dropped, ...rest } = object;
  return { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata: object.metadata };
}

/** True when two JSON values are equal whatever the order of their members; undefined is absent. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => sameJson(item, b[index]))
    );
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  for (const [name, value] of Object.entries(a)) {
    if (!sameJson(value, member(b, name))) return false;
  }
  for (const [name, value] of Object.entries(b)) {
    if (value !== undefined && member(a, name) === undefined) return false;
  }
  return true;
}
