import { resolve } from 'node:path';
import { dns1123LabelErrors } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, type CommandIo, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { openSession } from '../session.ts';
import { applyFunction, awaitReady } from './apply-function.ts';
import { archiveFolder } from './archive.ts';
import { openBuildFolder } from './build-folder.ts';
import { functionPackage, givePackage, storePackage } from './function-package.ts';
import { readSourceFolder, type SourceFolder } from './source-folder.ts';

const help = `Deploy a folder of code, with its dependencies, as a function and wait until it works.

Usage:
  nought deploy DIR [flags]

Flags:
      --name NAME       the function (default the folder's name)
      --runtime R       node or python (default by package.json, index.*, requirements.txt, main.py)
      --handler H       FILE or FILE:EXPORT in the folder (default index.js, .mjs, .ts or .cjs, or "main"
                        of package.json; main.py or handler.py)
${clusterFlagsHelp}
  -h, --help            this text

Dependencies of package.json or requirements.txt are installed into a copy of the folder, by the npm
or python3 in PATH; .git, node_modules, __pycache__, .venv and .nought* are left out. It is stored as
ConfigMaps that belong to the function: at most 32 MiB packed. A function that is there gets the new
code; its other settings stay, and the old code serves until the new code works.

Exit codes: 0 it works, 1 refused or failed, 2 wrong usage (nothing was sent).

Examples:
  nought deploy .
  nought deploy services/resize --name thumbnails -n media
  nought deploy report --runtime python --handler jobs/report.py:run
`;

export const deployCommand: Command = {
  name: 'deploy',
  summary: 'Deploy a folder of code, with its dependencies, as a function',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, {
      ...clusterFlagOptions,
      name: { type: 'string' },
      runtime: { type: 'string' },
      handler: { type: 'string' },
    });
    const [folder, ...more] = positionals;
    if (folder === undefined) throw new UsageError('Missing the folder: expected DIR');
    if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
    checkName(values.name);
    const source = await readSourceFolder(resolve(io.cwd, folder), {
      name: values.name,
      runtime: values.runtime,
      handler: values.handler,
    });
    using session = await openSession(values, io);
    const { namespace } = session;
    const pack = functionPackage(source.name, await packSource(source, io));
    await storePackage(session, namespace, pack);
    const { name, runtime, handler } = source;
    const deployment = { namespace, name, runtime, handler, package: pack.name };
    const { fn, done } = await applyFunction(session, deployment);
    await givePackage(session, pack, fn);
    io.stdout.write(`function.nought.dev/${name} ${done}\n`);
    const ready = await awaitReady(session, fn);
    io.stdout.write(`${ready.status?.url ?? ''}\n`);
    return 0;
  },
};

function checkName(name: string | undefined): void {
  const [problem] = name === undefined ? [] : dns1123LabelErrors(name);
  if (problem !== undefined) throw new UsageError(`Cannot use --name "${name}": ${problem}`);
}

async function packSource(source: SourceFolder, io: CommandIo): Promise<Buffer> {
  await using folder = await openBuildFolder(source, io);
  const packed = await archiveFolder(folder.path, io.signal);
  io.stderr.write(`Packed ${source.path}: ${Math.ceil(packed.length / 1024)} KiB\n`);
  return packed;
}
