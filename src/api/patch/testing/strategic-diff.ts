import type { Schema } from '../../schema.ts';

type Members = Readonly<Record<string, unknown>>;

/** The patch that kubectl would send to make `after` of `before`: a model of the other side. */
export function diffObjects(before: Members, after: Members, of: Schema): Members {
  const patch: [string, unknown][] = [];
  for (const key of Object.keys(before)) if (!(key in after)) patch.push([key, null]);
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    const field = of.properties?.[key] ?? {};
    if (old === undefined) patch.push([key, value]);
    else if (Array.isArray(value) && Array.isArray(old))
      patch.push(...diffLists(key, old, value, field));
    else if (typeof value === 'object') {
      const members = diffObjects(old as Members, value as Members, field);
      const retains = field.patchStrategy?.includes('retainKeys') === true;
      const keys = retains ? { $retainKeys: Object.keys(value as Members) } : {};
      patch.push([key, { ...keys, ...members }]);
    } else if (value !== old) patch.push([key, value]);
  }
  return Object.fromEntries(patch);
}

function diffLists(
  key: string,
  before: unknown[],
  after: unknown[],
  field: Schema,
): [string, unknown][] {
  const mergeKey = field.patchMergeKey;
  if (field.patchStrategy === undefined) return [[key, after]];
  if (mergeKey === undefined) {
    return [
      [`$setElementOrder/${key}`, after],
      [`$deleteFromPrimitiveList/${key}`, before.filter((item) => !after.includes(item))],
      [key, after.filter((item) => !before.includes(item))],
    ];
  }
  const keyOf = (item: unknown): unknown => (item as Members)[mergeKey];
  const changed = (after as Members[]).map((item) => {
    const old = before.find((each) => keyOf(each) === keyOf(item)) as Members | undefined;
    if (old === undefined) return item;
    return { ...diffObjects(old, item, field.items ?? {}), [mergeKey]: keyOf(item) };
  });
  const deleted = before
    .filter((item) => !after.some((each) => keyOf(each) === keyOf(item)))
    .map((item) => ({ $patch: 'delete', [mergeKey]: keyOf(item) }));
  return [
    [`$setElementOrder/${key}`, after.map((item) => ({ [mergeKey]: keyOf(item) }))],
    [key, [...changed, ...deleted]],
  ];
}
