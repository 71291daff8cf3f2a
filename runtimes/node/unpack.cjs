'use strict';
/**
 * Unpacks a package, one tar.gz (ustar with pax records), into a folder.
 *
 * Invariants:
 * 1. Nothing is written outside of the folder: paths are relative without `..`, no member lies below
 *    a link, links are made last and point inside, and there are no devices or hard links.
 * 2. What is unpacked has at most `sizeLimit` bytes.
 */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');

const sizeLimit = 512 * 1024 * 1024;
const blockSize = 512;

/** Unpacks the chunks in a row into a private folder and returns that. */
function unpackChunks(chunkFolder) {
  const chunks = fs.readdirSync(chunkFolder).filter((name) => /^\d+$/.test(name));
  const packed = chunks.toSorted().map((name) => fs.readFileSync(path.join(chunkFolder, name)));
  // Node knows modules by their real paths, and errors are located by them.
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'code-')));
  unpack(Buffer.concat(packed), folder);
  return folder;
}

/** Unpacks into an empty folder; throws Error with what is wrong with the package. */
function unpack(packed, folder) {
  const archive = zlib.gunzipSync(packed, { maxOutputLength: sizeLimit });
  const links = new Map();
  for (const member of members(archive)) {
    checkPath(member.path);
    const target = path.join(folder, member.path);
    if (member.type === 'link') links.set(member.path, member.link);
    else if (member.type === 'folder') fs.mkdirSync(target, { recursive: true });
    else {
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, member.data, {
        flag: 'wx',
        mode: member.executable ? 0o700 : 0o600,
      });
    }
  }
  for (const [name, link] of links) makeLink(folder, { name, link, links });
}

function makeLink(folder, { name, link, links }) {
  for (let parent = path.posix.dirname(name); parent !== '.'; parent = path.posix.dirname(parent)) {
    if (links.has(parent)) throw new Error(`"${name}" lies below a link`);
  }
  const parts = link.split('/');
  const ups = parts.findIndex((part) => part !== '..');
  const depth = name.split('/').length - 1;
  const outside = path.posix.isAbsolute(link) || (ups === -1 ? parts.length : ups) > depth;
  if (outside || (ups !== -1 && parts.includes('..', ups))) {
    throw new Error(`the link "${name}" points outside of the package`);
  }
  fs.mkdirSync(path.join(folder, path.posix.dirname(name)), { recursive: true });
  fs.symlinkSync(link, path.join(folder, name));
}

function checkPath(name) {
  const bad = name.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (bad || name.includes('\0')) throw new Error(`the path "${name}" is not allowed`);
}

/** The files, folders and links of an archive: POSIX.1-2008, "pax Interchange Format". */
function* members(archive) {
  let extra = {};
  for (let offset = 0; offset + blockSize <= archive.length;) {
    const header = archive.subarray(offset, offset + blockSize);
    if (header.every((byte) => byte === 0)) return;
    checkSum(header);
    const size = Number(extra.size ?? octal(header, 124, 12));
    const start = offset + blockSize;
    if (!Number.isSafeInteger(size) || size < 0 || start + size > archive.length) {
      throw new Error('it is cut off');
    }
    const data = archive.subarray(start, start + size);
    offset = start + Math.ceil(size / blockSize) * blockSize;
    const type = String.fromCharCode(header[156]);
    if (type === 'x') {
      extra = paxRecords(data);
      continue;
    }
    if (type === 'g') continue;
    yield memberOf(header, { type, data, extra });
    extra = {};
  }
  throw new Error('it is cut off');
}

function memberOf(header, { type, data, extra }) {
  const prefix = text(header, 345, 155);
  const name = text(header, 0, 100);
  const full = (extra.path ?? (prefix === '' ? name : `${prefix}/${name}`)).replace(/\/$/, '');
  switch (type) {
    case '0':
    case '\0':
      return { type: 'file', path: full, data, executable: (octal(header, 100, 8) & 0o100) !== 0 };
    case '2':
      return { type: 'link', path: full, link: extra.linkpath ?? text(header, 157, 100) };
    case '5':
      return { type: 'folder', path: full };
    default:
      throw new Error(`"${full}" is neither a file, a folder nor a symbolic link`);
  }
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts the bytes of the whole record. */
function paxRecords(data) {
  const records = {};
  for (let offset = 0; offset < data.length;) {
    const space = data.indexOf(0x20, offset);
    const length = Number(data.toString('latin1', offset, space));
    if (space === -1 || !Number.isInteger(length) || length < 5) {
      throw new Error('it has a bad pax record');
    }
    const record = data.toString('utf8', space + 1, offset + length - 1);
    const equals = record.indexOf('=');
    records[record.slice(0, equals)] = record.slice(equals + 1);
    offset += length;
  }
  return records;
}

function checkSum(header) {
  const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== octal(header, 148, 8)) throw new Error('it is no tar archive');
}

function text(header, start, length) {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}

function octal(header, start, length) {
  return Number.parseInt(text(header, start, length).trim() || '0', 8);
}

module.exports = { unpack, unpackChunks };
