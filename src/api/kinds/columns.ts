import type { PrinterColumn } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { formatAge } from '../duration.ts';

type Cell = PrinterColumn['cell'];

export const nameColumn: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique within its namespace',
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const ageColumn: PrinterColumn = column(
  'Age',
  'string',
  'Time since the object was created',
  (object, now) => since(object.metadata.creationTimestamp, now),
);

/** A column that is always shown. */
export function column(
  name: string,
  type: PrinterColumn['type'],
  description: string,
  cell: Cell,
): PrinterColumn {
  return { name, type, format: '', description, priority: 0, cell };
}

/** A column that is shown with `-o wide` only. */
export function wideColumn(
  name: string,
  type: PrinterColumn['type'],
  description: string,
  cell: Cell,
): PrinterColumn {
  return { name, type, format: '', description, priority: 1, cell };
}

/** How long ago a time was, as kubectl prints it; `<unknown>` without one. */
export function since(time: string | null | undefined, now: number): string {
  if (time === undefined || time === null || time === '') return '<unknown>';
  const then = Date.parse(time);
  return Number.isNaN(then) ? '<unknown>' : formatAge(now - then);
}

/** A field label that reads one text of an object; absent is the empty text. */
export function textLabel<T extends KubeObject>(
  read: (object: T) => string | undefined,
): (object: KubeObject) => string {
  return (object) => read(object as T) ?? '';
}
