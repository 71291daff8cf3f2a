import { selectorFromObject, type ScalePaths } from '../../api/index.ts';
import { isRecord, member, type ApiObject } from '../api-object.ts';
import { decodeBody } from '../codec/decode-body.ts';
import type { NamedCall } from '../engine.ts';
import { badRequest, invalid } from '../refusals.ts';
import { jsonAnswer, type Answer } from '../request.ts';
import { changeObject } from '../verbs/change-object.ts';
import { readObject } from '../verbs/get.ts';
import { readPatch } from '../verbs/patch.ts';
import { checkVersion, prepareUpdate } from '../verbs/prepare-update.ts';
import { readMetadata } from '../verbs/read-metadata.ts';
import { parseWriteOptions } from '../verbs/write-options.ts';
import { readPath, writePath } from './json-path.ts';

/** GET, PUT and PATCH of the autoscaling/v1 Scale of an object. */
export async function scale(
  call: NamedCall,
  paths: ScalePaths,
  method: 'get' | 'update' | 'patch',
): Promise<Answer> {
  if (method === 'get') {
    const { object } = await readObject(call);
    return jsonAnswer(200, scaleOf(call, paths, object));
  }
  const { dryRun } = parseWriteOptions(call.request.query, 'UpdateOptions');
  const wanted = method === 'update' ? replacement(call) : patched(call, paths);
  const { item } = await changeObject(call, {
    dryRun,
    apply: (current) => {
      const scaled = wanted(current);
      const metadata = readMetadata(member(scaled, 'metadata'), 'Scale');
      if (metadata.name !== '' && metadata.name !== call.name) {
        throw badRequest(
          `the name of the object (${metadata.name}) does not match the name on the URL (${call.name})`,
        );
      }
      checkVersion(call.resource, metadata, current);
      const replicas = wantedReplicas(call, scaled);
      const next = writePath(current, paths.specReplicas, replicas);
      return prepareUpdate(call, next, current, 'main');
    },
  });
  return jsonAnswer(200, scaleOf(call, paths, item.object));
}

function replacement(call: NamedCall): (current: ApiObject) => unknown {
  const maxDepth = call.engine.limits.jsonDepth;
  const { value } = decodeBody(call.request, { protobuf: true, maxDepth });
  const kind = member(value, 'kind') ?? 'Scale';
  if (!isRecord(value) || kind !== 'Scale') {
    throw badRequest('Cannot decode the body as a Scale: it is of another kind');
  }
  return () => value;
}

/** The patch is of the Scale, not of the object behind it. */
function patched(call: NamedCall, paths: ScalePaths): (current: ApiObject) => unknown {
  const patch = readPatch(call);
  return (current) => patch.apply(scaleOf(call, paths, current));
}

function wantedReplicas({ name }: NamedCall, scaled: unknown): number {
  const replicas = member(member(scaled, 'spec'), 'replicas') ?? 0;
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0) return replicas;
  const wrong =
    typeof replicas === 'number' ? 'must be greater than or equal to 0' : 'must be an integer';
  throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(replicas)}: ${wrong}`,
      field: 'spec.replicas',
    },
  ]);
}

function scaleOf({ resource }: NamedCall, paths: ScalePaths, object: ApiObject): unknown {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const custom = resource.descriptor.origin === 'custom';
  const selector = selectorText(paths, object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: countAt(object, paths.specReplicas) ?? (custom ? 0 : 1) },
    status: {
      replicas: countAt(object, paths.statusReplicas) ?? 0,
      ...(selector === undefined ? {} : { selector }),
    },
  };
}

function countAt(object: ApiObject, path: string): number | undefined {
  const value = readPath(object, path);
  return typeof value === 'number' ? value : undefined;
}

function selectorText({ labelSelector }: ScalePaths, object: ApiObject): string | undefined {
  if (labelSelector === undefined) return undefined;
  const value = readPath(object, labelSelector);
  if (typeof value === 'string') return value;
  return isRecord(value) ? selectorFromObject(value).toString() : undefined;
}
