import type { Status } from '../../api/index.ts';
import type { ApiObject } from '../api-object.ts';
import { objectAnswer, presentationOf, type Item } from '../codec/present.ts';
import type { NamedCall } from '../engine.ts';
import { conflict } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';
import { jsonAnswer, type Answer } from '../request.ts';
import { changeObject } from './change-object.ts';
import { readDeleteOptions, type DeleteOptions } from './delete-options.ts';
import { markDeleted } from './mark-deleted.ts';

export interface Deletion {
  /** The object's last state. */
  readonly item: Item;
  /** False while finalizers or a grace period keep it. */
  readonly gone: boolean;
}

/** DELETE of one object. */
export async function deleteFromRequest(call: NamedCall): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const { item, gone } = await deleteObject(call, readDeleteOptions(call));
  if (gone) return jsonAnswer(200, deletedStatus(resource, item.object));
  return objectAnswer(presentation, resource, { item, status: 200 });
}

/** Deletes an object, or begins to. Throws StatusError 404, 409. */
export async function deleteObject(call: NamedCall, options: DeleteOptions): Promise<Deletion> {
  const { engine, resource } = call;
  const result = await changeObject(call, {
    dryRun: options.dryRun,
    apply: (current) => {
      checkPreconditions(resource, current, options);
      return markDeleted(resource, current, options, engine.clock.now());
    },
  });
  return { item: result.item, gone: result.kind === 'removed' };
}

function checkPreconditions(
  { descriptor }: Resource,
  { metadata }: ApiObject,
  options: DeleteOptions,
): void {
  const checks = [
    { what: 'UID', wanted: options.uid, actual: metadata.uid },
    {
      what: 'ResourceVersion',
      wanted: options.resourceVersion,
      actual: metadata.resourceVersion,
    },
  ];
  for (const { what, wanted, actual } of checks) {
    if (wanted === undefined || wanted === actual) continue;
    const why = `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${actual ?? ''}`;
    throw conflict(descriptor, metadata.name, why);
  }
}

function deletedStatus({ descriptor }: Resource, { metadata }: ApiObject): Status {
  const { group, plural } = descriptor;
  const { name, uid } = metadata;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name,
      ...(group === '' ? {} : { group }),
      kind: plural,
      ...(uid === undefined ? {} : { uid }),
    },
    code: 200,
  };
}
