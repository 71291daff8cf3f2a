/** One line; its cells stand in columns with those of the lines next to it. */
type Line = readonly string[];

const gap = 2;

/**
 * A text of labels and values as kubectl's describe writes it: neighbouring lines share columns, a
 * line without a value ends them (Go's text/tabwriter, two blanks between cells).
 */
export class Report {
  readonly #lines: Line[] = [];

  /** Adds a line; the first cell is indented by `level` steps of two blanks. */
  line(level: number, ...cells: readonly string[]): void {
    const [first = '', ...rest] = cells;
    const last = rest.at(-1) ?? first;
    const [head = '', ...tail] = last.split('\n');
    const indent = '  '.repeat(level);
    if (rest.length === 0) this.#lines.push([indent + head]);
    else this.#lines.push([indent + first, ...rest.slice(0, -1), head]);
    // Further lines of a text stand as they are, as those of code must.
    for (const more of tail) this.#lines.push([more]);
  }

  toString(): string {
    const padded = this.#lines.map((line) => [...line]);
    const deepest = Math.max(0, ...padded.map((line) => line.length - 1));
    for (let column = 0; column < deepest; column += 1) {
      for (let start = 0; start < padded.length; start += 1) {
        if (!hasCell(padded[start], column)) continue;
        let end = start;
        while (hasCell(padded[end], column)) end += 1;
        const block = padded.slice(start, end);
        const width = Math.max(...block.map((line) => lengthOf(line[column]))) + gap;
        for (const line of block) {
          line[column] = `${line[column]}${' '.repeat(width - lengthOf(line[column]))}`;
        }
        start = end;
      }
    }
    return padded.map((line) => `${line.join('')}\n`).join('');
  }
}

/** The last cell of a line belongs to no column. */
function hasCell(line: readonly string[] | undefined, column: number): boolean {
  return line !== undefined && column < line.length - 1;
}

function lengthOf(text: string | undefined): number {
  return Array.from(text ?? '').length;
}
