import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { KubeObject } from '../../api/index.ts';
import { readDryRun } from '../apply/apply-command.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, CommandError, type CommandIo, UsageError } from '../command.ts';
import { failureText } from '../failure.ts';
import { parseFlags } from '../flags.ts';
import { readManifestFiles } from '../manifests/manifest-files.ts';
import { type Manifest, parseManifests } from '../manifests/parse-manifests.ts';
import { ManifestResolver } from '../manifests/resolve-manifest.ts';
import { openPrinter, printerFormats } from '../output/object-printer.ts';
import { resourcePath } from '../resources/kinds.ts';
import { openSession } from '../session.ts';

const help = `Create objects that are not there yet.

Usage:
  nought create (-f FILE | namespace NAME | configmap NAME | secret generic NAME) [flags]

Flags:
  -f, --filename FILE       the objects of a manifest; may be given several times
  -R, --recursive           folders inside of folders too
      --from-literal K=V    a value of a configmap or secret; may be given several times
      --from-file [K=]FILE  the same out of a file (the key is the file's name when left out)
      --dry-run MODE        server: the server checks it and stores nothing; client: nothing is sent
  -o, --output FORMAT       ${printerFormats} of the result
${clusterFlagsHelp}
  -h, --help                this text

Examples:
  nought create namespace team
  nought create configmap settings --from-literal=mode=fast -n team
  nought create secret generic key --from-file=./token.txt --dry-run=client -o yaml
`;

const options = {
  ...clusterFlagOptions,
  filename: { type: 'string', short: 'f', multiple: true },
  recursive: { type: 'boolean', short: 'R' },
  'from-literal': { type: 'string', multiple: true },
  'from-file': { type: 'string', multiple: true },
  'dry-run': { type: 'string' },
  output: { type: 'string', short: 'o' },
} as const;

type Flags = ReturnType<typeof parseFlags<typeof options>>['values'];

export const createCommand: Command = {
  name: 'create',
  summary: 'Create objects that are not there yet',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    const dryRun = readDryRun(values['dry-run']);
    const print = openPrinter(values.output, io);
    const manifests = await readManifests(positionals, values, io);
    using session = await openSession(values, io);
    const resolver = new ManifestResolver(session);
    const suffix = { none: '', client: ' (dry run)', server: ' (server dry run)' }[dryRun];
    let failed = false;
    for (const parsed of manifests) {
      try {
        if ('problem' in parsed) throw new CommandError(parsed.problem);
        const { kind, object } = await resolver.resolve(parsed);
        const created =
          dryRun === 'client'
            ? object
            : await session.send({
                method: 'POST',
                path: resourcePath(kind, { namespace: object.metadata.namespace }),
                query: {
                  fieldManager: 'kubectl-create',
                  fieldValidation: 'Strict',
                  ...(dryRun === 'server' ? { dryRun: 'All' } : {}),
                },
                body: object,
              });
        await print({ kind, object: created as KubeObject, done: `created${suffix}` });
      } catch (error) {
        io.signal.throwIfAborted();
        const { filename } = values;
        const refused = !(error instanceof CommandError) && filename !== undefined;
        const doing = refused ? `error when creating "${filename.join(',')}"` : undefined;
        io.stderr.write(`${failureText(error, doing)}\n`);
        failed = true;
      }
    }
    return failed ? 1 : 0;
  },
};

async function readManifests(
  words: readonly string[],
  flags: Flags,
  io: CommandIo,
): Promise<readonly (Manifest | { readonly problem: string })[]> {
  const { filename, recursive = false } = flags;
  if (filename === undefined) {
    const object = await newObject(words, flags, io);
    return [{ object, source: 'the command line' }];
  }
  if (words.length > 0) throw new UsageError('Cannot take both -f and names: give one of them');
  const files = await readManifestFiles(filename, recursive, io);
  return (await Promise.all(files.map(parseManifests))).flat();
}

async function newObject(
  words: readonly string[],
  flags: Flags,
  io: CommandIo,
): Promise<KubeObject> {
  const [word = '', ...rest] = words;
  if (word === '') throw new UsageError('Missing what to create: expected -f FILE or KIND NAME');
  const generic = word === 'secret' && rest[0] === 'generic';
  const [name, ...more] = generic ? rest.slice(1) : rest;
  if (name === undefined) throw new UsageError(`Missing the name of the ${word}`);
  if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
  const metadata = { name };
  switch (word) {
    case 'ns':
    case 'namespace':
      return { apiVersion: 'v1', kind: 'Namespace', metadata };
    case 'cm':
    case 'configmap': {
      const values = await readValues(flags, io);
      return { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...configMapData(values) };
    }
    case 'secret': {
      if (!generic) throw new UsageError('Cannot create that secret: expected "secret generic"');
      const encoded = [...(await readValues(flags, io))].map(([key, bytes]) => [
        key,
        bytes.toString('base64'),
      ]);
      const data = { data: Object.fromEntries(encoded) };
      return { apiVersion: 'v1', kind: 'Secret', metadata, ...data };
    }
    default:
      throw new UsageError(
        `Cannot create a "${word}" by name: expected namespace, configmap or secret generic; others come from -f FILE`,
      );
  }
}

async function readValues(flags: Flags, io: CommandIo): Promise<ReadonlyMap<string, Buffer>> {
  const values = new Map<string, Buffer>();
  const add = (key: string, value: Buffer): void => {
    if (values.has(key)) throw new UsageError(`Cannot use the key "${key}" twice`);
    values.set(key, value);
  };
  for (const literal of flags['from-literal'] ?? []) {
    const [key = ''] = literal.split('=');
    if (key === literal)
      throw new UsageError(`Cannot read --from-literal "${literal}": expected K=V`);
    add(key, Buffer.from(literal.slice(key.length + 1)));
  }
  for (const source of flags['from-file'] ?? []) {
    const at = source.indexOf('=');
    const path = source.slice(at + 1);
    try {
      const value = await readFile(resolve(io.cwd, path));
      add(at === -1 ? basename(path) : source.slice(0, at), value);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new CommandError(`error: Cannot read "${path}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return values;
}

/** Texts go to `data`, what is no UTF-8 to `binaryData`. */
function configMapData(values: ReadonlyMap<string, Buffer>): object {
  const isText = (bytes: Buffer): boolean => Buffer.from(bytes.toString()).equals(bytes);
  const pick = (texts: boolean, encoding: BufferEncoding) =>
    Object.fromEntries(
      [...values]
        .filter(([, bytes]) => isText(bytes) === texts)
        .map(([key, bytes]) => [key, bytes.toString(encoding)]),
    );
  const [data, binaryData] = [pick(true, 'utf8'), pick(false, 'base64')];
  return {
    ...(Object.keys(data).length === 0 ? {} : { data }),
    ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }),
  };
}
