import { jsonPatch, mergePatch, parseJson, strategicMergePatch } from '../../api/index.ts';
import { parse as parseYaml } from 'yaml';
import type { ApiObject } from '../api-object.ts';
import { decodeText, mediaType } from '../codec/decode-body.ts';
import { objectAnswer, presentationOf } from '../codec/present.ts';
import type { Call, NamedCall } from '../engine.ts';
import { badRequest, invalid, invalidOptions, unsupportedMediaType } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';
import type { Answer } from '../request.ts';
import { changeObject } from './change-object.ts';
import { finalizerWarnings } from './finalizer-warnings.ts';
import { strictProblems, toObject } from './incoming.ts';
import { checkIdentity, checkVersion, prepareUpdate, type UpdatePart } from './prepare-update.ts';
import { parseWriteOptions, type FieldValidation } from './write-options.ts';

const jsonPatchType = 'application/json-patch+json';
const mergePatchType = 'application/merge-patch+json';
const strategicPatchType = 'application/strategic-merge-patch+json';

/** A patch in its request's own language. */
export interface Patch {
  /** The patched form of a JSON value, which is not changed. Throws StatusError 400, 422. */
  readonly apply: (target: unknown) => unknown;
  readonly text: string;
  readonly duplicates: readonly string[];
}

/** PATCH of an object or of its status. */
export async function patchFromRequest(call: NamedCall, part: UpdatePart): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'PatchOptions');
  const patch = readPatch(call);
  let warnings: readonly string[] = [];
  const { item } = await changeObject(call, {
    dryRun,
    apply: (current) => {
      const patched = patchObject(call, patch, current, fieldValidation);
      warnings = patched.warnings;
      return prepareUpdate(call, patched.object, current, part);
    },
  });
  return objectAnswer(presentation, resource, { item, status: 200, warnings });
}

/** Reads the patch in the body by its Content-Type. Throws StatusError 400, 415, 422. */
export function readPatch(call: Call): Patch {
  const { request, resource, engine } = call;
  const { strategicMerge, schema } = resource.descriptor;
  const type = mediaType(request.contentType);
  const accepted = acceptedPatches(resource);
  if (!accepted.includes(type)) throw unsupportedMediaType(accepted);
  if (request.query.get('force') !== null) {
    throw invalidOptions('PatchOptions', {
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not be specified for non-apply patch',
      field: 'force',
    });
  }
  const { value, text, duplicates } = patchValue(call, engine.limits.jsonDepth);
  const apply = (target: unknown): unknown => {
    if (type === jsonPatchType) return jsonPatch(target, value);
    return type === strategicPatchType && strategicMerge
      ? strategicMergePatch(target, value, schema)
      : mergePatch(target, value);
  };
  return { apply, text, duplicates };
}

/** The media types of patches that a kind takes. */
function acceptedPatches({ descriptor }: Resource): readonly string[] {
  const both = [jsonPatchType, mergePatchType];
  return descriptor.strategicMerge ? [...both, strategicPatchType] : both;
}

function patchValue({ request }: Call, maxDepth: number) {
  const { body } = request;
  if (body.kind === 'value') {
    return { value: body.value, text: JSON.stringify(body.value), duplicates: [] };
  }
  if (body.kind === 'none' || body.bytes.byteLength === 0) {
    throw badRequest('Cannot decode the patch: the request has no body');
  }
  const text = decodeText(body.bytes);
  return { ...parseJson(yamlAsJson(text), { maxDepth }), text };
}

/** Patches are JSON; like upstream, a YAML document that is not JSON is taken too. */
function yamlAsJson(text: string): string {
  if (/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(parseYaml(text)) ?? text;
  } catch {
    return text;
  }
}

interface PatchedObject {
  readonly object: ApiObject;
  readonly warnings: readonly string[];
}

function patchObject(
  call: NamedCall,
  patch: Patch,
  current: ApiObject,
  validation: FieldValidation,
): PatchedObject {
  const { resource } = call;
  const { object, unknown } = toObject(resource, patch.apply(current));
  checkIdentity(call, object);
  checkUid(resource, object, current);
  checkVersion(resource, object.metadata, current);
  const problems = strictProblems(patch.duplicates, unknown);
  if (validation === 'Strict' && problems.length > 0) {
    const shown = JSON.stringify(patch.text);
    throw invalid({ group: '', kind: '' }, '', [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${shown}: strict decoding error: ${problems.join(', ')}`,
        field: 'patch',
      },
    ]);
  }
  const told = validation === 'Warn' ? problems : [];
  const { metadata } = object;
  return { object, warnings: [...told, ...finalizerWarnings(metadata, current.metadata)] };
}

function checkUid({ descriptor }: Resource, { metadata }: ApiObject, current: ApiObject): void {
  const { name, uid } = current.metadata;
  if (metadata.uid === undefined || metadata.uid === uid) return;
  const message = `Invalid value: ${JSON.stringify(metadata.uid)}: field is immutable`;
  throw invalid(descriptor, name, [
    { reason: 'FieldValueInvalid', message, field: 'metadata.uid' },
  ]);
}
