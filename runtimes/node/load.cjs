'use strict';
/** Loads the handler of a function and words what goes wrong for its author. */
const fs = require('node:fs');
const modules = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const messageLimit = 1000;

/** An error of ours that already says what its author must do. */
class HandlerError extends Error {
  constructor(message, file) {
    super(message);
    this.file = file;
  }
}

/** Where the files are: the folder itself or, when it holds a package, where that has been unpacked. */
function codeFolder(folder) {
  const chunks = path.join(folder, '.nought-package');
  if (!fs.existsSync(chunks)) return folder;
  try {
    return require('./unpack.cjs').unpackChunks(chunks);
  } catch (error) {
    throw new HandlerError(`Cannot unpack the package: ${error.message}`);
  }
}

/**
 * Imports `file[:export]` of the folder; resolves to `{kind: 'json' | 'fetch' | 'http', target}`.
 *
 * A default export that is an object with a `fetch` function is served as such under `json` too.
 */
async function loadHandler(folder, reference, signature) {
  const colon = reference.lastIndexOf(':');
  const file = colon < 0 ? reference : reference.slice(0, colon);
  const name = colon < 0 ? 'default' : reference.slice(colon + 1);
  const entry = path.resolve(folder, file);
  if (!fs.existsSync(entry)) {
    throw new HandlerError(
      `Cannot find the handler's file "${file}"; the function has ${listFiles(folder)}`,
      file,
    );
  }
  const exports = await importEntry(entry, folder);
  if (signature === 'http') return { kind: 'http', target: undefined };
  const target = pick(exports, name);
  if (typeof target?.fetch === 'function') return { kind: 'fetch', target };
  if (signature === 'fetch') {
    throw new HandlerError(
      `The ${name} export of "${file}" is ${kindOf(target)}; signature fetch expects an object with a fetch(request) function`,
      file,
    );
  }
  if (typeof target !== 'function') {
    throw new HandlerError(
      `The ${name} export of "${file}" is ${kindOf(target)}, expected a function; it exports ${listExports(exports)}`,
      file,
    );
  }
  return { kind: 'json', target };
}

async function importEntry(entry, folder) {
  try {
    return await importFile(entry);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !/\.[mc]?js$/.test(entry) || !stripsClean(entry))
      throw error;
    // TypeScript in a file that is called .js: once more, with its types stripped.
    stripJavaScriptFiles(folder);
    return import(`${pathToFileURL(entry)}?types=stripped`);
  }
}

/** `require` starts faster and takes ES modules too, but for those that await at the top. */
async function importFile(entry) {
  try {
    return require(entry);
  } catch (error) {
    if (error?.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    return import(pathToFileURL(entry));
  }
}

function stripsClean(file) {
  try {
    const text = fs.readFileSync(file, 'utf8');
    return modules.stripTypeScriptTypes(text) !== text;
  } catch {
    return false;
  }
}

function stripJavaScriptFiles(folder) {
  const root = pathToFileURL(`${path.resolve(folder)}/`).href;
  modules.registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const ours = url.startsWith(root) && !url.includes('/node_modules/');
      if (!ours || loaded.source === null || loaded.source === undefined) return loaded;
      if (!/\.[mc]?js(\?|$)/.test(url)) return loaded;
      const source = modules.stripTypeScriptTypes(Buffer.from(loaded.source).toString('utf8'));
      const isModule = /^\s*(import|export)\b/m.test(source);
      return { ...loaded, format: isModule ? 'module' : 'commonjs', source };
    },
  });
}

function pick(exports, name) {
  if (name !== 'default') return exports[name] ?? exports.default?.[name];
  // CommonJS: `module.exports = f`, or TypeScript's `exports.default = f`.
  const value =
    typeof exports === 'function' || exports.default === undefined ? exports : exports.default;
  return value?.default === undefined || typeof value === 'function' ? value : value.default;
}

function listExports(exports) {
  const names = Object.keys(exports ?? {}).filter(
    (name) => name !== '__esModule' && name !== 'module.exports',
  );
  return names.length === 0 ? 'nothing' : names.map((name) => `"${name}"`).join(', ');
}

function listFiles(folder) {
  try {
    const files = fs.readdirSync(folder).filter((name) => !name.startsWith('.'));
    return files.length === 0
      ? 'no files'
      : files
          .slice(0, 10)
          .map((name) => `"${name}"`)
          .join(', ');
  } catch {
    return 'no files';
  }
}

function kindOf(value) {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** `{kind, message, file, line}` of an error that ended loading; file is relative to the folder. */
function describeLoadError(error, folder) {
  const message = String(error?.message ?? error).slice(0, messageLimit);
  const name =
    error?.name !== undefined && error.name !== 'Error' && !(error instanceof HandlerError)
      ? `${error.name}: `
      : '';
  const place =
    error instanceof HandlerError ? { file: error.file } : locate(error, path.resolve(folder));
  return {
    kind: 'LoadError',
    message: `${name}${message}`.replaceAll(`${path.resolve(folder)}/`, ''),
    ...place,
  };
}

function locate(error, folder) {
  const stack = String(error?.stack ?? '');
  const prefix = folder.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const match = new RegExp(`(?:file://)?${prefix}/([^\\s:?()]+)(?:\\?[^:\\s]*)?:(\\d+)`).exec(
    stack,
  );
  // The kubelet mounts files as links into folders like `..2026_11_22`.
  if (match !== null) return { file: match[1].replace(/^\.\.[^/]+\//, ''), line: Number(match[2]) };
  return error instanceof SyntaxError ? locateSyntaxError(folder) : {};
}

/** V8 does not tell where an ES module fails to parse; the type stripper's parser does. */
function locateSyntaxError(folder) {
  for (const file of sourceFiles(folder)) {
    try {
      modules.stripTypeScriptTypes(fs.readFileSync(path.join(folder, file), 'utf8'), {
        sourceUrl: file,
      });
    } catch (error) {
      const line = /:(\d+)\n/.exec(String(error.stack))?.[1];
      return line === undefined ? { file } : { file, line: Number(line) };
    }
  }
  return {};
}

function sourceFiles(folder) {
  return fs
    .readdirSync(folder, { recursive: true })
    .filter((name) => /\.[mc]?[jt]s$/.test(name) && !name.includes('node_modules'))
    .slice(0, 1000);
}

module.exports = { HandlerError, codeFolder, loadHandler, describeLoadError };
