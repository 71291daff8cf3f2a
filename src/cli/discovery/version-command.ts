import { readFile } from 'node:fs/promises';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { openSession } from '../session.ts';

const help = `Say which versions are at work.

Usage:
  nought version [flags]
  nought --version

Flags:
      --client          this program's alone, without asking the server
${clusterFlagsHelp}
  -h, --help            this text

Examples:
  nought version --client
`;

const options = { ...clusterFlagOptions, client: { type: 'boolean' } } as const;

export const versionCommand: Command = {
  name: 'version',
  summary: 'Say which versions are at work',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    if (positionals.length > 0) throw new UsageError(`Unexpected argument "${positionals[0]}"`);
    io.stdout.write(`Client Version: v${await ownVersion()}\n`);
    if (values.client === true) return 0;
    using session = await openSession(values, io);
    const { gitVersion } = (await session.send({ path: '/version' })) as { gitVersion: string };
    io.stdout.write(`Server Version: ${gitVersion}\n`);
    return 0;
  },
};

/** Of the package, which has this file at the same depth in `src` and in `dist`. */
async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
