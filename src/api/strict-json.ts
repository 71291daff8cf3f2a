/**
 * The one JSON parser for what comes from outside: `JSON.parse` and what it does not tell.
 *
 * 1. Duplicate keys are reported by path (the last one wins, as in Go and JavaScript).
 * 2. Nesting deeper than `maxDepth` is refused, so that code behind it may recurse.
 * 3. Numbers that no double can hold (1e400) are refused. Integers beyond 2^53 become the nearest
 *    double, as everywhere in JavaScript: no field that this project serves needs more.
 * 4. Lone surrogates become U+FFFD, as in Go, in keys and in values.
 * 5. A key `__proto__` is refused, so that code behind it may copy objects key by key.
 *
 * Native parsing does the work. Duplicates are found by counting: as many keys in the text as in the
 * value means none; only when the counts differ is the text walked for their paths.
 */
import { StatusError } from './status-error.ts';

export interface ParseJsonOptions {
  /** How deep objects and lists may nest. */
  readonly maxDepth?: number;
}

export interface ParsedJson {
  readonly value: unknown;
  /** Paths of repeated keys, as `spec.containers[0].name`; each path once, in the text's order. */
  readonly duplicates: readonly string[];
}

const defaultMaxDepth = 1000;
/** As many strict errors as upstream keeps for one body. */
const duplicatesLimit = 100;

/** Parses a JSON text; throws a StatusError 400 for what is no JSON or breaks a limit. */
export function parseJson(text: string, options: ParseJsonOptions = {}): ParsedJson {
  const source = text.isWellFormed() ? text : text.toWellFormed();
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    throw badJson(error instanceof Error ? error.message : String(error));
  }
  const keys = countValueKeys(value, options.maxDepth ?? defaultMaxDepth);
  const duplicates = keys === countTextKeys(source) ? [] : duplicatePaths(source);
  return { value: hasSurrogateEscape(source) ? wellFormed(value) : value, duplicates };
}

function badJson(detail: string): StatusError {
  return new StatusError(400, 'BadRequest', `Cannot parse the body as JSON: ${detail}`);
}

/** How many keys all objects of `value` have together; checks rules 2, 3 and 5 on the way. */
function countValueKeys(value: unknown, depthLeft: number): number {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw badJson('a number is too large');
    return 0;
  }
  if (typeof value !== 'object' || value === null) return 0;
  if (depthLeft === 0) throw badJson('it is nested too deeply');
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countValueKeys(item, depthLeft - 1);
    return count;
  }
  const object = value as Record<string, unknown>;
  for (const key in object) {
    if (key === '__proto__') throw badJson('the field name "__proto__" is not supported');
    count += 1 + countValueKeys(object[key], depthLeft - 1);
  }
  return count;
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** How many strings of a valid JSON text are keys. */
function countTextKeys(text: string): number {
  let count = 0;
  let start = text.indexOf('"');
  while (start !== -1) {
    const end = closingQuote(text, start);
    if (text.charCodeAt(skipSpace(text, end + 1)) === colon) count += 1;
    start = text.indexOf('"', end + 1);
  }
  return count;
}

/** The index of the quote that ends the string which begins at `start`. */
function closingQuote(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (text.charCodeAt(end - 1) === backslash && isEscaped(text, end)) {
    end = text.indexOf('"', end + 1);
  }
  return end;
}

function isEscaped(text: string, index: number): boolean {
  let first = index;
  while (text.charCodeAt(first - 1) === backslash) first -= 1;
  return (index - first) % 2 === 1;
}

function skipSpace(text: string, from: number): number {
  let index = from;
  for (;;) {
    const code = text.charCodeAt(index);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return index;
    index += 1;
  }
}

interface Frame {
  /** Path of the object or list. */
  readonly path: string;
  /** The keys seen so far; undefined for a list. */
  readonly seen: Set<string> | undefined;
  /** Path of the member that is being read. */
  member: string;
  index: number;
}

/** The paths of repeated keys in a valid JSON text. */
function duplicatePaths(text: string): readonly string[] {
  const found = new Set<string>();
  const stack: Frame[] = [];
  let index = 0;
  while (index < text.length && found.size < duplicatesLimit) {
    const code = text.charCodeAt(index);
    const frame = stack.at(-1);
    if (code === quote) {
      const end = closingQuote(text, index);
      if (frame?.seen !== undefined && text.charCodeAt(skipSpace(text, end + 1)) === colon) {
        const key = JSON.parse(text.slice(index, end + 1)) as string;
        frame.member = frame.path === '' ? key : `${frame.path}.${key}`;
        if (frame.seen.has(key)) found.add(frame.member);
        frame.seen.add(key);
      }
      index = end;
    } else if (code === 0x7b || code === 0x5b) {
      const isList = code === 0x5b;
      const path = frame?.member ?? '';
      const member = isList ? `${path}[0]` : path;
      stack.push({ path, seen: isList ? undefined : new Set(), member, index: 0 });
    } else if (code === 0x7d || code === 0x5d) {
      stack.pop();
    } else if (code === 0x2c && frame !== undefined && frame.seen === undefined) {
      frame.index += 1;
      frame.member = `${frame.path}[${frame.index}]`;
    }
    index += 1;
  }
  return [...found];
}

function hasSurrogateEscape(text: string): boolean {
  return text.includes(String.raw`\ud`) || text.includes(String.raw`\uD`);
}

/** The same value with lone surrogates of escapes replaced, in keys too. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key.toWellFormed(), wellFormed(member)]),
  );
}
