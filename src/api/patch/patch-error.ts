import { StatusError } from '../status-error.ts';

/** The error for a strategic merge patch that makes no sense. */
export function badPatch(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** A value as Go's `%v` prints it, cut to what is of use in a message. */
export function goText(value: unknown): string {
  const text = goValue(value);
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${members.map(([key, member]) => `${key}:${goValue(member)}`).join(' ')}]`;
}

/** What Go calls the type of a decoded JSON value. */
export function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (value === null || value === undefined) return '%!s(<nil>)';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}
