import { member, type ApiObject } from '../api-object.ts';
import type { Engine } from '../engine.ts';
import { crdPlural, crdGroup } from '../registry/custom-resources.ts';
import type { Resource } from '../registry/resource.ts';

const defaultServiceAccount = 'default';

/** What the server itself adds to new objects of some kinds. */
export function admitNew(
  engine: Pick<Engine, 'customResources'>,
  { descriptor }: Resource,
  object: ApiObject,
): ApiObject {
  switch (`${descriptor.group}/${descriptor.plural}`) {
    case '/pods':
      return newPod(object);
    case `${crdGroup}/${crdPlural}`:
      return engine.customResources.prepare(object, undefined);
    default:
      return object;
  }
}

function newPod(object: ApiObject): ApiObject {
  const { spec } = object;
  const given = member(spec, 'serviceAccountName') ?? member(spec, 'serviceAccount');
  const name = typeof given === 'string' && given !== '' ? given : defaultServiceAccount;
  return {
    ...object,
    spec: { ...Object(spec), serviceAccountName: name, serviceAccount: name },
  };
}
