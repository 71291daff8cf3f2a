import type { KubeObject, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { jsonEqual } from '../schema/json-equal.ts';
import { configMapKeyErrors } from '../validation-names.ts';

/** Most bytes that the values of one ConfigMap or Secret have together. */
export const dataLimitBytes = 1024 * 1024;

type Data = Readonly<Record<string, string>>;

export function keyCauses(data: Data, member: string): readonly StatusCause[] {
  return Object.keys(data).flatMap((key) =>
    configMapKeyErrors(key).map((message) => fieldError.invalid(`${member}[${key}]`, key, message)),
  );
}

/** How many bytes a text in base64 stands for. */
export function decodedLength(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}

/** What may not change once `immutable: true` was stored. */
export function immutableCauses(
  object: KubeObject,
  old: KubeObject,
  members: readonly string[],
): readonly StatusCause[] {
  const now: Readonly<Record<string, unknown>> = { ...object };
  const before: Readonly<Record<string, unknown>> = { ...old };
  if (before['immutable'] !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  return ['immutable', ...members]
    .filter((name) => !jsonEqual(now[name] ?? {}, before[name] ?? {}))
    .map((name) => fieldError.forbidden(name, detail));
}
