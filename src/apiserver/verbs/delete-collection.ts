import { isStatus } from '../../api/index.ts';
import { listAnswer, presentationOf, type Item } from '../codec/present.ts';
import type { Call } from '../engine.ts';
import type { Answer } from '../request.ts';
import { deleteObject } from './delete.ts';
import { readDeleteOptions, type DeleteOptions } from './delete-options.ts';
import { readPage } from './list.ts';
import { parseListOptions } from './list-options.ts';
import { parseSelection, type Selection } from './selection.ts';

/** Deletions that run at once. */
const concurrency = 16;

/** DELETE of a collection; answers with the objects that it was about. */
export async function deleteCollectionFromRequest(call: Call): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const options = readDeleteOptions(call);
  const { items, revision } = await deleteSelected(
    call,
    parseSelection(request.query, resource),
    options,
  );
  return listAnswer(presentation, resource, items, { resourceVersion: String(revision) });
}

/** Deletes all objects of a collection that are selected. */
export async function deleteSelected(
  call: Call,
  selection: Selection,
  options: DeleteOptions,
): Promise<{ readonly items: readonly Item[]; readonly revision: number }> {
  const page = await readPage(call, parseListOptions(call.request.query), selection);
  const waiting = page.items.values();
  const deleted: Item[] = [];
  const work = async (): Promise<void> => {
    for (const stored of waiting) {
      const { name, namespace } = stored.object.metadata;
      try {
        const deletion = await deleteObject({ ...call, name, namespace }, options);
        deleted.push(deletion.item);
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return { items: deleted, revision: page.revision };
}
