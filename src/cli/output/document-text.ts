import { isJsonObject } from '../../api/index.ts';

/** An object as `-o json` prints it: four spaces, keys sorted, no managedFields. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(presentable(value), undefined, 4)}\n`;
}

/** An object as `-o yaml` prints it: YAML 1.1, keys sorted, lists not indented, no managedFields. */
export async function yamlText(value: unknown): Promise<string> {
  // Loaded here alone: the library costs more to load than most commands take.
  const { stringify } = await import('yaml');
  return stringify(presentable(value), {
    version: '1.1',
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

/** Keys sorted as Go's maps are written, and without the bookkeeping that nobody reads. */
export function presentable(value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  const { metadata, items } = value;
  const own = isJsonObject(metadata) ? { metadata: { ...metadata, managedFields: undefined } } : {};
  const list = Array.isArray(items) ? { items: items.map(presentable) } : {};
  return sorted({ ...value, ...own, ...list });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
