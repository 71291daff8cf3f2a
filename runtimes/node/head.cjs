'use strict';
/**
 * Reads the head of an HTTP/1.1 request (RFC 9112). What servers and proxies could read in two ways
 * is refused: bare CR and LF, folded lines, spaces before a colon, two lengths, odd codings.
 */

/** Longest head, in bytes. */
const headLimit = 64 * 1024;
const fieldLimit = 500;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const outsideOfValues = /[^\t\x20-\x7e\x80-\xff]/;
const outsideOfTargets = /[^\x21-\x7e\x80-\xff]/;
/** Fields that mean nothing any more when they come twice. */
const single = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'authorization',
  'content-type',
]);
/** Names as they were sent, checked, and in lower case: the same few come with each request. */
const knownNames = new Map();
const knownNamesLimit = 500;

/** An object without a prototype, where no field has a meaning of its own; faster than a null one. */
function Fields() {}
Fields.prototype = Object.create(null);

/** What a request is refused with before it reaches anybody; the connection ends with it. */
class BadRequest extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * Reads a head without its empty line, decoded as latin-1.
 *
 * Returns `{method, target, headers, minor, length, close}`: `minor` of the version; `length` of the
 * body in bytes, or -1 when it comes in chunks; whether the connection is to `close` after it.
 */
function parseHead(text) {
  let end = lineEnd(text, 0);
  const [method, target, version, more] = text.slice(0, end).split(' ', 4);
  if (target === undefined || version === undefined || more !== undefined || !token.test(method)) {
    throw new BadRequest(400, 'The request line is malformed');
  }
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    throw new BadRequest(505, 'The version is neither HTTP/1.1 nor HTTP/1.0');
  }
  const headers = new Fields();
  for (let count = 0; end < text.length; count += 1) {
    const start = end + 2;
    end = lineEnd(text, start);
    if (count === fieldLimit) throw new BadRequest(431, `There are more than ${fieldLimit} fields`);
    readField(text, { start, end, headers });
  }
  const minor = version === 'HTTP/1.1' ? 1 : 0;
  if (minor === 1 && headers.host === undefined) throw new BadRequest(400, 'Host is missing');
  return {
    method,
    target: pathOf(target),
    headers,
    minor,
    length: bodyLength(headers, minor),
    close: closes(headers.connection, minor),
  };
}

function lineEnd(text, start) {
  const end = text.indexOf('\r\n', start);
  return end === -1 ? text.length : end;
}

function readField(text, { start, end, headers }) {
  const colon = text.indexOf(':', start);
  if (colon === -1 || colon > end) throw new BadRequest(400, 'A field has no colon');
  const name = nameOf(text.slice(start, colon));
  const value = text.slice(colon + 1, end).trim();
  if (outsideOfValues.test(value)) throw new BadRequest(400, `${name} holds a control character`);
  const earlier = headers[name];
  if (earlier === undefined) headers[name] = value;
  else if (single.has(name)) throw new BadRequest(400, `${name} comes twice`);
  else headers[name] = `${earlier}${name === 'cookie' ? '; ' : ', '}${value}`;
}

function nameOf(sent) {
  const known = knownNames.get(sent);
  if (known !== undefined) return known;
  if (!token.test(sent)) throw new BadRequest(400, 'The name of a field is malformed');
  const name = sent.toLowerCase();
  if (knownNames.size < knownNamesLimit) knownNames.set(sent, name);
  return name;
}

/** Of the absolute form what follows the authority; all else is passed on as it is. */
function pathOf(target) {
  if (outsideOfTargets.test(target)) throw new BadRequest(400, 'The target is malformed');
  if (target.startsWith('/') || target === '*') return target;
  const match = /^https?:\/\/[^/?#]+([/?].*)?$/i.exec(target);
  if (match === null) throw new BadRequest(400, 'The target is malformed');
  const [, rest = '/'] = match;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function bodyLength(headers, minor) {
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (coding !== undefined) {
    if (length !== undefined || minor === 0) throw new BadRequest(400, 'The framing is ambiguous');
    if (coding.toLowerCase() !== 'chunked')
      throw new BadRequest(501, 'The coding is not supported');
    return -1;
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) throw new BadRequest(400, 'Content-Length is no length');
  return Number(length);
}

function closes(connection, minor) {
  if (connection === undefined) return minor === 0;
  const options = connection.toLowerCase();
  return options.includes('close') || (minor === 0 && !options.includes('keep-alive'));
}

module.exports = { headLimit, BadRequest, parseHead };
