import assert from 'node:assert/strict';
import type { Entry, Store, StoreBatch, Write } from '../store.ts';

export function putText(key: string, value: string): Write {
  return { kind: 'put', key, value: Buffer.from(value) };
}

export function deleteKey(key: string): Write {
  return { kind: 'delete', key };
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}

/** An entry as key, value, createRevision and modRevision. */
export function textOf(
  entry: Entry | undefined,
): [string, string | undefined, number, number] | undefined {
  if (entry === undefined) return undefined;
  return [entry.key, text(entry.value), entry.createRevision, entry.modRevision];
}

/** Commits the writes without conditions; resolves to the revision. */
export async function committed(store: Store, ...writes: readonly Write[]): Promise<number> {
  const result = await store.commit({ compare: [], writes });
  assert.ok(result.kind === 'committed');
  return result.revision;
}

/** Watches until that many batches have come. */
export async function collect(
  store: Store,
  request: { readonly prefix: string; readonly after: number },
  count: number,
): Promise<StoreBatch[]> {
  const batches: StoreBatch[] = [];
  if (count === 0) return batches;
  const { signal } = new AbortController();
  for await (const batch of store.watch({ ...request, signal })) {
    batches.push(batch);
    if (batches.length === count) break;
  }
  return batches;
}
