import data from './data/messages.json' with { type: 'json' };

/** One field of a message. */
export interface MessageField {
  readonly number: number;
  /** The name in JSON. */
  readonly name: string;
  readonly shape: 'single' | 'list' | 'map';
  /** A scalar's name or a message's; of a list its items', of a map its values'. */
  readonly type: string;
  /** What JSON makes of a zero value; `inline`: the message's fields belong to the parent. */
  readonly zero: 'keep' | 'drop' | 'inline';
}

const texts = new Map<string, string>(Object.entries(data));
const parsed = new Map<string, ReadonlyMap<number, MessageField>>();

/** The fields of a message by number, parsed at its first use; undefined for an unknown message. */
export function messageFields(message: string): ReadonlyMap<number, MessageField> | undefined {
  const known = parsed.get(message);
  if (known !== undefined) return known;
  const text = texts.get(message);
  if (text === undefined) return undefined;
  const words = text === '' ? [] : text.split(' ');
  const fields = new Map(words.map(parseField).map((field) => [field.number, field]));
  parsed.set(message, fields);
  return fields;
}

/** The name of the message of a kind; undefined when none is known. */
export function messageOfKind(apiVersion: string, kind: string): string | undefined {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
  const label = group === '' ? 'core' : group?.split('.', 1)[0];
  const own = `${label}.${version}.${kind}`;
  // Options travel in the group of what they are about, but belong to meta.v1.
  const shared = `meta.v1.${kind}`;
  return [own, shared].find((name) => texts.has(name));
}

/** Names of all messages that are known. */
export function messageNames(): readonly string[] {
  return [...texts.keys()];
}

/** Reads `number:name:type`, as written by scripts/derive-protobuf.ts. */
function parseField(word: string): MessageField {
  const [number = '', flagged = '', type = ''] = word.split(':');
  const name = flagged.replace(/[?*]$/, '');
  const zero = flagged.endsWith('?') ? 'drop' : flagged.endsWith('*') ? 'inline' : 'keep';
  const field = { number: Number(number), name, zero } as const;
  if (type.endsWith('[]')) return { ...field, shape: 'list', type: type.slice(0, -2) };
  if (type.startsWith('{')) return { ...field, shape: 'map', type: type.slice(1, -1) };
  return { ...field, shape: 'single', type };
}
