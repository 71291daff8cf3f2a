import type { KubeObject } from '../../api/index.ts';
import { parseTemplate } from '../output/json-path-template.ts';
import { listObjects, listQuery } from '../resources/choose-objects.ts';
import { resourcePath } from '../resources/kinds.ts';
import type { Session } from '../session.ts';
import type { Output } from './outputs.ts';
import type { GetRequest } from './requests.ts';
import type { ServerTable, TableRow, TableStyle } from './table-printer.ts';

export interface GetOptions {
  readonly output: Output;
  readonly watch: { readonly follow: boolean; readonly only: boolean };
  /** A JSONPath. */
  readonly sortBy: string | undefined;
  readonly ignoreNotFound: boolean;
  readonly everywhere: boolean;
  readonly style: TableStyle;
}

export const tableMediaType =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

/** What one request brought. */
export interface Page {
  readonly request: GetRequest;
  readonly rows: readonly TableRow[];
  readonly columns: ServerTable['columnDefinitions'];
  readonly objects: readonly KubeObject[];
  readonly resourceVersion: string;
}

/** Asks for one request's objects, as a table where one is to be printed. */
export async function getPage(
  session: Session,
  request: GetRequest,
  options: GetOptions,
): Promise<Page> {
  const { kind, name } = request;
  if (options.output.kind === 'table') return getTable(session, request, options);
  if (name === undefined) {
    const { items, resourceVersion } = await listObjects(session, kind, request);
    return { request, rows: [], columns: [], objects: sorted(items, options), resourceVersion };
  }
  const object = (await session.send({
    path: resourcePath(kind, { ...request, name }),
  })) as KubeObject;
  const resourceVersion = object.metadata.resourceVersion ?? '';
  return { request, rows: [], columns: [], objects: [object], resourceVersion };
}

async function getTable(session: Session, request: GetRequest, options: GetOptions): Promise<Page> {
  const { kind, namespace, name } = request;
  const rows: TableRow[] = [];
  let columns: ServerTable['columnDefinitions'];
  let next = '';
  let resourceVersion = '';
  do {
    const table = (await session.send({
      path: resourcePath(kind, { namespace, ...(name === undefined ? {} : { name }) }),
      accept: tableMediaType,
      query: {
        ...(name === undefined ? listQuery(request, next) : {}),
        ...(options.sortBy === undefined ? {} : { includeObject: 'Object' }),
      },
    })) as ServerTable;
    columns ??= table.columnDefinitions;
    rows.push(...(table.rows ?? []));
    resourceVersion = table.metadata?.resourceVersion ?? '';
    next = table.metadata?.continue ?? '';
  } while (next !== '');
  const { sortBy } = options;
  const ordered = sortBy === undefined ? rows : byPath(rows, sortBy, ({ object }) => object);
  return { request, rows: ordered, columns, objects: [], resourceVersion };
}

function sorted(objects: readonly KubeObject[], { sortBy }: GetOptions): readonly KubeObject[] {
  return sortBy === undefined ? objects : byPath(objects, sortBy, (object) => object);
}

/** Orders by the text at a path; numbers by their value. */
function byPath<T>(items: readonly T[], path: string, object: (item: T) => unknown): readonly T[] {
  const template = parseTemplate(path);
  const key = (item: T): string => template(object(item));
  const numeric = items.every((item) => key(item) === '' || Number.isFinite(Number(key(item))));
  return items.toSorted((a, b) => {
    if (numeric) return Number(key(a)) - Number(key(b));
    return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
  });
}
