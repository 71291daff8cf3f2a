import { isRecord, member, textMember } from '../api-object.ts';
import { decodeBody } from '../codec/decode-body.ts';
import type { NamedCall } from '../engine.ts';
import { badRequest } from '../refusals.ts';
import { jsonAnswer, type Answer } from '../request.ts';
import { deleteObject } from '../verbs/delete.ts';
import { optionsOf } from '../verbs/delete-options.ts';
import { createdStatus } from './created-status.ts';

/** POST of a policy/v1 Eviction: the pod's deletion, by the options in the body. */
export async function evictPod(call: NamedCall): Promise<Answer> {
  const { request, engine, name } = call;
  const { value } = decodeBody(request, { protobuf: true, maxDepth: engine.limits.jsonDepth });
  const named = textMember(member(value, 'metadata'), 'name') || name;
  if (!isRecord(value) || named !== name) {
    throw badRequest(`name in URL does not match name in Eviction object: ${name} != ${named}`);
  }
  const options = isRecord(value['deleteOptions']) ? value['deleteOptions'] : {};
  const dryRun = options['dryRun'] ?? request.query.getAll('dryRun');
  await deleteObject(call, optionsOf({ ...options, dryRun }));
  return jsonAnswer(201, createdStatus);
}
