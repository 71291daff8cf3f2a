import { createHmac } from 'node:crypto';
import type { FunctionObject } from '../../api/index.ts';
import type { Ids } from '../../lib/ids.ts';

/** Characters of an alphabet of 27: more than 128 bits. */
const randomLength = 28;
/** Hexadecimal digits: 128 bits. */
const hashLength = 32;
/** So that the whole name stays within the 253 characters that Kubernetes allows. */
const prefixLength = 200;

/** A name that nobody can guess: who knows it may read the result. */
export function randomName(fn: FunctionObject, ids: Ids): string {
  return `${prefixOf(fn)}-${ids.suffix(randomLength)}`;
}

/**
 * The name that a client's Idempotency-Key stands for, the same at every gateway.
 *
 * It is keyed by the Function's uid, which callers do not see: an idempotency key that can be guessed
 * ("order-17") does not give the name away.
 */
export function keyedName(fn: FunctionObject, idempotencyKey: string): string {
  const hash = createHmac('sha256', fn.metadata.uid ?? '')
    .update(idempotencyKey)
    .digest('hex');
  return `${prefixOf(fn)}-${hash.slice(0, hashLength)}`;
}

function prefixOf({ metadata }: FunctionObject): string {
  return metadata.name.slice(0, prefixLength);
}
