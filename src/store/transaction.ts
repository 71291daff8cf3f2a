import { checkKey } from './key.ts';
import type { Transaction } from './store.ts';

/** Throws TypeError for an invalid key, and for a key that is written twice. */
export function checkTransaction(transaction: Transaction): void {
  for (const { key } of transaction.compare) checkKey(key);
  const { writes } = transaction;
  const [only] = writes;
  if (only === undefined) return;
  if (writes.length === 1) {
    checkKey(only.key);
    return;
  }
  const written = new Set<string>();
  for (const { key } of writes) {
    checkKey(key);
    if (written.has(key)) throw new TypeError(`Cannot commit: key "${key}" is written twice`);
    written.add(key);
  }
}
