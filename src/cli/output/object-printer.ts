import type { KubeObject } from '../../api/index.ts';
import { type CommandIo, UsageError } from '../command.ts';
import { type Kind, kindWord } from '../resources/kinds.ts';
import { jsonText, yamlText } from './document-text.ts';
import { parseTemplate } from './json-path-template.ts';

export const printerFormats = 'name, json, yaml or jsonpath=TEMPLATE';

/** What a command did to one object. */
export interface Outcome {
  readonly kind: Kind;
  readonly object: KubeObject;
  /** `created`, `scaled`, … */
  readonly done: string;
}

/** How a command that changes objects tells of each; throws UsageError for an unknown format. */
export function openPrinter(
  format: string | undefined,
  io: CommandIo,
): (outcome: Outcome) => Promise<void> {
  if (format === undefined || format === '') {
    return async ({ kind, object, done }) => {
      io.stdout.write(`${objectWord(kind, object)} ${done}\n`);
    };
  }
  const text = objectText(format);
  let first = true;
  return async ({ kind, object }) => {
    if (format === 'yaml' && !first) io.stdout.write('---\n');
    first = false;
    io.stdout.write(await text(object, kind));
  };
}

/** The text of an object in a format; throws UsageError for one that is not known. */
export function objectText(format: string): (object: KubeObject, kind: Kind) => Promise<string> {
  if (format === 'name') return async (object, kind) => `${objectWord(kind, object)}\n`;
  if (format === 'json') return async (object) => jsonText(object);
  if (format === 'yaml') return async (object) => yamlText(object);
  if (format.startsWith('jsonpath=')) {
    const template = parseTemplate(format.slice('jsonpath='.length));
    return async (object) => template(object);
  }
  throw new UsageError(`Cannot use -o "${format}": expected ${printerFormats}`);
}

/** `function.nought.dev/diff`. */
export function objectWord(kind: Kind, { metadata }: KubeObject): string {
  return `${kindWord(kind)}/${metadata.name}`;
}
