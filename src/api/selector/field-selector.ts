import { badSelector } from './requirement.ts';

/** One condition on one field; all conditions of a selector must hold. */
export interface FieldRequirement {
  readonly field: string;
  readonly op: '=' | '!=';
  readonly value: string;
}

/**
 * Parses a field selector (`metadata.name=x,status.phase!=Failed`); in values `\`, `,` and `=` are
 * escaped by a backslash. Which fields a kind knows is not checked here.
 *
 * Throws a StatusError 400 in the words of k8s.io/apimachinery pkg/fields.
 */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  const requirements: FieldRequirement[] = [];
  for (const term of terms(text)) {
    const match = /^(?<field>.*?)(?<op>!=|==|=)(?<value>.*)$/su.exec(term)?.groups;
    if (match === undefined) {
      throw badSelector(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const { field = '', op, value = '' } = match;
    // A term of neither field nor value selects nothing and is let pass, as upstream does.
    if (field === '' && value === '') continue;
    requirements.push({ field, op: op === '!=' ? '!=' : '=', value: unescape(value) });
  }
  return requirements;
}

/** The canonical text of a field selector. */
export function fieldSelectorText(requirements: readonly FieldRequirement[]): string {
  return requirements
    .map(({ field, op, value }) => `${field}${op}${value.replaceAll(/[\\,=]/g, String.raw`\$&`)}`)
    .join(',');
}

/** The parts between unescaped commas, sorted as upstream does; empty ones are left out. */
function terms(text: string): readonly string[] {
  const found: string[] = [];
  let start = 0;
  for (let index = 0; index <= text.length; index += 1) {
    if (text[index] === '\\') {
      index += 1;
    } else if (text[index] === ',') {
      found.push(text.slice(start, index));
      start = index + 1;
    }
  }
  found.push(text.slice(start));
  return found.filter((term) => term !== '').toSorted();
}

function unescape(value: string): string {
  let plain = '';
  for (let index = 0; index < value.length; index += 1) {
    const char = value.charAt(index);
    if (char === ',' || char === '=') {
      const rune = char.charCodeAt(0);
      throw badSelector(`invalid field selector: unescaped character in value: ${rune}`);
    }
    if (char !== '\\') {
      plain += char;
      continue;
    }
    index += 1;
    const code = value.codePointAt(index);
    const escaped = code === undefined ? '' : String.fromCodePoint(code);
    if (escaped === '' || !'\\,='.includes(escaped)) {
      throw badSelector(`invalid field selector: invalid escape sequence: \\${escaped}`);
    }
    plain += escaped;
  }
  return plain;
}
