'use strict';
/** The answer to one request: framed as its protocol and its status ask for (RFC 9112, 6.3). */

const reasons = {
  100: 'Continue',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  409: 'Conflict',
  411: 'Length Required',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};
const secondMs = 1000;
let dateLine = '';
let dateUntil = 0;

class Response {
  #connection;
  #request;
  #chunked = false;
  #bodyless = false;
  /** Bytes that were promised and are still to come. */
  #owed;
  #leavers = [];
  #drained;
  headersSent = false;
  finished = false;
  /** Nobody is there any more to take it. */
  gone = false;
  /** It is sent all at once. */
  whole = false;

  constructor(connection, request) {
    this.#connection = connection;
    this.#request = request;
  }

  /** Sends all of it; `fields` are lines of ASCII that end with CRLF, `body` is text or bytes. */
  send(status, fields, body = '') {
    if (this.gone || this.finished) return;
    this.whole = true;
    const text = typeof body === 'string';
    const size = text ? Buffer.byteLength(body) : body.length;
    const length = status === 204 || status === 304 ? '' : `content-length: ${size}\r\n`;
    const head = this.#head(status, fields + length, false);
    const { socket } = this.#connection;
    if (this.#bodyless || size === 0) socket.write(head, 'latin1');
    else if (text) socket.write(head + body);
    else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    }
    this.#finish();
  }

  /** Begins an answer of a known length, or of one that only its end tells; `fields` are latin-1. */
  start(status, fields, length) {
    if (this.gone || this.finished) return;
    this.#owed = length;
    const bodyless = this.#isBodyless(status);
    this.#chunked = length === undefined && !bodyless && this.#request.minor === 1;
    const framing =
      length === undefined
        ? this.#chunked && 'transfer-encoding: chunked\r\n'
        : status !== 204 && `content-length: ${length}\r\n`;
    const endless = length === undefined && !bodyless && !this.#chunked;
    const head = this.#head(status, `${fields}${framing || ''}`, endless);
    const { socket } = this.#connection;
    // What follows at once goes with the head in one write.
    socket.cork();
    socket.write(head, 'latin1');
    setImmediate(() => socket.uncork());
  }

  /** Returns false when the caller is slower: wait for `drained()` then. */
  write(chunk) {
    if (this.gone || this.#bodyless || chunk.length === 0) return true;
    const { socket } = this.#connection;
    const size = Buffer.byteLength(chunk);
    if (!this.#chunked) {
      this.#pay(size);
      return socket.write(chunk);
    }
    if (typeof chunk === 'string') return socket.write(`${size.toString(16)}\r\n${chunk}\r\n`);
    socket.cork();
    socket.write(`${size.toString(16)}\r\n`, 'latin1');
    socket.write(chunk);
    const fits = socket.write('\r\n', 'latin1');
    socket.uncork();
    return fits;
  }

  /** Resolves when more can be written, or nobody takes it any more. */
  drained() {
    if (this.gone || !this.#connection.socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  end() {
    if (this.gone || this.finished) return;
    if (this.#owed > 0 && !this.#bodyless) {
      throw new RangeError('The answer is shorter than its Content-Length');
    }
    if (this.#chunked) this.#connection.socket.write('0\r\n\r\n', 'latin1');
    this.#finish();
  }

  /** Breaks the connection: an answer that has begun cannot be taken back. */
  destroy() {
    this.#connection.destroy();
  }

  /** The connection is to end with this answer. */
  closeAfter() {
    this.#connection.closes = true;
  }

  /** Calls back once the caller has left before it had its answer. */
  onGone(callback) {
    if (this.gone || this.#connection.lost) callback();
    else this.#leavers.push(callback);
  }

  /** Calls back once the connection has ended. */
  onClosed(callback) {
    this.#connection.socket.once('close', callback);
  }

  /** For the connection: the socket takes more. */
  drain() {
    this.#drained?.();
    this.#drained = undefined;
  }

  /** For the connection: the caller sends no more, and hardly waits; `gone`: it is not there at all. */
  leave(gone) {
    if (this.gone || this.finished) return;
    this.gone = gone;
    if (gone) this.drain();
    const leavers = this.#leavers;
    this.#leavers = [];
    for (const callback of leavers) callback();
  }

  #head(status, fields, endless) {
    this.headersSent = true;
    this.#bodyless = this.#isBodyless(status);
    if (endless) this.closeAfter();
    const close = this.#connection.closesWith(this);
    const keep = this.#request.minor === 0 ? 'connection: keep-alive\r\n' : '';
    const connection = close ? 'connection: close\r\n' : keep;
    const dated = !this.whole && /^date: /m.test(fields);
    return `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\n${fields}${connection}${dated ? '' : date()}\r\n`;
  }

  #isBodyless(status) {
    return this.#request.method === 'HEAD' || status === 204 || status === 304;
  }

  #pay(size) {
    if (this.#owed === undefined) return;
    this.#owed -= size;
    if (this.#owed < 0) throw new RangeError('The answer is longer than its Content-Length');
  }

  #finish() {
    this.finished = true;
    this.#connection.answered();
  }
}

/** RFC 9110, 6.6.1; made once a second. */
function date() {
  const now = Date.now();
  if (now >= dateUntil) {
    dateUntil = now - (now % secondMs) + secondMs;
    dateLine = `date: ${new Date(now).toUTCString()}\r\n`;
  }
  return dateLine;
}

module.exports = { Response, reasons };
