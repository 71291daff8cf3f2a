import { isRecord, member, type ApiObject } from '../api-object.ts';
import { objectAnswer, presentationOf } from '../codec/present.ts';
import type { NamedCall } from '../engine.ts';
import type { Answer } from '../request.ts';
import { changeObject } from '../verbs/change-object.ts';
import { readIncoming } from '../verbs/incoming.ts';
import { checkIdentity, checkVersion } from '../verbs/prepare-update.ts';
import { parseWriteOptions } from '../verbs/write-options.ts';

/** PUT of a namespace's finalize subresource: sets `spec.finalizers` and nothing else. */
export async function finalizeNamespace(call: NamedCall): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'UpdateOptions');
  const { object, warnings } = readIncoming(call, fieldValidation);
  checkIdentity(call, object);
  const { item } = await changeObject(call, {
    dryRun,
    apply: (current) => {
      checkVersion(resource, object.metadata, current);
      return withFinalizers(current, member(object['spec'], 'finalizers'));
    },
  });
  return objectAnswer(presentation, resource, { item, status: 200, warnings });
}

function withFinalizers(namespace: ApiObject, wanted: unknown): ApiObject {
  const finalizers: readonly unknown[] = Array.isArray(wanted) ? wanted : [];
  const spec = isRecord(namespace['spec']) ? namespace['spec'] : {};
  const { finalizers: before, ...rest } = spec;
  const known: readonly unknown[] = Array.isArray(before) ? before : [];
  if (known.length === finalizers.length && known.every((one) => finalizers.includes(one))) {
    return namespace;
  }
  return { ...namespace, spec: finalizers.length === 0 ? rest : { ...rest, finalizers } };
}
