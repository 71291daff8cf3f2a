import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const types = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const heading = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/s;
const samplePattern =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+]?(?:Inf|NaN|[0-9.]+(?:e[-+]?[0-9]+)?))$/is;
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;

/**
 * Reads Prometheus' text format, more strictly than Prometheus does: every family has HELP and TYPE
 * before its samples, which stand together; no series comes twice; counters end in `_total`;
 * histograms are cumulative, end with `+Inf`, and have sum and count. Throws AssertionError.
 */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text === '' || text.endsWith('\n'), 'The last line has no line feed');
  const families = new Map<string, Family>();
  const series = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let open: Family | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    const [, kind, name = '', rest = ''] = heading.exec(line) ?? [];
    if (kind === 'HELP') {
      assert.ok(!families.has(name), `The family comes twice: ${line}`);
      help = { name, text: rest };
    } else if (kind === 'TYPE') {
      assert.equal(help?.name, name, `No HELP before: ${line}`);
      assert.ok(types.has(rest), `No such type: ${line}`);
      open = { name, type: rest, help: help?.text ?? '', samples: [] };
      families.set(name, open);
    } else {
      const sample = parseSample(line);
      assert.ok(open !== undefined && belongs(sample.name, open), `Not in its family: ${line}`);
      const id = `${sample.name}${JSON.stringify(Object.entries(sample.labels).map(String).toSorted())}`;
      assert.ok(!series.has(id), `The series comes twice: ${line}`);
      series.add(id);
      open.samples.push(sample);
    }
  }
  for (const family of families.values()) check(family);
  return families;
}

function parseSample(line: string): Sample {
  const match = samplePattern.exec(line);
  assert.ok(match !== null, `No sample: ${line}`);
  const [, name = '', inner = '', value = ''] = match;
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  while (labelPattern.lastIndex < inner.length) {
    const pair = labelPattern.exec(inner);
    assert.ok(pair !== null, `Malformed labels: ${line}`);
    const [, label = '', escaped = ''] = pair;
    assert.ok(!(label in labels), `The label comes twice: ${line}`);
    labels[label] = escaped.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function belongs(name: string, { name: family, type }: Family): boolean {
  if (type !== 'histogram') return name === family;
  return [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name);
}

function check(family: Family): void {
  const { name, type, samples } = family;
  assert.notEqual(family.help, '', `${name} has no help`);
  if (type === 'counter') assert.match(name, /_total$/);
  else assert.doesNotMatch(name, /_total$/);
  if (type === 'counter') for (const sample of samples) assert.ok(sample.value >= 0, name);
  if (type === 'histogram') checkHistogram(family);
}

function checkHistogram({ name, samples }: Family): void {
  const groups = Map.groupBy(samples, ({ labels }) => JSON.stringify({ ...labels, le: '' }));
  for (const [labels, group] of groups) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels: { le = '' } }) => Number(le.replace('Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `${name} ${labels}: bounds`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${name} ${labels}: no +Inf`);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `${name} ${labels}: not cumulative`,
    );
    const one = (suffix: string): number | undefined =>
      group.find((sample) => sample.name === `${name}_${suffix}`)?.value;
    assert.equal(one('count'), counts.at(-1), `${name} ${labels}: count`);
    assert.ok(one('sum') !== undefined, `${name} ${labels}: no sum`);
  }
}
