import type { KubeObject } from '../../api/index.ts';
import { CommandError, type CommandIo, UsageError } from '../command.ts';
import { readManifestFiles } from '../manifests/manifest-files.ts';
import { parseManifests } from '../manifests/parse-manifests.ts';
import { ManifestResolver, orAbsent } from '../manifests/resolve-manifest.ts';
import type { Session } from '../session.ts';
import { readTargets } from './arguments.ts';
import { apiVersionOf, type Kind, Kinds, resourcePath } from './kinds.ts';

export const selectionOptions = {
  selector: { type: 'string', short: 'l' },
  'field-selector': { type: 'string' },
  all: { type: 'boolean' },
  'all-namespaces': { type: 'boolean', short: 'A' },
} as const;

export const fileOptions = {
  filename: { type: 'string', short: 'f', multiple: true },
  recursive: { type: 'boolean', short: 'R' },
} as const;

/** What a command line says about which objects it means. */
export interface Selection {
  readonly words: readonly string[];
  readonly selector?: string | undefined;
  readonly 'field-selector'?: string | undefined;
  readonly all?: boolean | undefined;
  readonly 'all-namespaces'?: boolean | undefined;
  readonly filename?: readonly string[] | undefined;
  readonly recursive?: boolean | undefined;
}

export interface ChosenObject {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace: string | undefined;
  /** Of the object that was looked at; undefined when none was. */
  readonly uid: string | undefined;
  readonly object: KubeObject | undefined;
}

/**
 * What becomes of an object that was named and may not be there: `refuse` looks and throws NotFound,
 * `keep` looks and keeps it, `trust` does not look.
 */
export interface ChooseOptions {
  readonly absent: 'refuse' | 'keep' | 'trust';
}

/** The objects that names, labels, fields or manifests mean. Throws UsageError when none is given. */
export async function chooseObjects(
  session: Session,
  selection: Selection,
  io: CommandIo,
  { absent }: ChooseOptions,
): Promise<readonly ChosenObject[]> {
  const { words, filename = [], recursive = false } = selection;
  const named: Pick<ChosenObject, 'kind' | 'name' | 'namespace'>[] = [];
  if (filename.length > 0) {
    if (words.length > 0) throw new UsageError('Cannot take both -f and names: give one of them');
    named.push(...(await fromManifests(session, { files: filename, recursive }, io)));
  } else {
    if (words.length === 0)
      throw new UsageError('Missing what is meant: expected KIND NAME, KIND/NAME or -f FILE');
    const targets = readTargets(words, await Kinds.load(session));
    const open = targets.filter(({ name }) => name === undefined);
    if (open.length > 0)
      return listAll(
        session,
        open.map(({ kind }) => kind),
        selection,
      );
    if (selection.selector !== undefined || selection.all === true) {
      throw new UsageError('Cannot take both names and a selector: give one of them');
    }
    for (const { kind, name = '' } of targets)
      named.push({ kind, name, namespace: namespaceFor(session, kind) });
  }
  if (absent === 'trust')
    return named.map((one) => ({ ...one, uid: undefined, object: undefined }));
  return Promise.all(
    named.map(async (one) => {
      const asked = session.send({ path: resourcePath(one.kind, one) });
      const object = (await (absent === 'refuse' ? asked : orAbsent(asked))) as
        | KubeObject
        | undefined;
      return { ...one, uid: object?.metadata.uid, object };
    }),
  );
}

export function namespaceFor(session: Session, { namespaced }: Kind): string | undefined {
  return namespaced ? session.namespace : undefined;
}

async function fromManifests(
  session: Session,
  { files, recursive }: { readonly files: readonly string[]; readonly recursive: boolean },
  io: CommandIo,
) {
  const resolver = new ManifestResolver(session);
  const named: Pick<ChosenObject, 'kind' | 'name' | 'namespace'>[] = [];
  for (const file of await readManifestFiles(files, recursive, io)) {
    for (const parsed of await parseManifests(file)) {
      if ('problem' in parsed) throw new CommandError(parsed.problem);
      const { kind, object } = await resolver.resolve(parsed);
      named.push({ kind, name: object.metadata.name, namespace: object.metadata.namespace });
    }
  }
  return named;
}

async function listAll(
  session: Session,
  kinds: readonly Kind[],
  selection: Selection,
): Promise<readonly ChosenObject[]> {
  const fields = selection['field-selector'];
  const { selector, all = false } = selection;
  if (!all && selector === undefined && fields === undefined) {
    throw new UsageError('Missing which objects: expected names, -l SELECTOR or --all');
  }
  const everywhere = selection['all-namespaces'] === true;
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const namespace = everywhere ? undefined : namespaceFor(session, kind);
      const { items } = await listObjects(session, kind, { namespace, selector, fields });
      return items.map((object) => chosen(kind, object));
    }),
  );
  return lists.flat();
}

function chosen(kind: Kind, object: KubeObject): ChosenObject {
  const { name, namespace, uid } = object.metadata;
  return { kind, name, namespace, uid, object };
}

export interface ListFilter {
  readonly namespace: string | undefined;
  readonly selector?: string | undefined;
  readonly fields?: string | undefined;
}

/** Objects come in pages of this many, as kubectl asks for them. */
export const pageLimit = 500;

/** All pages of a list, in whichever form `accept` asks for; what has no type gets the kind's. */
export async function listObjects(
  session: Session,
  kind: Kind,
  filter: ListFilter,
): Promise<{ readonly items: readonly KubeObject[]; readonly resourceVersion: string }> {
  const items: KubeObject[] = [];
  let next = '';
  for (;;) {
    const page = (await session.send({
      path: resourcePath(kind, { namespace: filter.namespace }),
      query: listQuery(filter, next),
    })) as {
      readonly items?: readonly KubeObject[];
      readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
    };
    for (const item of page.items ?? []) {
      items.push({ ...item, apiVersion: apiVersionOf(kind), kind: kind.kind });
    }
    next = page.metadata?.continue ?? '';
    if (next === '') return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
  }
}

export function listQuery(
  { selector, fields }: ListFilter,
  next: string,
): Readonly<Record<string, string>> {
  return {
    limit: String(pageLimit),
    ...(selector === undefined ? {} : { labelSelector: selector }),
    ...(fields === undefined ? {} : { fieldSelector: fields }),
    ...(next === '' ? {} : { continue: next }),
  };
}
