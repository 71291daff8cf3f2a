import type { Document, LineCounter, Tags } from 'yaml';
import { isJsonObject, type KubeObject } from '../../api/index.ts';
import { CommandError } from '../command.ts';
import type { ManifestFile } from './manifest-files.ts';

/** One object that a user wrote down. */
export interface Manifest {
  readonly object: KubeObject;
  /** The file's name, for messages. */
  readonly source: string;
}

type Parsed = Manifest | { readonly problem: string };

/**
 * What a file yields, in its order: an object, or why there is none (a message that names file,
 * document and line). Lists (`kind: List`) are taken apart; empty documents are left out.
 */
export async function parseManifests(file: ManifestFile): Promise<readonly Parsed[]> {
  // Loaded here alone: the library costs more to load than most commands take.
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  // Kubernetes reads YAML 1.1 (`on` is true, 0644 is octal), but neither dates nor base 60.
  const documents = yaml.parseAllDocuments(file.text, {
    version: '1.1',
    merge: true,
    lineCounter: lines,
    prettyErrors: false,
    customTags: withoutTimes,
  });
  if (!Array.isArray(documents)) return [];
  const several = documents.length > 1;
  return (documents as readonly Document.Parsed[]).flatMap((document, index): readonly Parsed[] => {
    const place = { file: file.name, document: several ? index + 1 : undefined };
    try {
      return readDocument(document, place, lines).map((object) => ({ object, source: file.name }));
    } catch (error) {
      if (error instanceof CommandError) return [{ problem: error.message }];
      throw error;
    }
  });
}

interface Place {
  readonly file: string;
  /** Counted from 1; undefined when the file has but one. */
  readonly document: number | undefined;
}

function withoutTimes(tags: Tags): Tags {
  return tags.filter(
    (tag) =>
      typeof tag === 'string' ||
      (tag.tag !== 'tag:yaml.org,2002:timestamp' && (tag as { format?: string }).format !== 'TIME'),
  );
}

function readDocument(
  document: Document.Parsed,
  place: Place,
  lines: LineCounter,
): readonly KubeObject[] {
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw new CommandError(
      `error: error parsing ${placeText(place)}: line ${line}: ${error.message}`,
    );
  }
  const value: unknown = document.toJS();
  if (value === null || value === undefined) return [];
  const { line } = lines.linePos(document.contents?.range?.[0] ?? document.range[0]);
  return readObject(value, { ...place, line });
}

function readObject(
  value: unknown,
  place: Place & { readonly line: number },
): readonly KubeObject[] {
  const bad = (problem: string): CommandError =>
    new CommandError(`error: ${placeText(place)}, line ${place.line}: ${problem}`);
  if (!isJsonObject(value)) throw bad('expected a mapping with apiVersion, kind and metadata');
  const { apiVersion, kind, metadata, items } = value;
  if (typeof apiVersion !== 'string' || apiVersion === '') throw bad('apiVersion not set');
  if (typeof kind !== 'string' || kind === '') throw bad('kind not set');
  if (kind.endsWith('List') && Array.isArray(items)) {
    return items.flatMap((item) => readObject(item, place));
  }
  if (!isJsonObject(metadata)) throw bad('metadata not set');
  const { name, generateName, namespace } = metadata;
  const named = [name, generateName].some((each) => typeof each === 'string' && each !== '');
  if (!named) throw bad('metadata.name not set (a name in quotes, if it looks like a number)');
  if (namespace !== undefined && namespace !== null && typeof namespace !== 'string') {
    throw bad('metadata.namespace is not a text');
  }
  return [value as unknown as KubeObject];
}

function placeText({ file, document }: Place): string {
  return document === undefined ? `"${file}"` : `"${file}", document ${document}`;
}
