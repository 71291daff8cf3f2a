import { decodeProblem, pruneUnknown, type ObjectMeta } from '../../api/index.ts';
import { isRecord, textMember, type ApiObject } from '../api-object.ts';
import { decodeBody } from '../codec/decode-body.ts';
import type { Call } from '../engine.ts';
import { badRequest } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';
import { finalizerWarnings } from './finalizer-warnings.ts';
import { readMetadata } from './read-metadata.ts';
import type { FieldValidation } from './write-options.ts';

/** An object as a client wants it, without what the kind's schema does not know. */
export interface Incoming {
  readonly object: ApiObject;
  readonly warnings: readonly string[];
}

/** Decodes the object in a request's body. Throws StatusError 400, 415. */
export function readIncoming(call: Call, validation: FieldValidation): Incoming {
  const { engine, request, resource } = call;
  const { descriptor } = resource;
  const { value, duplicates } = decodeBody(request, {
    protobuf: descriptor.origin === 'builtin',
    maxDepth: engine.limits.jsonDepth,
  });
  const { object, unknown } = toObject(resource, value);
  const problems = strictProblems(duplicates, unknown);
  if (validation === 'Strict' && problems.length > 0) {
    const text = `strict decoding error: ${problems.join(', ')}`;
    throw badRequest(
      descriptor.origin === 'custom' ? text : `${cannotBeHandled(resource)}: ${text}`,
    );
  }
  const told = validation === 'Warn' ? problems : [];
  return { object, warnings: [...told, ...finalizerWarnings(object.metadata)] };
}

/** What fieldValidation complains about, in upstream's words. */
export function strictProblems(
  duplicates: readonly string[],
  unknown: readonly string[],
): readonly string[] {
  return [
    ...duplicates.map((path) => `duplicate field "${path}"`),
    ...unknown.map((path) => `unknown field "${path}"`),
  ];
}

interface ReadObject {
  readonly object: ApiObject;
  /** Paths of what was not known and left out. */
  readonly unknown: readonly string[];
}

/** Takes a JSON value as an object of a kind. Throws StatusError 400 when it is none. */
export function toObject(resource: Resource, value: unknown): ReadObject {
  if (!isRecord(value)) {
    throw badRequest(`${cannotBeHandled(resource)}: the body is not a JSON object`);
  }
  checkIdentity(resource, value);
  const problem = decodeProblem(resource.descriptor, value);
  if (problem !== undefined) throw badRequest(problem);
  const { object, unknown } = pruneUnknown(resource.descriptor.schema, value);
  if (!isRecord(object)) throw badRequest(`${cannotBeHandled(resource)}: it is not an object`);
  const metadata: ObjectMeta = readMetadata(object['metadata'], cannotBeHandled(resource));
  const { apiVersion, descriptor } = resource;
  return { object: { ...object, apiVersion, kind: descriptor.kind, metadata }, unknown };
}

/** apiVersion and kind must be the endpoint's; for built-in kinds they may be left out. */
function checkIdentity(resource: Resource, value: Readonly<Record<string, unknown>>): void {
  const { apiVersion, descriptor } = resource;
  const kind = textMember(value, 'kind');
  const version = textMember(value, 'apiVersion');
  const custom = descriptor.origin === 'custom';
  if (custom && kind === '') throw badRequest("Object 'Kind' is missing in the body");
  if (custom && version === '') throw badRequest("Object 'apiVersion' is missing in the body");
  if (version !== '' && version !== apiVersion) {
    throw badRequest(
      `the API version in the data (${version}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (kind !== '' && kind !== descriptor.kind) {
    throw badRequest(
      `${kind} in version "${apiVersion}" cannot be handled as a ${descriptor.kind}: the kind in the data does not match the endpoint`,
    );
  }
}

function cannotBeHandled({ descriptor }: Resource): string {
  const { kind, version } = descriptor;
  return `${kind} in version "${version}" cannot be handled as a ${kind}`;
}
