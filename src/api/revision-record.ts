import type { FunctionSource, FunctionSpec } from './function.ts';

/** The fields of a Function's spec that make a revision: a change of one of them makes a new one. */
export const revisionFields = [
  'runtime',
  'source',
  'handler',
  'signature',
  'env',
  'envFrom',
  'resources',
  'serviceAccountName',
] as const satisfies readonly (keyof FunctionSpec)[];

export type RevisionSpec = Pick<FunctionSpec, (typeof revisionFields)[number]>;

/**
 * The longest record that is kept, in bytes of JSON: all annotations of an object together may have
 * 256 KiB. Only environments of that size are longer.
 */
const recordLimit = 200 * 1024;

/** A source without its code, which the revision's ConfigMap holds under `f0`, `f1`, … */
type SourceRecord =
  | { readonly inline: true }
  | { readonly files: readonly string[] }
  | Pick<FunctionSource, 'package' | 'image'>;

/**
 * What of a spec a ReplicaSet remembers (annotation `nought.dev/revision-spec`), as JSON: with the
 * code of the revision's ConfigMap it gives the fields back as they were written. Undefined when it
 * would be too long.
 */
export function revisionRecord(spec: RevisionSpec): string | undefined {
  const { source, ...rest } = revisionPart(spec);
  const json = JSON.stringify({ ...rest, source: sourceRecord(source) });
  return Buffer.byteLength(json) > recordLimit ? undefined : json;
}

/** The revision's fields of a spec, as a record and its ConfigMap's data have them; undefined for no record. */
export function restoreRevision(
  record: string,
  code: Readonly<Record<string, string>>,
): RevisionSpec | undefined {
  const value = parseObject(record);
  const source = restoreSource(value?.['source'], code);
  if (value === undefined || source === undefined) return undefined;
  return revisionPart({ ...(value as unknown as RevisionSpec), source });
}

/** The fields of a spec that make its revision, and no others. */
export function revisionPart(spec: RevisionSpec): RevisionSpec {
  const { runtime, source, handler, signature, env, envFrom, resources, serviceAccountName } = spec;
  return {
    runtime,
    source,
    ...(handler === undefined ? {} : { handler }),
    ...(signature === undefined ? {} : { signature }),
    ...(env === undefined ? {} : { env }),
    ...(envFrom === undefined ? {} : { envFrom }),
    ...(resources === undefined ? {} : { resources }),
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
  };
}

function sourceRecord({ inline, files, ...rest }: FunctionSource): SourceRecord {
  if (inline !== undefined) return { inline: true };
  return files === undefined ? rest : { files: Object.keys(files) };
}

function restoreSource(
  value: unknown,
  code: Readonly<Record<string, string>>,
): FunctionSource | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('inline' in value) && !('files' in value)) return value;
  if ('inline' in value) return code['f0'] === undefined ? undefined : { inline: code['f0'] };
  const paths: readonly unknown[] = Array.isArray(value.files) ? value.files : [];
  const files: Record<string, string> = {};
  for (const [index, path] of paths.entries()) {
    const text = code[`f${index}`];
    if (typeof path !== 'string' || text === undefined) return undefined;
    files[path] = text;
  }
  return { files };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
