import { isStatus } from '../../api/index.ts';
import type { CommandIo } from '../command.ts';
import { failureText } from '../failure.ts';
import { Columns } from '../output/columns.ts';
import { severalKinds } from '../resources/arguments.ts';
import { apiVersionOf } from '../resources/kinds.ts';
import type { Session } from '../session.ts';
import { getPage, type GetOptions, type Page } from './get-page.ts';
import type { Gotten } from './outputs.ts';
import type { GetRequest } from './requests.ts';
import { TablePrinter } from './table-printer.ts';
import { watchObjects } from './watch-objects.ts';

/** Gets everything, prints what there is, then what failed; resolves to the exit code. */
export async function runGet(
  session: Session,
  io: CommandIo,
  requests: readonly GetRequest[],
  options: GetOptions,
): Promise<number> {
  const pages: Page[] = [];
  let failed = false;
  const failures: string[] = [];
  for (const request of requests) {
    try {
      pages.push(await getPage(session, request, options));
    } catch (error) {
      io.signal.throwIfAborted();
      if (options.ignoreNotFound && isStatus(error, 'NotFound')) continue;
      failures.push(failureText(error));
      failed = true;
    }
  }
  const [first] = pages;
  if (options.watch.follow && first !== undefined) {
    return watchObjects(session, io, { ...first, ...options });
  }
  await printPages(io, requests, pages, options);
  if (failures.length > 0) io.stderr.write(`${failures.join('\n')}\n`);
  return failed ? 1 : 0;
}

async function printPages(
  io: CommandIo,
  requests: readonly GetRequest[],
  pages: readonly Page[],
  options: GetOptions,
): Promise<void> {
  const { output, ignoreNotFound } = options;
  const found = pages.some(({ rows, objects }) => rows.length > 0 || objects.length > 0);
  const onlyLists = requests.every(({ name }) => name === undefined);
  if (!found && output.kind !== 'document') {
    if (onlyLists && !ignoreNotFound && pages.length > 0) {
      io.stderr.write(`${nothingFound(requests)}\n`);
    }
    return;
  }
  const gotten: readonly Gotten[] = pages.flatMap(({ request: { kind }, objects }) =>
    objects.map((object) => ({ kind, object })),
  );
  switch (output.kind) {
    case 'table':
      printTables(io, pages, options);
      return;
    case 'each':
      for (const one of gotten) io.stdout.write(output.text(one));
      return;
    case 'columns': {
      const { columns, headers } = output;
      const rows = gotten.map(({ object }) => columns.cells(object));
      new Columns(io.stdout).write([...(headers ? [columns.headers] : []), ...rows]);
      return;
    }
    case 'document': {
      const [only] = gotten;
      const single = requests.length === 1 && !onlyLists;
      if (single && only === undefined) return;
      io.stdout.write(await output.text(single ? only?.object : listOf(gotten)));
      return;
    }
    default:
      output satisfies never;
  }
}

function listOf(gotten: readonly Gotten[]): unknown {
  const items = gotten.map(({ kind, object }) => ({
    ...object,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
  }));
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } };
}

/** One table for each run of requests of the same kind. */
function printTables(io: CommandIo, pages: readonly Page[], { style }: GetOptions): void {
  const runs: Page[][] = [];
  for (const page of pages.filter(({ rows }) => rows.length > 0)) {
    const run = runs.at(-1);
    if (run?.[0]?.request.kind === page.request.kind) run.push(page);
    else runs.push([page]);
  }
  const withKind = style.withKind || severalKinds(pages.map(({ request }) => request));
  for (const [index, run] of runs.entries()) {
    const [first] = run as [Page];
    if (index > 0 && style.headers) io.stdout.write('\n');
    new TablePrinter(io.stdout, first.request.kind, { ...style, withKind }).print({
      ...(first.columns === undefined ? {} : { columnDefinitions: first.columns }),
      rows: run.flatMap(({ rows }) => rows),
    });
  }
}

function nothingFound(requests: readonly GetRequest[]): string {
  const namespace = requests.find((request) => request.namespace !== undefined)?.namespace;
  return namespace === undefined
    ? 'No resources found'
    : `No resources found in ${namespace} namespace.`;
}
