import { type Event, isJsonObject, type KubeObject } from '../../api/index.ts';
import { lastAppliedKey } from '../apply/last-applied.ts';
import { eventAge, eventSource, lastSeen } from '../events/event-text.ts';
import { Report } from './report.ts';

type Members = Readonly<Record<string, unknown>>;

/** An object of any kind as kubectl describes those that it does not know. */
export function describeObject(object: KubeObject): Report {
  const report = new Report();
  heading(report, object);
  const { name: _, namespace: __, labels: ___, annotations: ____, ...metadata } = object.metadata;
  members(report, 0, { ...object, metadata: { ...metadata, managedFields: undefined } });
  return report;
}

/** Name, namespace, labels and annotations. */
export function heading(report: Report, { metadata }: KubeObject): void {
  report.line(0, 'Name:', metadata.name);
  report.line(0, 'Namespace:', metadata.namespace ?? '');
  labelLines(report, metadata);
}

export function labelLines(
  report: Report,
  { labels = {}, annotations }: KubeObject['metadata'],
): void {
  const { [lastAppliedKey]: _, ...shown } = annotations ?? {};
  pairs(report, 'Labels:', labels, '=');
  pairs(report, 'Annotations:', shown, ': ');
}

/** `Labels:  a=b`, one to a line; `<none>` for none. */
export function pairs(
  report: Report,
  label: string,
  values: Readonly<Record<string, string>>,
  between: string,
): void {
  const lines = Object.entries(values)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}${between}${value}`);
  if (lines.length === 0) report.line(0, label, '<none>');
  for (const [index, line] of lines.entries()) report.line(0, index === 0 ? label : '', line);
}

/** The members of an object by name, lists and objects one step further in. */
export function members(report: Report, level: number, object: Members): void {
  for (const [key, value] of Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const label = `${labelOf(key)}:`;
    if (value === undefined) continue;
    if (isJsonObject(value)) {
      report.line(level, label);
      members(report, level + 1, value);
    } else if (Array.isArray(value)) {
      report.line(level, label);
      for (const item of value as readonly unknown[]) {
        if (isJsonObject(item)) members(report, level + 1, item);
        else report.line(level + 1, scalarText(item));
      }
    } else report.line(level, label, scalarText(value));
  }
}

function scalarText(value: unknown): string {
  if (value === null) return '<nil>';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const acronyms = new Set(['API', 'URL', 'UID', 'OSB', 'GUID']);

/** `creationTimestamp` becomes `Creation Timestamp`; what is no field's name stays. */
function labelOf(key: string): string {
  if (!/^[a-z][A-Za-z0-9]*$/.test(key)) return key;
  const words = key.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? [key];
  return words
    .map((word) => {
      const upper = word.toUpperCase();
      return acronyms.has(upper) ? upper : upper.slice(0, 1) + word.slice(1);
    })
    .join(' ');
}

/** The events about an object, the oldest first. */
export function eventLines(report: Report, events: readonly Event[], now: number): void {
  if (events.length === 0) {
    report.line(0, 'Events:', '<none>');
    return;
  }
  report.line(0, 'Events:');
  report.line(1, 'Type', 'Reason', 'Age', 'From', 'Message');
  report.line(1, '----', '------', '----', '----', '-------');
  for (const event of events.toSorted((a, b) => lastSeen(a) - lastSeen(b))) {
    const { type = '', reason = '', message = '' } = event;
    report.line(1, type, reason, eventAge(event, now), eventSource(event), message.trim());
  }
}
