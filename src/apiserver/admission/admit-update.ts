import type { ApiObject } from '../api-object.ts';
import type { Engine } from '../engine.ts';
import { crdGroup, crdPlural } from '../registry/custom-resources.ts';
import type { Resource } from '../registry/resource.ts';

/** What the server itself adds to, or keeps of, changed objects of some kinds. */
export function admitUpdate(
  engine: Pick<Engine, 'customResources'>,
  { descriptor }: Resource,
  object: ApiObject,
  old: ApiObject,
): ApiObject {
  const isCrd = descriptor.group === crdGroup && descriptor.plural === crdPlural;
  return isCrd ? engine.customResources.prepare(object, old) : object;
}
