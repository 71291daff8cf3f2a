import type { Writable } from 'node:stream';

/** Widths of kubectl's tabwriter: at least 6, 3 of them blank. */
const leastWidth = 6;
const padding = 3;

/**
 * Writes rows in columns as kubectl does: each as wide as its widest cell so far plus three blanks,
 * the last one open. A column that has once been wide stays so for the rows of a watch.
 */
export class Columns {
  readonly #out: Writable;
  readonly #widths: number[] = [];

  constructor(out: Writable) {
    this.#out = out;
  }

  write(rows: readonly (readonly string[])[]): void {
    for (const row of rows) {
      for (const [index, cell] of row.slice(0, -1).entries()) {
        const width = Math.max(leastWidth, Array.from(cell).length + padding);
        this.#widths[index] = Math.max(this.#widths[index] ?? 0, width);
      }
    }
    this.#out.write(rows.map((row) => `${this.#line(row)}\n`).join(''));
  }

  #line(row: readonly string[]): string {
    return row
      .map((cell, index) => {
        if (index === row.length - 1) return cell;
        return cell + ' '.repeat((this.#widths[index] ?? 0) - Array.from(cell).length);
      })
      .join('');
  }
}

/** A cell on one line of a terminal: cut at the first line end, control characters made visible. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const end = text.search(/[\f\n\r]/);
  const line = end === -1 ? text : `${text.slice(0, end)}...`;
  return line.replaceAll('\u001B', '^[');
}
