'use strict';
/**
 * What a warm pod becomes: how it is written in a request, laid down on disk, and found again.
 *
 * Invariants:
 * 1. What does not hold to the form is refused before anything has been written.
 * 2. `specialised.json` appears at once and as a whole, after all files and before any of the
 *    function's code has run: a container that starts anew finds a complete function, or none.
 */
const fs = require('node:fs');
const path = require('node:path');
const { HandlerError } = require('./load.cjs');

/** Largest request that specialises, in bytes: a package of 32 MiB fits, and a ConfigMap's files. */
const specialisationLimit = 48 * 1024 * 1024;
const filesLimit = 2000;
const pathLimit = 1024;
const recordName = 'specialised.json';
const codeName = 'code';
const signatures = ['json', 'fetch'];
/** Belongs to the process and not to the function. */
const kept = new Set([
  'NOUGHT_CODE',
  'NOUGHT_LISTEN_FD',
  'NOUGHT_NOTIFY_FD',
  'NOUGHT_TERMINATION_LOG',
  'NOUGHT_CLAIM_DIGEST',
]);

/**
 * Reads `{env, handler, signature, files | packageBytes}`, a line feed, and the package's bytes.
 *
 * Throws an Error with words for the sender.
 */
function parseSpecialisation(body) {
  const end = body.indexOf(0x0a);
  if (end === -1) throw new Error('the first line does not end');
  const given = parseLine(body.toString('utf8', 0, end));
  const packed = body.subarray(end + 1);
  const { env, handler, signature, packageBytes = 0, files = [] } = given;
  checkEnv(env);
  if (typeof handler !== 'string') throw new Error('handler is no string');
  checkPath(handlerFile(handler));
  if (!signatures.includes(signature)) {
    throw new Error(`signature is none of ${signatures.join(', ')}`);
  }
  if (!Number.isSafeInteger(packageBytes) || packageBytes < 0) {
    throw new Error('packageBytes is no number of bytes');
  }
  if (packed.length !== packageBytes) {
    throw new Error(`${packed.length} bytes follow the first line, expected ${packageBytes}`);
  }
  checkFiles(files);
  if (files.length > 0 === packageBytes > 0) throw new Error('exactly one of files and a package');
  return { env, handler, signature, files, packed };
}

function parseLine(line) {
  let given;
  try {
    given = JSON.parse(line);
  } catch (error) {
    throw new Error(`the first line is no JSON: ${error.message}`, { cause: error });
  }
  if (!isObject(given)) throw new Error('the first line is no JSON object');
  return given;
}

function checkEnv(env) {
  if (!isObject(env)) throw new Error('env is no object');
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name)) throw new Error(`env has a bad name: "${name}"`);
    if (typeof value !== 'string' || value.includes('\0')) {
      throw new Error(`the value of env "${name}" is no text`);
    }
  }
}

function checkFiles(files) {
  if (!Array.isArray(files)) throw new Error('files is no list');
  if (files.length > filesLimit) throw new Error(`files has more than ${filesLimit} entries`);
  const paths = new Set();
  for (const file of files) {
    if (!isObject(file) || typeof file.path !== 'string' || typeof file.text !== 'string') {
      throw new Error('files has an entry without path and text');
    }
    checkPath(file.path);
    if (paths.has(file.path)) throw new Error(`files has "${file.path}" twice`);
    paths.add(file.path);
  }
  for (const each of paths) {
    for (let at = path.posix.dirname(each); at !== '.'; at = path.posix.dirname(at)) {
      if (paths.has(at)) throw new Error(`files has "${at}" as a file and as a folder`);
    }
  }
}

/** Relative, in its plainest form, and so inside of the folder. */
function checkPath(name) {
  const bad = name.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (bad || name.includes('\0') || Buffer.byteLength(name) > pathLimit) {
    throw new Error(`the path "${name.slice(0, 100)}" is not allowed`);
  }
}

function handlerFile(handler) {
  const colon = handler.lastIndexOf(':');
  return colon === -1 ? handler : handler.slice(0, colon);
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Makes an empty folder for the code ahead of time: a life before this one may have ended halfway. */
function prepare(folder) {
  const code = path.join(folder, codeName);
  if (fs.existsSync(code)) fs.rmSync(code, { recursive: true });
  fs.mkdirSync(code, { mode: 0o700 });
}

/** Writes the code and then the record into a prepared folder; returns the folder of the code. */
function layDown(folder, { env, handler, signature, files, packed }) {
  const code = path.join(folder, codeName);
  if (packed.length > 0) unpackInto(code, packed);
  for (const file of files) {
    const target = path.join(code, file.path);
    if (file.path.includes('/')) fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, file.text, { flag: 'wx', mode: 0o600 });
  }
  const record = path.join(folder, recordName);
  fs.writeFileSync(`${record}.new`, JSON.stringify({ env, handler, signature }), { mode: 0o600 });
  fs.renameSync(`${record}.new`, record);
  return code;
}

function unpackInto(code, packed) {
  try {
    require('./unpack.cjs').unpack(packed, code);
  } catch (error) {
    throw new HandlerError(`Cannot unpack the package: ${error.message}`);
  }
}

/** What was laid down in the folder: `{env, handler, signature, code}`, or undefined. */
function recall(folder) {
  let text;
  try {
    text = fs.readFileSync(path.join(folder, recordName), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
  return { ...JSON.parse(text), code: path.join(folder, codeName) };
}

/** Makes an environment the function's; `code` is the folder of its files. */
function applyEnv(env, given, { code, handler, signature }) {
  for (const [name, value] of Object.entries(given)) {
    if (!kept.has(name)) env[name] = value;
  }
  delete env.NOUGHT_CLAIM_DIGEST;
  env.NOUGHT_CODE = code;
  env.NOUGHT_HANDLER = handler;
  env.NOUGHT_SIGNATURE = signature;
}

module.exports = { specialisationLimit, parseSpecialisation, prepare, layDown, recall, applyEnv };
