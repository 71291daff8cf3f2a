import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { parseSync } from 'oxc-parser';

/** Which rooms a room may import, as in ARCHITECTURE.md; `main` may import all. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  api: ['lib'],
  store: ['lib'],
  client: ['api', 'lib'],
  apiserver: ['store', 'api', 'lib'],
  controllers: ['client', 'api', 'lib'],
  node: ['client', 'api', 'lib'],
  functions: ['client', 'api', 'lib'],
  gateway: ['client', 'api', 'lib'],
  workflows: ['store', 'client', 'api', 'lib'],
  cli: ['client', 'api', 'lib'],
  dashboard: ['client', 'api', 'lib'],
};

const forbiddenNames = /^(util|utils|helper|helpers|common|misc|manager|types)$/;
/** room/file or room/variant/file; a folder `testing` beside them does not count. */
const maxDepth = 3;

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Checks the tree below `src` against the room table; an empty answer means that it holds. */
export function checkRooms(src: string): Violation[] {
  const violations: Violation[] = [];
  for (const file of sourceFiles(src)) {
    violations.push(...checkPlace(file));
    for (const found of importsOf(join(src, file))) {
      const message = checkImport(file, found.specifier);
      if (message !== undefined) violations.push({ file, line: found.line, message });
    }
  }
  return violations;
}

function sourceFiles(src: string): string[] {
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(src, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted();
}

function checkPlace(file: string): Violation[] {
  const parts = file.split('/');
  const stem = (parts.at(-1) as string).split('.')[0] as string;
  const out: Violation[] = [];
  const add = (message: string): number => out.push({ file, line: 1, message });
  if (!((parts[0] as string) in mayImport) && parts[0] !== 'main') {
    add(`Room "${parts[0]}" is not in the table; rooms are those of ARCHITECTURE.md`);
  }
  if (parts.filter((part) => part !== 'testing').length > maxDepth)
    add('Deeper than room/variant/file');
  if ([...parts.slice(0, -1), stem].some((part) => forbiddenNames.test(part))) {
    add('A name that says nothing; name the file after the one thing it exports');
  }
  if (stem.toLowerCase() !== stem) add('File names are kebab-case');
  return out;
}

function checkImport(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const room = file.split('/')[0] as string;
  const target = normalize(join(dirname(file), specifier))
    .split(sep)
    .join('/');
  const [targetRoom, ...rest] = target.split('/') as [string, ...string[]];
  if (targetRoom === room) return undefined;
  if (targetRoom === '..') {
    return `Cannot import "${specifier}": it is outside src`;
  }
  if (room !== 'main' && !(mayImport[room] ?? []).includes(targetRoom)) {
    return `Room "${room}" may not import room "${targetRoom}" ("${specifier}")`;
  }
  if (targetRoom !== 'lib' && rest.join('/') !== 'index.ts') {
    return `Room "${targetRoom}" has one door: import "../${targetRoom}/index.ts", not "${specifier}"`;
  }
  return undefined;
}

function importsOf(path: string): Import[] {
  const text = readFileSync(path, 'utf8');
  const { module } = parseSync(path, text);
  const found: Import[] = [];
  const add = (specifier: string, offset: number): void => {
    found.push({ specifier, line: text.slice(0, offset).split('\n').length });
  };
  for (const item of module.staticImports) add(item.moduleRequest.value, item.start);
  for (const item of module.staticExports) {
    for (const entry of item.entries) {
      if (entry.moduleRequest !== null) add(entry.moduleRequest.value, item.start);
    }
  }
  for (const item of module.dynamicImports) {
    const source = text.slice(item.moduleRequest.start, item.moduleRequest.end);
    if (/^['"]/.test(source)) add(source.slice(1, -1), item.start);
  }
  // `import('../x.ts').T` in a type position is no module record; no code of ours needs it.
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)\s*\./g)) {
    add(match[1] as string, match.index);
  }
  return found;
}
