import { StatusError } from '../../api/index.ts';
import { listAnswer, presentationOf, type ListMeta } from '../codec/present.ts';
import type { Call } from '../engine.ts';
import { collectionPrefix } from '../registry/resource.ts';
import type { Answer } from '../request.ts';
import {
  decodeContinue,
  encodeContinue,
  expiredContinue,
  type ContinueToken,
} from '../storage/continue-token.ts';
import { listObjects, type ListPage } from '../storage/list-objects.ts';
import { parseListOptions, type ListOptions } from './list-options.ts';
import { reachRevision } from './reach-revision.ts';
import { onlyKey, parseSelection, type Selection } from './selection.ts';

/** GET of a collection. */
export async function listCollection(call: Call): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const options = parseListOptions(request.query);
  const selection = parseSelection(request.query, resource);
  const page = await readPage(call, options, selection);
  return listAnswer(presentation, resource, page.items, listMeta(page, selection));
}

/** One page of what the call selects. Throws StatusError 410, 504. */
export async function readPage(
  call: Call,
  options: ListOptions,
  selection: Selection,
): Promise<ListPage & { readonly prefix: string }> {
  const { engine, request, resource } = call;
  const prefix = collectionPrefix(resource, selectedNamespace(call, selection));
  const token = startOf(options);
  const { wish } = options;
  if (wish.kind === 'exactly' || wish.kind === 'not-older') {
    await reachRevision(engine, wish.revision, request.signal);
  }
  const exact = wish.kind === 'exactly' ? wish.revision : undefined;
  const revision = token === undefined ? exact : token.revision < 0 ? undefined : token.revision;
  try {
    const page = await listObjects(engine.store, {
      resource,
      prefix,
      start: prefix + (token?.start ?? ''),
      only: token === undefined ? onlyKey(resource, prefix, selection) : undefined,
      revision,
      limit: options.limit,
      matches: selection.all ? undefined : selection.matches,
    });
    return { ...page, prefix };
  } catch (error) {
    const expired = error instanceof StatusError && error.code === 410;
    if (expired && token !== undefined) throw expiredContinue(token.start);
    throw error;
  }
}

function startOf({ continueToken }: ListOptions): ContinueToken | undefined {
  return continueToken === undefined ? undefined : decodeContinue(continueToken);
}

/** The namespace of the path, or the only one that the field selector lets through. */
function selectedNamespace(
  { namespace, resource }: Call,
  selection: Selection,
): string | undefined {
  if (namespace !== undefined || !resource.descriptor.namespaced) return namespace;
  return selection.namespace === '' ? undefined : selection.namespace;
}

function listMeta(
  { revision, next, remaining, prefix }: ListPage & { readonly prefix: string },
  selection: Selection,
): ListMeta {
  if (next === undefined) return { resourceVersion: String(revision) };
  return {
    resourceVersion: String(revision),
    continue: encodeContinue({ revision, start: next.slice(prefix.length) }),
    ...(selection.all ? { remainingItemCount: remaining } : {}),
  };
}
