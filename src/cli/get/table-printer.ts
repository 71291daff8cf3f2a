import type { Writable } from 'node:stream';
import type { KubeObject } from '../../api/index.ts';
import { cellText, Columns } from '../output/columns.ts';
import { type Kind, kindWord } from '../resources/kinds.ts';

/** meta.k8s.io/v1 Table, as far as printing needs it. */
export interface ServerTable {
  readonly columnDefinitions?: readonly { readonly name: string; readonly priority?: number }[];
  readonly rows?: readonly TableRow[];
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: KubeObject;
}

export interface TableStyle {
  readonly wide: boolean;
  readonly headers: boolean;
  readonly withKind: boolean;
  readonly withNamespace: boolean;
  readonly showLabels: boolean;
  /** Labels that get a column of their own. */
  readonly labelColumns: readonly string[];
  /** Of a watch: the first column says what happened. */
  readonly withEvent: boolean;
}

/** Prints the server's tables of one kind, one after the other, under one line of headers. */
export class TablePrinter {
  readonly #columns: Columns;
  readonly #kind: Kind;
  readonly #style: TableStyle;
  #definitions: ServerTable['columnDefinitions'];
  #headersDone: boolean;

  constructor(out: Writable, kind: Kind, style: TableStyle) {
    this.#columns = new Columns(out);
    this.#kind = kind;
    this.#style = style;
    this.#headersDone = !style.headers;
  }

  print(table: ServerTable, event = 'ADDED'): void {
    // Only the first table of a watch says what the columns are.
    if (table.columnDefinitions?.length) this.#definitions = table.columnDefinitions;
    const rows = (table.rows ?? []).map((row) => this.#row(row, event));
    if (rows.length === 0) return;
    const headers = this.#headersDone ? [] : [this.#headers()];
    this.#headersDone = true;
    this.#columns.write([...headers, ...rows]);
  }

  #shown(): readonly { readonly name: string; readonly index: number }[] {
    return (this.#definitions ?? [])
      .map(({ name, priority = 0 }, index) => ({ name, priority, index }))
      .filter(({ priority }) => priority === 0 || this.#style.wide);
  }

  #headers(): readonly string[] {
    const { withEvent, withNamespace, labelColumns, showLabels } = this.#style;
    return [
      ...(withEvent ? ['EVENT'] : []),
      ...(withNamespace ? ['NAMESPACE'] : []),
      ...this.#shown().map(({ name }) => name.toUpperCase()),
      ...labelColumns.map((label) => (label.split('/').at(-1) ?? '').toUpperCase()),
      ...(showLabels ? ['LABELS'] : []),
    ];
  }

  #row({ cells, object }: TableRow, event: string): readonly string[] {
    const { withEvent, withNamespace, withKind, labelColumns, showLabels } = this.#style;
    const labels = object?.metadata?.labels ?? {};
    return [
      ...(withEvent ? [event] : []),
      ...(withNamespace ? [object?.metadata?.namespace ?? ''] : []),
      ...this.#shown().map(({ name, index }) => {
        const text = cellText(cells[index]);
        return withKind && name === 'Name' ? `${kindWord(this.#kind)}/${text}` : text;
      }),
      ...labelColumns.map((label) => labels[label] ?? ''),
      ...(showLabels ? [labelsText(labels)] : []),
    ];
  }
}

/** `a=b,c=d`, sorted; `<none>` for none. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.toSorted().join(',');
}
