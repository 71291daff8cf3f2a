import { boundPod } from '../admission/bound-pod.ts';
import { member, textMember } from '../api-object.ts';
import { decodeBody } from '../codec/decode-body.ts';
import type { NamedCall } from '../engine.ts';
import { badRequest, conflict } from '../refusals.ts';
import { jsonAnswer, type Answer } from '../request.ts';
import { changeObject } from '../verbs/change-object.ts';
import { checkVersion } from '../verbs/prepare-update.ts';
import { readMetadata } from '../verbs/read-metadata.ts';
import { parseWriteOptions } from '../verbs/write-options.ts';
import { createdStatus } from './created-status.ts';

/** POST of a Binding: gives a pod its node, once. */
export async function bindPod(call: NamedCall): Promise<Answer> {
  const { request, engine, resource, name } = call;
  const { dryRun } = parseWriteOptions(request.query, 'CreateOptions');
  const { value } = decodeBody(request, { protobuf: true, maxDepth: engine.limits.jsonDepth });
  const node = member(member(value, 'target'), 'name');
  const kind = member(member(value, 'target'), 'kind') ?? 'Node';
  if (typeof node !== 'string' || node === '' || (kind !== 'Node' && kind !== '')) {
    throw badRequest(`Cannot bind pod "${name}": target must be a Node with a name`);
  }
  const metadata = readMetadata(member(value, 'metadata'), 'Binding');
  await changeObject(call, {
    dryRun,
    apply: (current) => {
      checkVersion(resource, metadata, current);
      const assigned = textMember(current['spec'], 'nodeName');
      if (current.metadata.deletionTimestamp !== undefined) {
        throw conflict(
          resource.descriptor,
          name,
          `pod ${name} is being deleted, cannot be assigned to a host`,
        );
      }
      if (assigned !== '') {
        const why = `pod ${name} is already assigned to node "${assigned}"`;
        throw conflict(resource.descriptor, name, why);
      }
      return boundPod(current, node, engine.clock.now());
    },
  });
  return jsonAnswer(201, createdStatus);
}
