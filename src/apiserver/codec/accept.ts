import { notAcceptable } from '../refusals.ts';

/** The form of an answer that a client asked for. */
export type View =
  | { readonly kind: 'object' }
  | { readonly kind: 'table'; readonly version: string }
  | { readonly kind: 'metadata'; readonly list: boolean };

export interface Accepted {
  readonly view: View;
  readonly encoding: 'json' | 'yaml';
}

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const plain: Accepted = { view: { kind: 'object' }, encoding: 'json' };
const wildcards = new Set(['*/*', 'application/*', 'application/json']);
const offered = ['application/json', 'application/yaml', 'application/json;stream=watch'];

/** Media ranges in the order that the client wrote them; quality values are not weighed. */
export function parseAccept(header: string): readonly MediaRange[] {
  return header
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim());
      return { type: type.toLowerCase(), parameters: new Map(parameters.map(splitParameter)) };
    });
}

function splitParameter(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** The first form that the client wants and we have. Throws StatusError 406. */
export function negotiate(header: string): Accepted {
  if (header === '' || header === 'application/json') return plain;
  for (const range of parseAccept(header)) {
    const accepted = accept(range);
    if (accepted !== undefined) return accepted;
  }
  throw notAcceptable(offered);
}

function accept({ type, parameters }: MediaRange): Accepted | undefined {
  if (type === 'application/yaml') return { ...plain, encoding: 'yaml' };
  if (!wildcards.has(type)) return undefined;
  const as = parameters.get('as');
  if (as === undefined) return plain;
  const version = parameters.get('v') ?? 'v1';
  if (parameters.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) {
    return undefined;
  }
  switch (as) {
    case 'Table':
      return { ...plain, view: { kind: 'table', version } };
    case 'PartialObjectMetadata':
      return { ...plain, view: { kind: 'metadata', list: false } };
    case 'PartialObjectMetadataList':
      return { ...plain, view: { kind: 'metadata', list: true } };
    default:
      return undefined;
  }
}
