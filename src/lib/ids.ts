import { randomBytes, randomFillSync, randomUUID } from 'node:crypto';

/** Sources of identity, as a parameter so that tests can make them repeatable. */
export interface Ids {
  /** A random UUID (RFC 9562 version 4), as used for `metadata.uid`. */
  uid(): string;
  /** `length` characters of the alphabet that Kubernetes uses for generated name suffixes. */
  suffix(length: number): string;
  /** `digits` (64 at most) random hexadecimal digits; not for secrets, nor to be kept for long. */
  hex(digits: number): string;
  /** `bytes` random bytes in base64url, for tokens. */
  secret(bytes: number): string;
}

/** No vowels and no look-alikes, as in k8s.io/apimachinery/pkg/util/rand. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Random digits in stock: one call for each would cost more than the digits. */
const poolBytes = 16 * 1024;
const pool = Buffer.alloc(poolBytes);
let poolDigits = '';
let poolUsed = 0;

export const randomIds: Ids = {
  uid: () => randomUUID(),
  hex: (digits) => {
    if (poolUsed + digits > poolDigits.length) {
      randomFillSync(pool);
      poolDigits = pool.toString('hex');
      poolUsed = 0;
    }
    poolUsed += digits;
    return poolDigits.slice(poolUsed - digits, poolUsed);
  },
  suffix: (length) => {
    let out = '';
    for (const byte of randomBytes(length)) {
      out += suffixAlphabet[byte % suffixAlphabet.length];
    }
    return out;
  },
  secret: (bytes) => randomBytes(bytes).toString('base64url'),
};
