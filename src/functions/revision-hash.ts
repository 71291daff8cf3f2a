import { createHash } from 'node:crypto';

/** No vowels and no look-alikes, so that no hash reads as a word (as Kubernetes' own suffixes). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const length = 10;

/** A short name for a JSON value: equal for equal values, whatever the order of their members. */
export function revisionHash(value: unknown): string {
  const digest = createHash('sha256').update(canonical(value)).digest();
  return Array.from(digest.subarray(0, length), (byte) => alphabet[byte % alphabet.length]).join(
    '',
  );
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(
          Object.entries(member)
            .filter(([, child]) => child !== undefined)
            .toSorted(([a], [b]) => (a < b ? -1 : 1)),
        )
      : member,
  );
}
