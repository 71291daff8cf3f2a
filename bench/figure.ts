/** The goal that DESIGN.md sets for a figure. */
export interface Bar {
  readonly kind: 'at most' | 'at least';
  readonly value: number;
}

/** One line of the report. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bar?: Bar;
  /** What the figure does not say by itself: spread, peers, parts. */
  readonly note?: string;
}

/** Measures something and tells progress in whole lines. */
export type Measure = (tell: (line: string) => void) => Promise<readonly Row[]>;

/** The report as a plain table. */
export function formatRows(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    `${number(row.value)} ${row.unit}`,
    row.bar === undefined
      ? ''
      : `${row.bar.kind === 'at most' ? '≤' : '≥'} ${number(row.bar.value)}`,
    row.bar === undefined ? '' : (row.value / row.bar.value).toFixed(2),
    row.bar === undefined ? '' : meets(row.value, row.bar) ? 'meets' : 'misses',
    row.note ?? '',
  ]);
  const lines = [['figure', 'measured', 'bar', '/ bar', '', 'note'], ...cells];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...lines.map((line) => (line[column] as string).length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function meets(value: number, { kind, value: limit }: Bar): boolean {
  return kind === 'at most' ? value <= limit : value >= limit;
}

function number(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
