import { type JsonPath, parseJsonPath } from '../../api/index.ts';
import { UsageError } from '../command.ts';
import { presentable } from './document-text.ts';

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: JsonPath }
  | { readonly kind: 'range'; readonly path: JsonPath; readonly parts: readonly Part[] };

/**
 * kubectl's JSONPath templates: text, `{.field}`, `{"\n"}`, `{range .items[*]}…{end}`; a bare `.field`
 * is taken for `{.field}`. What is not there prints nothing.
 *
 * Returns the printer; throws UsageError for a template that cannot be read.
 */
export function parseTemplate(template: string): (root: unknown) => string {
  const text = template.includes('{')
    ? template
    : `{${template.startsWith('.') || template.startsWith('$') || template.startsWith('[') ? '' : '.'}${template}}`;
  const tokens = tokenize(text, template);
  const parts = readParts(tokens, template, false);
  return (root) => render(parts, presentable(root));
}

type Token = { readonly braced: boolean; readonly text: string };

function tokenize(text: string, whole: string): Token[] {
  const tokens: Token[] = [];
  const pattern = /\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^{}"'])*)\}|([^{]+)/gy;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) {
      throw new UsageError(`Cannot read JSONPath "${whole}" at "${text.slice(at)}"`);
    }
    tokens.push({ braced: match[1] !== undefined, text: match[1]?.trim() ?? match[2] ?? '' });
  }
  return tokens;
}

function readParts(tokens: Token[], whole: string, inRange: boolean): readonly Part[] {
  const parts: Part[] = [];
  for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
    const { braced, text } = token;
    if (!braced) parts.push({ kind: 'text', text });
    else if (text === 'end') {
      if (inRange) return parts;
      throw new UsageError(`Cannot read JSONPath "${whole}": {end} without {range}`);
    } else if (/^range\s/.test(text)) {
      const path = readPath(text.slice('range'.length).trim(), whole);
      parts.push({ kind: 'range', path, parts: readParts(tokens, whole, true) });
    } else if (/^["']/.test(text)) parts.push({ kind: 'text', text: unquote(text, whole) });
    else parts.push({ kind: 'path', path: readPath(text, whole) });
  }
  if (inRange) throw new UsageError(`Cannot read JSONPath "${whole}": {range} without {end}`);
  return parts;
}

function readPath(text: string, whole: string): JsonPath {
  if (text === '@' || text === '$' || text === '.') return { find: (root) => [root] };
  try {
    return parseJsonPath(text.replace(/^@/, ''));
  } catch (error) {
    throw new UsageError(
      text === whole || `{${text}}` === whole
        ? (error as Error).message
        : `${(error as Error).message} in "${whole}"`,
      { cause: error },
    );
  }
}

function unquote(text: string, whole: string): string {
  const inner = text.slice(1, -1);
  try {
    return JSON.parse(
      `"${text.startsWith("'") ? inner.replaceAll('"', String.raw`\"`) : inner}"`,
    ) as string;
  } catch (cause) {
    throw new UsageError(`Cannot read JSONPath "${whole}" at ${text}`, { cause });
  }
}

function render(parts: readonly Part[], root: unknown): string {
  return parts
    .map((part) => {
      switch (part.kind) {
        case 'text':
          return part.text;
        case 'path':
          return part.path.find(root).map(valueText).join(' ');
        case 'range':
          return part.path
            .find(root)
            .map((item) => render(part.parts, item))
            .join('');
        default:
          return part satisfies never;
      }
    })
    .join('');
}

/** A value as JSONPath prints it: texts as they are, the rest as JSON. */
function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
