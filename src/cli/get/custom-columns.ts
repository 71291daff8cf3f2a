import { UsageError } from '../command.ts';
import { cellText } from '../output/columns.ts';
import { parseTemplate } from '../output/json-path-template.ts';

export interface CustomColumns {
  readonly headers: readonly string[];
  readonly cells: (object: unknown) => readonly string[];
}

/** Reads `NAME:.metadata.name,IMAGE:.spec.image`; throws UsageError for what is none. */
export function parseCustomColumns(spec: string): CustomColumns {
  const columns = spec.split(',').map((part) => {
    const colon = part.indexOf(':');
    if (colon < 1 || colon === part.length - 1) {
      throw new UsageError(`Cannot read custom column "${part}": expected HEADER:.path`);
    }
    return { header: part.slice(0, colon), template: parseTemplate(part.slice(colon + 1)) };
  });
  return {
    headers: columns.map(({ header }) => header),
    cells: (object) =>
      columns.map(({ template }) => {
        const text = template(object);
        return text === '' ? '<none>' : cellText(text);
      }),
  };
}
