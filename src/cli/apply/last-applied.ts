import type { KubeObject } from '../../api/index.ts';

/** Where kubectl keeps what it applied last; shared with it, so that the two can take turns. */
export const lastAppliedKey = 'kubectl.kubernetes.io/last-applied-configuration';

/** The object with its own configuration in its annotations, in the bytes that kubectl writes. */
export function withLastApplied(object: KubeObject): KubeObject {
  const { [lastAppliedKey]: _, ...annotations } = object.metadata.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${goJson(plain)}\n`;
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...annotations, [lastAppliedKey]: text } },
  };
}

/** What was applied to a live object last; undefined when nothing that can be read was. */
export function lastApplied(live: KubeObject): Readonly<Record<string, unknown>> | undefined {
  const text = live.metadata.annotations?.[lastAppliedKey];
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

const escapes: Readonly<Record<string, string>> = {
  '<': String.raw`\u003c`,
  '>': String.raw`\u003e`,
  '&': String.raw`\u0026`,
  '\u2028': String.raw`\u2028`,
  '\u2029': String.raw`\u2029`,
};

/** JSON as Go's encoding/json writes a map: sorted keys, no spaces, HTML's characters escaped. */
function goJson(value: unknown): string {
  return JSON.stringify(sorted(value)).replaceAll(
    /[<>&\u2028\u2029]/g,
    (one) => escapes[one] ?? one,
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
