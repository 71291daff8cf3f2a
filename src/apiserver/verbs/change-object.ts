import { member, type ApiObject } from '../api-object.ts';
import { itemOf, type Item } from '../codec/present.ts';
import type { NamedCall } from '../engine.ts';
import { notFound } from '../refusals.ts';
import type { Stored } from '../storage/stored.ts';

/** A change to an object that exists. */
export interface ObjectChange {
  readonly dryRun: boolean;
  /**
   * The object as it shall be, complete and valid; the current one itself for "no change". Called
   * again with the newer state when someone else was first, so it is what decides whether that is a
   * conflict.
   */
  readonly apply: (current: ApiObject) => ApiObject;
}

export type ChangeResult =
  | { readonly kind: 'changed'; readonly item: Item }
  | { readonly kind: 'unchanged'; readonly item: Item }
  /** The last thing that held the object back is gone, and so is the object. */
  | { readonly kind: 'removed'; readonly item: Item };

/** Changes one object with compare-and-swap, as often as it takes. Throws StatusError 404. */
export async function changeObject(call: NamedCall, change: ObjectChange): Promise<ChangeResult> {
  const { engine, resource, namespace, name } = call;
  let current = await engine.objects.get(resource, namespace, name);
  for (;;) {
    if (current === undefined) throw notFound(resource.descriptor, name);
    const next = change.apply(current.object);
    if (next === current.object) return { kind: 'unchanged', item: current };
    const done = isReadyToGo(next);
    if (change.dryRun) return { kind: done ? 'removed' : 'changed', item: itemOf(next) };
    const result: Awaited<ReturnType<typeof removeObject>> = done
      ? await removeObject(call, current)
      : await engine.objects.replace(current, next);
    if (result.kind === 'written') {
      if (done) return { kind: 'removed', item: itemOf(next) };
      engine.customResources.written(result.stored);
      return { kind: 'changed', item: result.stored };
    }
    current = result.kind === 'conflict' ? result.current : undefined;
  }
}

/** Removes exactly this version of an object. */
async function removeObject({ engine }: Pick<NamedCall, 'engine'>, current: Stored) {
  const result = await engine.objects.remove(current);
  if (result.kind === 'written') {
    engine.customResources.removed(current.key, result.stored.revision);
  }
  return result;
}

/** True for an object that was deleted and that neither finalizers nor a grace period keep. */
function isReadyToGo(object: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    deletionGracePeriodSeconds === 0 &&
    finalizers.length === 0 &&
    !holdsNamespaceContent(object)
  );
}

/** A namespace goes only after its own finalizers, which are in its spec. */
function holdsNamespaceContent(object: ApiObject): boolean {
  if (object.kind !== 'Namespace' || object.apiVersion !== 'v1') return false;
  const finalizers = member(object['spec'], 'finalizers');
  return Array.isArray(finalizers) && finalizers.length > 0;
}
