import { StatusError } from '../../api/index.ts';
import { CommandError } from '../command.ts';
import { type Kind, Kinds } from '../resources/kinds.ts';
import type { Session } from '../session.ts';
import type { Manifest } from './parse-manifests.ts';

/** A manifest with the resource that it belongs to; its object has its namespace. */
export interface ResolvedManifest extends Manifest {
  readonly kind: Kind;
}

/** Finds the kinds of manifests; asks the server again for one that may just have been added. */
export class ManifestResolver {
  readonly #session: Session;
  #kinds: Kinds | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Throws CommandError for an unknown kind, or a namespace other than that of the command line. */
  async resolve(manifest: Manifest): Promise<ResolvedManifest> {
    const kind = await this.#kindOf(manifest);
    const { object, source } = manifest;
    if (!kind.namespaced) return { object, source, kind };
    const { namespace, namespaceGiven } = this.#session;
    const own = object.metadata.namespace ?? '';
    if (own !== '' && namespaceGiven && own !== namespace) {
      throw new CommandError(
        `error: the namespace from the provided object "${own}" does not match the namespace "${namespace}". You must pass '--namespace=${own}' to perform this operation.`,
      );
    }
    const metadata = { ...object.metadata, namespace: own === '' ? namespace : own };
    return { object: { ...object, metadata }, source, kind };
  }

  async #kindOf({ object, source }: Manifest): Promise<Kind> {
    const { apiVersion, kind, metadata } = object;
    const known = this.#kinds?.of(apiVersion, kind);
    if (known !== undefined) return known;
    this.#kinds = await Kinds.load(this.#session);
    const found = this.#kinds.of(apiVersion, kind);
    if (found !== undefined) return found;
    throw new CommandError(
      `error: resource mapping not found for name: "${metadata.name}" namespace: "${metadata.namespace ?? ''}" from "${source}": no matches for kind "${kind}" in version "${apiVersion}"\nensure CRDs are installed first`,
    );
  }
}

/** `undefined` for an object that is not there. */
export async function orAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return undefined;
    throw error;
  }
}
