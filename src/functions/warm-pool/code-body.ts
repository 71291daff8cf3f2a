import type { ConfigMap } from '../../api/index.ts';
import { type Client, refs } from '../../client/index.ts';
import type { CodeFile } from '../function-code.ts';
import type { Specialisation } from './specialisation.ts';

/**
 * What is sent to a pod that booted without code: a line of JSON and, of a package, its bytes.
 *
 * `files` are those of the revision when they are at hand; else they are read from its ConfigMap, as
 * a node would. Throws when one is missing.
 */
export async function codeBody(
  client: Client,
  namespace: string,
  { env, handler, signature, source }: Specialisation,
  files: readonly CodeFile[] | undefined,
): Promise<Buffer> {
  const maps = client.resource(refs.configmaps);
  const line = (rest: object): string =>
    `${JSON.stringify({ env, handler, signature, ...rest })}\n`;
  if (source.kind === 'files') {
    if (files !== undefined) return Buffer.from(line({ files }));
    const { data = {} } = await maps.get({ namespace, name: source.configMap });
    const read = source.items.map(({ key, path }) => ({ path, text: textOf(data, key) }));
    return Buffer.from(line({ files: read }));
  }
  const chunks = await Promise.all(
    source.chunks.map(async ({ configMap, key }) =>
      chunkOf(await maps.get({ namespace, name: configMap }), key),
    ),
  );
  const bytes = Buffer.concat(chunks);
  return Buffer.concat([Buffer.from(line({ packageBytes: bytes.length })), bytes]);
}

function textOf(data: Readonly<Record<string, string>>, key: string): string {
  const text = data[key];
  if (text === undefined)
    throw new Error(`Cannot read the code: the ConfigMap has no key "${key}"`);
  return text;
}

function chunkOf({ metadata, data, binaryData }: ConfigMap, key: string): Buffer {
  const chunk = binaryData?.[key];
  if (chunk !== undefined) return Buffer.from(chunk, 'base64');
  const text = data?.[key];
  if (text !== undefined) return Buffer.from(text);
  throw new Error(`Cannot read the package: ConfigMap "${metadata.name}" has no key "${key}"`);
}
