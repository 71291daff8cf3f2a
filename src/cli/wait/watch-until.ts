import { isStatus, type KubeObject } from '../../api/index.ts';
import { CommandError } from '../command.ts';
import { orAbsent } from '../manifests/resolve-manifest.ts';
import type { ChosenObject } from '../resources/choose-objects.ts';
import { kindWord, resourcePath } from '../resources/kinds.ts';
import type { Session } from '../session.ts';

/** What an object is to become. */
export type Awaited =
  | { readonly kind: 'create' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'state'; readonly is: (object: KubeObject) => boolean };

/**
 * Resolves once the object is as awaited, with what it then is (undefined: gone).
 *
 * Throws CommandError in kubectl's words when time runs out, or when the object goes away meanwhile.
 */
export async function watchUntil(
  session: Session,
  chosen: ChosenObject,
  awaited: Awaited,
  timeout: { readonly ms: number },
): Promise<KubeObject | undefined> {
  const word = `${chosen.kind.plural}/${chosen.name}`;
  const late = (): CommandError =>
    new CommandError(`error: timed out waiting for the condition on ${word}`);
  const expired = AbortSignal.timeout(Math.max(timeout.ms, 1));
  const path = resourcePath(chosen.kind, { namespace: chosen.namespace, name: chosen.name });
  let last = chosen.uid;
  for (;;) {
    session.signal.throwIfAborted();
    const object = (await orAbsent(session.send({ path }))) as KubeObject | undefined;
    const end = settled(object);
    if (end !== 'waiting') return end.object;
    if (timeout.ms <= 0 || expired.aborted) throw late();
    const found = await nextChange(object?.metadata.resourceVersion);
    if (found !== undefined) return found.object;
  }

  function settled(object: KubeObject | undefined): 'waiting' | { object: KubeObject | undefined } {
    switch (awaited.kind) {
      case 'create':
        return object === undefined ? 'waiting' : { object };
      case 'delete':
        // Another object of the name means that the one that was meant is gone.
        last ??= object?.metadata.uid;
        return object === undefined || object.metadata.uid !== last
          ? { object: undefined }
          : 'waiting';
      case 'state':
        if (object === undefined) {
          throw new CommandError(
            `Error from server (NotFound): ${kindWord(chosen.kind)} "${chosen.name}" not found`,
          );
        }
        return awaited.is(object) ? { object } : 'waiting';
      default:
        return awaited satisfies never;
    }
  }

  /** Follows one watch; undefined when it has ended and the object is to be looked at anew. */
  async function nextChange(resourceVersion: string | undefined) {
    const query = {
      fieldSelector: `metadata.name=${chosen.name}`,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const collection = resourcePath(chosen.kind, { namespace: chosen.namespace });
    try {
      for await (const { type, object } of session.watch({ path: collection, query }, expired)) {
        if (type === 'BOOKMARK') continue;
        const end = settled(type === 'DELETED' ? undefined : (object as KubeObject));
        if (end !== 'waiting') return end;
      }
    } catch (error) {
      session.signal.throwIfAborted();
      if (expired.aborted) throw late();
      if (!isStatus(error, 'Expired', 'Gone')) throw error;
    }
    return undefined;
  }
}
