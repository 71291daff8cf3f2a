import type { Engine, NamedCall } from '../engine.ts';
import { methodNotAllowed, unknownPath } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';
import type { Answer, ServerRequest } from '../request.ts';
import { finalizeNamespace } from '../subresources/namespace-finalize.ts';
import { bindPod } from '../subresources/pod-binding.ts';
import { evictPod } from '../subresources/pod-eviction.ts';
import { podLog } from '../subresources/pod-log.ts';
import { upgradeRequired } from '../subresources/pod-stream.ts';
import { scale } from '../subresources/scale.ts';
import { createFromRequest } from '../verbs/create.ts';
import { deleteFromRequest } from '../verbs/delete.ts';
import { deleteCollectionFromRequest } from '../verbs/delete-collection.ts';
import { getObject } from '../verbs/get.ts';
import { listCollection } from '../verbs/list.ts';
import { isTrue } from '../verbs/list-options.ts';
import { patchFromRequest } from '../verbs/patch.ts';
import type { UpdatePart } from '../verbs/prepare-update.ts';
import { updateFromRequest } from '../verbs/update.ts';
import { watchCollection, type WatchCount } from '../verbs/watch.ts';
import type { RequestInfo } from './request-info.ts';

export interface ResourceRequest {
  readonly request: ServerRequest;
  readonly resource: Resource;
  readonly info: Extract<RequestInfo, { kind: 'resource' }>;
  readonly watches: WatchCount;
}

/** The handler of a request for a kind that is served. Throws StatusError 404, 405. */
export function callResource(engine: Engine, target: ResourceRequest): Promise<Answer> {
  const { request, resource, info, watches } = target;
  const { namespaced } = resource.descriptor;
  const { namespace, name, subresource } = info;
  if (!namespaced && namespace !== undefined) throw unknownPath();
  if (name === undefined) {
    const allNamespaces = namespaced && namespace === undefined;
    const call = { engine, request, resource, namespace };
    if (allNamespaces && request.method !== 'GET') throw refused(request.method);
    return collectionCall(call, watches);
  }
  if (namespaced && namespace === undefined) throw unknownPath();
  const call: NamedCall = { engine, request, resource, namespace, name };
  if (subresource !== undefined) return subresourceCall(call, subresource);
  return objectCall(call, 'main', watches);
}

function collectionCall(
  call: Parameters<typeof listCollection>[0],
  watches: WatchCount,
): Promise<Answer> {
  const { request, resource } = call;
  const { verbs } = resource.descriptor;
  switch (request.method) {
    case 'GET':
      if (isTrue(request.query.get('watch'))) {
        if (verbs.includes('watch')) return watchCollection(call, watches);
      } else if (verbs.includes('list')) return listCollection(call);
      break;
    case 'POST':
      if (verbs.includes('create')) return createFromRequest(call);
      break;
    case 'DELETE':
      if (verbs.includes('deletecollection')) return deleteCollectionFromRequest(call);
      break;
    default:
      break;
  }
  throw refused(request.method);
}

function objectCall(call: NamedCall, part: UpdatePart, watches: WatchCount): Promise<Answer> {
  const { request, resource, name } = call;
  const { verbs } = resource.descriptor;
  switch (request.method) {
    case 'GET':
      if (isTrue(request.query.get('watch')) && verbs.includes('watch')) {
        const query = new URLSearchParams(request.query);
        query.set('fieldSelector', `metadata.name=${name}`);
        return watchCollection({ ...call, request: { ...request, query } }, watches);
      }
      if (verbs.includes('get')) return getObject(call);
      break;
    case 'PUT':
      if (verbs.includes('update')) return updateFromRequest(call, part);
      break;
    case 'PATCH':
      if (verbs.includes('patch')) return patchFromRequest(call, part);
      break;
    case 'DELETE':
      if (verbs.includes('delete')) return deleteFromRequest(call);
      break;
    default:
      break;
  }
  throw refused(request.method);
}

function subresourceCall(call: NamedCall, subresource: string): Promise<Answer> {
  const { request, resource } = call;
  const { group, plural, status, scale: paths } = resource.descriptor;
  switch (subresource) {
    case 'status':
      if (!status) break;
      return statusCall(call);
    case 'scale':
      if (paths === undefined) break;
      return scale(call, paths, scaleMethod(request.method));
    default: {
      const known = particular.get(`${group}/${plural}/${subresource}`);
      if (known === undefined) break;
      if (!known.methods.includes(request.method)) throw refused(request.method);
      return known.handle(call);
    }
  }
  throw unknownPath();
}

interface ParticularSubresource {
  readonly methods: readonly string[];
  readonly handle: (call: NamedCall) => Promise<Answer>;
}

const particular: ReadonlyMap<string, ParticularSubresource> = new Map([
  ['/pods/binding', { methods: ['POST'], handle: bindPod }],
  ['/pods/eviction', { methods: ['POST'], handle: evictPod }],
  ['/pods/exec', { methods: ['GET', 'POST'], handle: upgradeRequired }],
  ['/pods/log', { methods: ['GET'], handle: podLog }],
  ['/pods/portforward', { methods: ['GET', 'POST'], handle: upgradeRequired }],
  ['/namespaces/finalize', { methods: ['PUT'], handle: finalizeNamespace }],
]);

function statusCall(call: NamedCall): Promise<Answer> {
  switch (call.request.method) {
    case 'GET':
      return getObject(call);
    case 'PUT':
      return updateFromRequest(call, 'status');
    case 'PATCH':
      return patchFromRequest(call, 'status');
    default:
      throw refused(call.request.method);
  }
}

function scaleMethod(method: string): 'get' | 'update' | 'patch' {
  switch (method) {
    case 'GET':
      return 'get';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    default:
      throw refused(method);
  }
}

function refused(method: string): Error {
  return methodNotAllowed(`the method ${method}`);
}
