import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { Columns } from '../output/columns.ts';
import { apiVersionOf, type Kind, Kinds } from '../resources/kinds.ts';
import { openSession } from '../session.ts';

const help = `List the kinds that the API server has.

Usage:
  nought api-resources [flags]

Flags:
      --api-group G       of this group alone ("" for the core group)
      --namespaced=BOOL   only kinds that live in namespaces, or only those that do not
      --verbs LIST        only kinds that know all of these verbs
  -o, --output FORMAT     wide (verbs and categories too) or name
      --no-headers        rows alone
${clusterFlagsHelp}
  -h, --help              this text

Examples:
  nought api-resources
  nought api-resources --api-group=nought.dev -o wide
`;

const options = {
  ...clusterFlagOptions,
  'api-group': { type: 'string' },
  namespaced: { type: 'boolean' },
  verbs: { type: 'string' },
  output: { type: 'string', short: 'o' },
  'no-headers': { type: 'boolean' },
} as const;

export const apiResourcesCommand: Command = {
  name: 'api-resources',
  summary: 'List the kinds that the API server has',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    if (positionals.length > 0) throw new UsageError(`Unexpected argument "${positionals[0]}"`);
    const { output = '', 'api-group': group, namespaced, verbs = '' } = values;
    if (!['', 'wide', 'name'].includes(output)) {
      throw new UsageError(`Cannot use -o "${output}": expected wide or name`);
    }
    using session = await openSession(values, io);
    const wanted = verbs.split(',').filter((verb) => verb !== '');
    const { all } = await Kinds.load(session);
    const kinds = all
      .filter((kind) => group === undefined || kind.group === group)
      .filter((kind) => namespaced === undefined || kind.namespaced === namespaced)
      .filter((kind) => wanted.every((verb) => kind.verbs.includes(verb)))
      .toSorted((a, b) => compare(a.group, b.group) || compare(a.plural, b.plural));
    if (output === 'name') {
      for (const { plural, group: of } of kinds) {
        io.stdout.write(of === '' ? `${plural}\n` : `${plural}.${of}\n`);
      }
      return 0;
    }
    const wide = output === 'wide';
    const headers = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND'];
    const all5 = wide ? [...headers, 'VERBS', 'CATEGORIES'] : headers;
    new Columns(io.stdout).write([
      ...(values['no-headers'] === true ? [] : [all5]),
      ...kinds.map((kind) => cells(kind, wide)),
    ]);
    return 0;
  },
};

function cells(kind: Kind, wide: boolean): readonly string[] {
  const { plural, shortNames, namespaced, verbs, categories } = kind;
  const usual = [plural, shortNames.join(','), apiVersionOf(kind), String(namespaced), kind.kind];
  return wide ? [...usual, verbs.join(','), categories.join(',')] : usual;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
