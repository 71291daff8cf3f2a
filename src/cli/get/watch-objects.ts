import { isStatus, type KubeObject } from '../../api/index.ts';
import type { CommandIo } from '../command.ts';
import { Columns } from '../output/columns.ts';
import { listQuery } from '../resources/choose-objects.ts';
import { resourcePath } from '../resources/kinds.ts';
import type { Session, WatchFrame } from '../session.ts';
import type { Output } from './outputs.ts';
import type { GetRequest } from './requests.ts';
import { type GetOptions, type Page, tableMediaType } from './get-page.ts';
import { type ServerTable, TablePrinter } from './table-printer.ts';

type Watched = GetOptions & Page;

/** Prints what is there, then each change, until interrupted or the server has forgotten where it was. */
export async function watchObjects(
  session: Session,
  io: CommandIo,
  watched: Watched,
): Promise<number> {
  const { request, watch, output } = watched;
  const show = openFrames(io, watched);
  if (!watch.only) await show.start();
  const query = watchQuery(request);
  let { resourceVersion } = watched;
  for (;;) {
    io.signal.throwIfAborted();
    try {
      const frames = session.watch({
        path: resourcePath(request.kind, { namespace: request.namespace }),
        query: { ...query, ...(resourceVersion === '' ? {} : { resourceVersion }) },
        ...(output.kind === 'table' ? { accept: tableMediaType } : {}),
      });
      for await (const frame of frames) {
        resourceVersion = versionOf(frame) ?? resourceVersion;
        if (frame.type !== 'BOOKMARK') await show.frame(frame);
      }
    } catch (error) {
      io.signal.throwIfAborted();
      if (!isStatus(error, 'Expired', 'Gone')) throw error;
      resourceVersion = '';
    }
  }
}

function watchQuery(request: GetRequest): Readonly<Record<string, string>> {
  const { limit: _, ...query } = listQuery(request, '');
  return {
    ...query,
    allowWatchBookmarks: 'true',
    ...(request.name === undefined ? {} : { fieldSelector: `metadata.name=${request.name}` }),
  };
}

/** Where a watch that ends is to go on: the version of what it said last. */
function versionOf({ object }: WatchFrame): string | undefined {
  const table = object as ServerTable & Partial<KubeObject>;
  return table.rows?.at(-1)?.object?.metadata.resourceVersion ?? table.metadata?.resourceVersion;
}

function openFrames(io: CommandIo, watched: Watched) {
  const { request, output, style, rows, columns, objects } = watched;
  if (output.kind === 'table') {
    const printer = new TablePrinter(io.stdout, request.kind, style);
    return {
      start: async () =>
        printer.print({ ...(columns === undefined ? {} : { columnDefinitions: columns }), rows }),
      frame: async ({ type, object }: WatchFrame) => printer.print(object as ServerTable, type),
    };
  }
  const show = openObjects(io, request, output);
  return {
    start: async () => {
      for (const object of objects) await show(object);
    },
    frame: async ({ object }: WatchFrame) => show(object as KubeObject),
  };
}

function openObjects(
  io: CommandIo,
  { kind }: GetRequest,
  output: Exclude<Output, { kind: 'table' }>,
): (object: KubeObject) => Promise<void> {
  let first = true;
  const columns = new Columns(io.stdout);
  return async (object) => {
    const wasFirst = first;
    first = false;
    switch (output.kind) {
      case 'each':
        io.stdout.write(output.text({ kind, object }));
        return;
      case 'document':
        io.stdout.write((wasFirst ? '' : output.separator) + (await output.text(object)));
        return;
      case 'columns': {
        const headers = wasFirst && output.headers ? [output.columns.headers] : [];
        columns.write([...headers, output.columns.cells(object)]);
        return;
      }
      default:
        output satisfies never;
    }
  };
}
