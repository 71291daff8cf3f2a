import { StatusError } from '../../api/index.ts';
import { objectAnswer, presentationOf } from '../codec/present.ts';
import type { NamedCall } from '../engine.ts';
import type { Answer } from '../request.ts';
import { changeObject } from './change-object.ts';
import { createObject } from './create.ts';
import { readIncoming } from './incoming.ts';
import {
  checkIdentity,
  checkVersion,
  prepareUpdate,
  requireVersion,
  type UpdatePart,
} from './prepare-update.ts';
import { parseWriteOptions } from './write-options.ts';

/** PUT of an object or of its status. */
export async function updateFromRequest(call: NamedCall, part: UpdatePart): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'UpdateOptions');
  const { object, warnings } = readIncoming(call, fieldValidation);
  checkIdentity(call, object);
  requireVersion(resource, object);
  try {
    const { item } = await changeObject(call, {
      dryRun,
      apply: (current) => {
        checkVersion(resource, object.metadata, current);
        return prepareUpdate(call, object, current, part);
      },
    });
    return objectAnswer(presentation, resource, { item, status: 200, warnings });
  } catch (error) {
    const missing = error instanceof StatusError && error.code === 404;
    if (!missing || part !== 'main' || !resource.descriptor.createOnUpdate) throw error;
    const item = await createObject(call, object, dryRun);
    return objectAnswer(presentation, resource, { item, status: 201, warnings });
  }
}
