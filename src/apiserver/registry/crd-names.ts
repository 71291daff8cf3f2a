import { isRecord, member, type ApiObject } from '../api-object.ts';
import type { Resource } from './resource.ts';

/** The names of a CRD, with what upstream fills in. */
export function namesOf(crd: ApiObject): Readonly<Record<string, unknown>> {
  const names = member(crd['spec'], 'names');
  const given = isRecord(names) ? names : {};
  const kind = typeof given['kind'] === 'string' ? given['kind'] : '';
  return { singular: kind.toLowerCase(), listKind: `${kind}List`, ...given };
}

interface NameConflict {
  readonly reason: string;
  readonly message: string;
}

/** The first name of a CRD that another kind of its group has already; undefined when all are free. */
export function nameConflict(
  crd: ApiObject,
  resources: Iterable<Resource>,
): NameConflict | undefined {
  const group = member(crd['spec'], 'group');
  const names = namesOf(crd);
  const taken = new Set<unknown>();
  const takenKinds = new Set<unknown>();
  for (const { descriptor } of resources) {
    const { plural, singular, shortNames, kind, listKind, origin } = descriptor;
    if (descriptor.group !== group) continue;
    if (origin === 'custom' && plural === names['plural']) continue;
    for (const name of [plural, singular, ...shortNames]) taken.add(name);
    takenKinds.add(kind).add(listKind);
  }
  const shortNames = names['shortNames'];
  const checks: readonly (readonly [reason: string, name: unknown, used: Set<unknown>])[] = [
    ['PluralConflict', names['plural'], taken],
    ['SingularConflict', names['singular'], taken],
    ...(Array.isArray(shortNames) ? shortNames : []).map(
      (name: unknown) => ['ShortNamesConflict', name, taken] as const,
    ),
    ['KindConflict', names['kind'], takenKinds],
    ['ListKindConflict', names['listKind'], takenKinds],
  ];
  const clash = checks.find(([, name, used]) => used.has(name));
  if (clash === undefined) return undefined;
  return { reason: clash[0], message: `${JSON.stringify(clash[1])} is already in use` };
}
