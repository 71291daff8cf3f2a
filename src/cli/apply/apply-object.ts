import {
  builtinDescriptors,
  isStatus,
  type KubeObject,
  type Schema,
  StatusError,
} from '../../api/index.ts';
import type { ResolvedManifest } from '../manifests/resolve-manifest.ts';
import { orAbsent } from '../manifests/resolve-manifest.ts';
import { type Kind, resourcePath } from '../resources/kinds.ts';
import type { Session } from '../session.ts';
import { lastApplied, lastAppliedKey, withLastApplied } from './last-applied.ts';
import { threeWayPatch } from './three-way-patch.ts';

export type DryRun = 'none' | 'client' | 'server';

export interface Applied {
  readonly done: 'created' | 'configured' | 'unchanged';
  readonly object: KubeObject;
  readonly warning?: string;
}

/** kubectl's own, so that the server takes the two for one. */
const fieldManager = 'kubectl-client-side-apply';
const maxConflicts = 5;

/** Applies one object; throws StatusError whose message names the manifest's file. */
export async function applyObject(
  session: Session,
  manifest: ResolvedManifest,
  dryRun: DryRun,
): Promise<Applied> {
  const { kind, source } = manifest;
  const object = withoutServerFields(manifest.object);
  const path = resourcePath(kind, object.metadata);
  for (let conflicts = 0; ; conflicts += 1) {
    const live = (await naming(source, 'retrieving', orAbsent(session.send({ path })))) as
      | KubeObject
      | undefined;
    try {
      return live === undefined
        ? await create(session, { kind, source, object }, dryRun)
        : await patch(session, { kind, source, object, live }, dryRun);
    } catch (error) {
      const again = isStatus(error, 'Conflict') || isStatus(error, 'AlreadyExists');
      if (!again || conflicts >= maxConflicts) throw error;
    }
  }
}

async function create(
  session: Session,
  { kind, source, object }: ResolvedManifest,
  dryRun: DryRun,
): Promise<Applied> {
  const body = withLastApplied(object);
  if (dryRun === 'client') return { done: 'created', object: body };
  const call = session.send({
    method: 'POST',
    path: resourcePath(kind, { namespace: object.metadata.namespace }),
    query: writeQuery(dryRun),
    body,
  });
  return { done: 'created', object: (await naming(source, 'creating', call)) as KubeObject };
}

async function patch(
  session: Session,
  { kind, source, object, live }: ResolvedManifest & { readonly live: KubeObject },
  dryRun: DryRun,
): Promise<Applied> {
  const schema = strategicSchema(kind);
  const original = lastApplied(live);
  const modified = withLastApplied(object);
  const body = threeWayPatch(
    {
      original: original ?? {},
      modified: { ...modified },
      current: { ...live },
    },
    schema ?? {},
  );
  const warning = original === undefined ? { warning: missingAnnotation(object, kind) } : {};
  if (Object.keys(body).length === 0) return { done: 'unchanged', object: live, ...warning };
  if (dryRun === 'client') return { done: 'configured', object: live, ...warning };
  const call = session.send({
    method: 'PATCH',
    path: resourcePath(kind, object.metadata),
    query: writeQuery(dryRun),
    body,
    contentType: `application/${schema === undefined ? 'merge' : 'strategic-merge'}-patch+json`,
  });
  const patched = (await naming(source, 'patching', call)) as KubeObject;
  return { done: 'configured', object: patched, ...warning };
}

function writeQuery(dryRun: DryRun): Readonly<Record<string, string>> {
  return {
    fieldManager,
    fieldValidation: 'Strict',
    ...(dryRun === 'server' ? { dryRun: 'All' } : {}),
  };
}

/** How a kind's lists merge; undefined for kinds that only know JSON merge patches. */
function strategicSchema({ group, version, plural }: Kind): Schema | undefined {
  return builtinDescriptors.find(
    (each) =>
      each.strategicMerge &&
      each.group === group &&
      each.version === version &&
      each.plural === plural,
  )?.schema;
}

/** Generated manifests carry an empty creation time; to send it would be a change each time. */
function withoutServerFields(object: KubeObject): KubeObject {
  const { creationTimestamp, ...metadata } = object.metadata;
  return (creationTimestamp as unknown) === null ? { ...object, metadata } : object;
}

function missingAnnotation({ metadata }: KubeObject, { plural }: Kind): string {
  return `resource ${plural}/${metadata.name} is missing the ${lastAppliedKey} annotation which is required by apply. It should only be used on resources created declaratively by apply. The missing annotation will be patched automatically.`;
}

/** The server's refusal with the file that it is about. */
async function naming<T>(source: string, doing: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw new StatusError(
      error.code,
      error.reason,
      `error when ${doing} "${source}": ${error.message}`,
      { details: error.details },
    );
  }
}
