import { createHash } from 'node:crypto';
import { type ConfigMap, type FunctionObject, names, StatusError } from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import type { Session } from '../session.ts';

/** What is stored in the cluster under a name that says its content. */
export interface FunctionPackage {
  /** FUNCTION-HASH-CHUNKS: a Function refers to it by this. */
  readonly name: string;
  readonly chunks: readonly Buffer[];
}

/** Below the limit of 1 MiB for the data of one ConfigMap. */
const chunkBytes = 900 * 1024;
/** Of 63, which a label's value may have; the rest is the hash and the number of chunks. */
const nameRoom = 40;
const hashDigits = 16;

/** Cuts a packed folder into chunks and names it by its content. */
export function functionPackage(functionName: string, packed: Buffer): FunctionPackage {
  const chunks: Buffer[] = [];
  for (let at = 0; at < packed.length; at += chunkBytes) {
    chunks.push(packed.subarray(at, at + chunkBytes));
  }
  const hash = createHash('sha256').update(packed).digest('hex').slice(0, hashDigits);
  const prefix = functionName.slice(0, nameRoom).replace(/[-.]+$/, '');
  return { name: `${prefix}-${hash}-${chunks.length}`, chunks };
}

/** Stores the chunks; those that are there already have the same content. */
export async function storePackage(
  session: Session,
  namespace: string,
  pack: FunctionPackage,
): Promise<void> {
  for (const index of pack.chunks.keys()) {
    try {
      await session.client.resource(refs.configmaps).create(chunkMap(namespace, pack, index));
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
    }
  }
}

/**
 * Makes the Function the owner of the package, so that it goes when the Function goes. What a deleted
 * Function of the same name has taken with it meanwhile is stored anew.
 */
export async function givePackage(
  session: Session,
  pack: FunctionPackage,
  { apiVersion, kind, metadata }: FunctionObject,
): Promise<void> {
  const { namespace = '', name, uid = '' } = metadata;
  const ownerReferences = [{ apiVersion, kind, name, uid }];
  const configMaps = session.client.resource(refs.configmaps);
  for (const index of pack.chunks.keys()) {
    const map = chunkMap(namespace, pack, index);
    const { metadata: meta } = map;
    try {
      await configMaps.patch(
        { namespace, name: meta.name },
        { metadata: { ownerReferences } },
        { type: 'merge' },
      );
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 404) throw error;
      await configMaps.create({ ...map, metadata: { ...meta, ownerReferences } });
    }
  }
}

function chunkMap(namespace: string, { name, chunks }: FunctionPackage, index: number): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `pkg-${name}-${index}`,
      namespace,
      labels: { [names.label.package]: name },
    },
    immutable: true,
    binaryData: { chunk: (chunks[index] ?? Buffer.alloc(0)).toString('base64') },
  };
}
