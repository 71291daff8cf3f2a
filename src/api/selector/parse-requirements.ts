import { qualifiedNameErrors } from '../validation-names.ts';
import { badSelector, invalid, newRequirement, quoted, type Requirement } from './requirement.ts';

type Mark = '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '>' | '<';

type Token =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'symbol'; readonly text: Mark }
  | { readonly kind: 'end'; readonly text: '' };

const end: Token = { kind: 'end', text: '' };
const symbols: readonly string[] = ['(', ')', ',', '!', '=', '==', '!=', '>', '<'];
const tokenRegExp = /[ \t\r\n]+|[=!(),<>]+|[^ \t\r\n=!(),<>]+/g;
const spaceRegExp = /^[ \t\r\n]/;
const symbolRegExp = /^[=!(),<>]/;

/** The requirements of a label selector's text, in the order of the text. */
export function parseRequirements(text: string): readonly Requirement[] {
  return new Parser(tokens(text)).parse();
}

function tokens(text: string): Token[] {
  const list: Token[] = [];
  for (const [part] of text.matchAll(tokenRegExp)) {
    if (spaceRegExp.test(part)) continue;
    if (symbolRegExp.test(part)) list.push(...symbolTokens(part));
    else list.push({ kind: 'word', text: part });
  }
  return list;
}

/** Splits `)!=` into its symbols; the longest symbol wins. */
function symbolTokens(part: string): Token[] {
  const list: Token[] = [];
  for (let index = 0; index < part.length;) {
    const two = part.slice(index, index + 2);
    const text = symbols.includes(two) ? two : part.slice(index, index + 1);
    list.push({ kind: 'symbol', text: text as Mark });
    index += text.length;
  }
  return list;
}

/** A recursive descent over the tokens; each mistake is a StatusError 400 in upstream's words. */
class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(list: readonly Token[]) {
    this.#tokens = list;
  }

  parse(): readonly Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek().kind === 'end') return requirements;
    if (!this.#atRequirement()) {
      throw badSelector(
        `found '${this.#peek().text}', expected: !, identifier, or 'end of string'`,
      );
    }
    for (;;) {
      requirements.push(this.#requirement());
      const token = this.#next();
      if (token.kind === 'end') return requirements;
      if (token.text !== ',') {
        throw badSelector(`found '${token.text}', expected: ',' or 'end of string'`);
      }
      if (!this.#atRequirement()) {
        throw badSelector(`found '${this.#peek().text}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): Requirement {
    const negated = this.#peek().text === '!';
    if (negated) this.#next();
    const token = this.#next();
    if (token.kind !== 'word') throw badRequirement(found(token, 'identifier'));
    const key = token.text;
    const broken = qualifiedNameErrors(key);
    if (broken.length > 0) throw badRequirement(invalid('', quoted(key), broken.join('; ')));
    if (negated) return checked({ key, operator: '!', values: [] });
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') {
      return checked({ key, operator: 'exists', values: [] });
    }
    return this.#comparison(key);
  }

  #comparison(key: string): Requirement {
    const operator = this.#next();
    switch (operator.text) {
      case 'in':
      case 'notin':
        return checked({ key, operator: operator.text, values: this.#values() });
      case '=':
      case '==':
      case '!=':
        return checked({ key, operator: operator.text, values: [this.#exactValue()] });
      case '>':
        return checked({ key, operator: 'gt', values: [this.#exactValue()] });
      case '<':
        return checked({ key, operator: 'lt', values: [this.#exactValue()] });
      default:
        throw badRequirement(found(operator, 'in, notin, =, ==, !=, gt, lt'));
    }
  }

  #exactValue(): string {
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') return '';
    const token = this.#next();
    if (token.kind !== 'word') throw badRequirement(found(token, 'identifier'));
    return token.text;
  }

  /** `(a,b)`, where nothing between two commas or brackets is the empty value. */
  #values(): readonly string[] {
    const open = this.#next();
    if (open.text !== '(') throw badRequirement(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.kind !== 'word' && first.text !== ',' && first.text !== ')') {
      throw badRequirement(found(first, "',', ')' or identifier"));
    }
    const values = new Set<string>();
    for (let expectsValue = true; ;) {
      const token = this.#next();
      if (token.kind === 'word') {
        if (!expectsValue) throw badRequirement(found(token, "',' or ')'"));
        values.add(token.text);
        expectsValue = false;
      } else if (token.text === ',' || token.text === ')') {
        if (expectsValue) values.add('');
        if (token.text === ')') return [...values].toSorted();
        expectsValue = true;
      } else {
        throw badRequirement(found(token, expectsValue ? "',', or identifier" : "',' or ')'"));
      }
    }
  }

  #atRequirement(): boolean {
    const token = this.#peek();
    return token.kind === 'word' || token.text === '!';
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? end;
  }

  #next(): Token {
    const token = this.#peek();
    this.#position += 1;
    return token;
  }
}

function found(token: Token, expected: string): string {
  return `found '${token.text}', expected: ${expected}`;
}

function badRequirement(message: string): Error {
  return badSelector(`unable to parse requirement: ${message}`);
}

function checked(requirement: Requirement): Requirement {
  return newRequirement(requirement, 'unable to parse requirement: ');
}
