/**
 * Derives the compact schema data of the built-in kinds from Kubernetes' OpenAPI definitions.
 *
 *     node scripts/derive-schemas.ts path/to/openapi-definitions.json
 *
 * The input is one JSON object, definition name → schema, as `definitions` of Kubernetes' swagger.
 * The output holds the definitions that the kinds below reach, one a line, sorted by name, with
 * upstream's content but for one thing: see dropZeroDefaults.
 */
import { readFile, writeFile } from 'node:fs/promises';

interface Definition {
  readonly $ref?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly items?: Definition;
  readonly additionalProperties?: Definition;
}
type Definitions = Readonly<Record<string, Definition>>;

const roots = [
  'io.k8s.api.core.v1.Namespace',
  'io.k8s.api.core.v1.Pod',
  'io.k8s.api.core.v1.ConfigMap',
  'io.k8s.api.core.v1.Secret',
  'io.k8s.api.core.v1.Event',
  'io.k8s.api.core.v1.Node',
  'io.k8s.api.core.v1.ServiceAccount',
  'io.k8s.api.apps.v1.ReplicaSet',
  'io.k8s.api.autoscaling.v1.Scale',
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  'io.k8s.api.coordination.v1.Lease',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta',
];

const output = new URL('../src/api/schema/data/kubernetes.json', import.meta.url);
const refPrefix = '#/definitions/';

/** Names of all definitions that `start` reaches; `status` properties are followed only if asked. */
function reach(
  definitions: Definitions,
  start: readonly string[],
  followStatus: boolean,
): Set<string> {
  const seen = new Set<string>();
  const waiting = [...start];
  const walk = (node: Definition): void => {
    if (node.$ref !== undefined) waiting.push(node.$ref.slice(refPrefix.length));
    if (node.items !== undefined) walk(node.items);
    if (typeof node.additionalProperties === 'object') walk(node.additionalProperties);
    for (const [name, property] of Object.entries(node.properties ?? {})) {
      if (followStatus || name !== 'status') walk(property);
    }
  };
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const definition = definitions[name];
    if (definition === undefined) throw new Error(`Cannot find definition "${name}"`);
    walk(definition);
  }
  return seen;
}

/**
 * Takes the default `""` from required strings. It is Go's zero value: upstream fills it in and then
 * refuses it as "Required value" in code of its own. Without it the requirement does that by itself.
 * Status types keep theirs, because there upstream takes the empty string.
 */
function dropZeroDefaults(definition: Definition): Definition {
  if (definition.properties === undefined) return definition;
  const required = new Set(definition.required);
  const properties: Record<string, Definition> = {};
  for (const [name, property] of Object.entries(definition.properties)) {
    const { default: value, ...rest } = property;
    properties[name] = value === '' && required.has(name) ? rest : property;
  }
  return { ...definition, properties };
}

const input = process.argv[2];
if (input === undefined) {
  console.error('usage: node scripts/derive-schemas.ts path/to/openapi-definitions.json');
  process.exit(2);
}
const definitions = JSON.parse(await readFile(input, 'utf8')) as Definitions;
const ofUsers = reach(definitions, roots, false);
const lines: string[] = [];
for (const name of [...reach(definitions, roots, true)].toSorted()) {
  const definition = definitions[name] as Definition;
  const kept = ofUsers.has(name) ? dropZeroDefaults(definition) : definition;
  lines.push(`${JSON.stringify(name)}: ${JSON.stringify(kept)}`);
}
await writeFile(output, `{\n${lines.join(',\n')}\n}\n`);
console.log(`${lines.length} definitions written to ${output.pathname}`);
