/**
 * Derives the compact protobuf field tables of the kinds that a client may send as protobuf.
 *
 *     node scripts/derive-protobuf.ts path/to/protobuf-fields.json
 *
 * The input is one JSON object, message name → { field number: [JSON name, type, zero] }, made from
 * upstream's .proto files and Go types; `zero` says what JSON makes of a zero value: `keep`, `drop`
 * (Go's omitempty), or `inline` for a message whose fields belong to the parent.
 * The output holds the messages that the kinds below reach, sorted by name, each as one string of
 * fields `number:name:type` with `?` behind the name for drop and `*` for inline. Names lose the
 * packages' prefixes: core.v1.Pod, meta.v1.Time, apiextensions.v1.JSON.
 */
import { readFile, writeFile } from 'node:fs/promises';

type Field = readonly [name: string, type: string, zero: 'keep' | 'drop' | 'inline' | '?'];
type Messages = Readonly<Record<string, Readonly<Record<string, Field>>>>;

/** Packages whose kinds (messages with metadata, but for lists) are sent. */
const packages = [
  'k8s.io.api.apps.v1',
  'k8s.io.api.authentication.v1',
  'k8s.io.api.authorization.v1',
  'k8s.io.api.autoscaling.v1',
  'k8s.io.api.autoscaling.v2',
  'k8s.io.api.batch.v1',
  'k8s.io.api.coordination.v1',
  'k8s.io.api.core.v1',
  'k8s.io.api.discovery.v1',
  'k8s.io.api.events.v1',
  'k8s.io.api.networking.v1',
  'k8s.io.api.policy.v1',
  'k8s.io.api.rbac.v1',
  'k8s.io.api.scheduling.v1',
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1',
];
const roots = ['k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions'];

/** Prefixes that names lose; what is left is `group.version.Message`, or `special.Message`. */
const prefixes: readonly (readonly [string, string])[] = [
  ['k8s.io.apimachinery.pkg.apis.meta.v1.', 'meta.v1.'],
  ['k8s.io.apimachinery.pkg.api.resource.', 'special.'],
  ['k8s.io.apimachinery.pkg.runtime.', 'special.'],
  ['k8s.io.apimachinery.pkg.util.intstr.', 'special.'],
  ['k8s.io.apiextensions_apiserver.pkg.apis.', ''],
  ['k8s.io.api.', ''],
];

const output = new URL('../src/api/protobuf/data/messages.json', import.meta.url);

function shortName(message: string): string {
  const found = prefixes.find(([prefix]) => message.startsWith(prefix));
  if (found === undefined) throw new Error(`Cannot shorten the message name "${message}"`);
  return found[1] + message.slice(found[0].length);
}

/** The message or scalar that a field's type is made of. */
function elementType(type: string): string {
  return /^map<string,(?<value>.*)>$/.exec(type)?.groups?.['value'] ?? type.replace(/\[\]$/, '');
}

function isSentKind(name: string, fields: Readonly<Record<string, Field>>): boolean {
  const type = name.slice(name.lastIndexOf('.') + 1);
  return (
    packages.includes(name.slice(0, name.lastIndexOf('.'))) &&
    !/(?:List|TemplateSpec|JobTemplate|VolumeClaimTemplate|StatusResult)$/.test(type) &&
    Object.values(fields).some(([field]) => field === 'metadata')
  );
}

function reach(messages: Messages, start: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [...start];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const fields = messages[name];
    if (fields === undefined || seen.has(name)) continue;
    seen.add(name);
    waiting.push(...Object.values(fields).map(([, type]) => elementType(type)));
  }
  return seen;
}

function fieldText(messages: Messages, number: string, [name, type, zero]: Field): string {
  const element = elementType(type);
  const short = messages[element] === undefined ? element : shortName(element);
  const flag = zero === 'drop' ? '?' : zero === 'inline' ? '*' : '';
  if (type.endsWith('[]')) return `${number}:${name}${flag}:${short}[]`;
  return `${number}:${name}${flag}:${type.startsWith('map<') ? `{${short}}` : short}`;
}

const input = process.argv[2];
if (input === undefined) {
  console.error('usage: node scripts/derive-protobuf.ts path/to/protobuf-fields.json');
  process.exit(2);
}
const messages = JSON.parse(await readFile(input, 'utf8')) as Messages;
const kinds = Object.entries(messages).filter(([name, fields]) => isSentKind(name, fields));
const reached = [...reach(messages, [...roots, ...kinds.map(([name]) => name)])];
const lines = reached.map((name) => {
  const fields = Object.entries(messages[name] ?? {});
  const text = fields.map(([number, field]) => fieldText(messages, number, field)).join(' ');
  return [shortName(name), text] as const;
});
const sorted = lines.toSorted(([a], [b]) => (a < b ? -1 : 1));
const text = `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
await writeFile(output, text);
console.log(`${kinds.length} kinds, ${sorted.length} messages, ${text.length} bytes`);
