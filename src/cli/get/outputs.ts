import type { KubeObject } from '../../api/index.ts';
import { UsageError } from '../command.ts';
import { jsonText, yamlText } from '../output/document-text.ts';
import { parseTemplate } from '../output/json-path-template.ts';
import { objectWord } from '../output/object-printer.ts';
import type { Kind } from '../resources/kinds.ts';
import { type CustomColumns, parseCustomColumns } from './custom-columns.ts';

export interface Gotten {
  readonly kind: Kind;
  readonly object: KubeObject;
}

/** How `get` prints: the server's table, or the objects themselves. */
export type Output =
  | { readonly kind: 'table' }
  | { readonly kind: 'columns'; readonly columns: CustomColumns; readonly headers: boolean }
  /** `root` is the single object, or a List of all. */
  | {
      readonly kind: 'document';
      readonly text: (root: unknown) => Promise<string>;
      readonly separator: string;
    }
  | { readonly kind: 'each'; readonly text: (gotten: Gotten) => string };

/** Reads `-o`; throws UsageError for a format that is not known. */
export function openOutput(format: string, headers: boolean): Output {
  const [word = ''] = format.split('=');
  const rest = format.slice(word.length + 1);
  switch (word) {
    case '':
    case 'wide':
      return { kind: 'table' };
    case 'json':
      return { kind: 'document', text: async (root) => jsonText(root), separator: '' };
    case 'yaml':
      return { kind: 'document', text: yamlText, separator: '---\n' };
    case 'name':
      return { kind: 'each', text: ({ kind, object }) => `${objectWord(kind, object)}\n` };
    case 'jsonpath': {
      const template = parseTemplate(rest);
      return { kind: 'document', text: async (root) => template(root), separator: '' };
    }
    case 'custom-columns':
      return { kind: 'columns', columns: parseCustomColumns(rest), headers };
    default:
      throw new UsageError(
        `Cannot use -o "${format}": expected wide, name, json, yaml, jsonpath=TEMPLATE or custom-columns=HEADER:.path`,
      );
  }
}
