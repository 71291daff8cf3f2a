import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const source = join(root, 'runtimes/node');
const entry = 'server.cjs';

/**
 * The function server for Node as one file: looking for, reading and compiling its modules one by one
 * is 4 ms of a cold start.
 */
export function bundleFunctionServer(target: string): void {
  const names = readdirSync(source).filter((name) => name.endsWith('.cjs') && name !== entry);
  const modules = names.map((name) => `  './${name}'(module, require) {\n${text(name)}  },\n`);
  const bundle = `'use strict';
const modules = {
${modules.join('')}};
const loaded = new Map();
const outside = require;
function inside(name) {
  if (!Object.hasOwn(modules, name)) return outside(name);
  let module = loaded.get(name);
  if (module === undefined) {
    module = { exports: {} };
    loaded.set(name, module);
    modules[name](module, inside);
  }
  return module.exports;
}
((require) => {
${text(entry)}})(inside);
`;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, bundle);
}

function text(name: string): string {
  return readFileSync(join(source, name), 'utf8').replace(/^'use strict';\n/, '');
}

if (import.meta.main) bundleFunctionServer(join(root, 'dist/runtimes/node', entry));
