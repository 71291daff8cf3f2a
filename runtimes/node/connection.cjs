'use strict';
/**
 * One HTTP/1.1 connection of a function server: requests that come over it in turn, and their answers.
 *
 * Invariants:
 * 1. One request is answered at a time; what comes behind it waits in the socket, but for one read.
 * 2. A body is read only as fast as it is taken.
 * 3. After a request whose end cannot be found, or is not worth waiting for, the connection ends. What
 *    still comes is read away for a moment: a reset would take the answer from the caller (RFC 9112, 9.6).
 */
const { BodyDecoder } = require('./body.cjs');
const { BadRequest, headLimit, parseHead } = require('./head.cjs');
const { Request } = require('./request.cjs');
const { Response, reasons } = require('./response.cjs');

/** How much of a body that nobody wants is read so that the connection can be used on. */
const discardBytes = 256 * 1024;
const lingerBytes = 32 * 1024 * 1024;
const lingerMs = 2000;
const headEnd = '\r\n\r\n';
const ignored = { method: '', url: '', headers: {}, minor: 1 };

class Connection {
  #server;
  /** Bytes that wait for their turn. */
  #buffered;
  /** What takes the framing off the body that is still to come. */
  #decoder;
  #request;
  #response;
  /** Whether what comes is for requests, a body that nobody wants, or nothing any more. */
  #state = 'open';
  #discarded = 0;
  #continues = false;
  #advancing = false;
  /** The connection ends with the answer at work. */
  closes = false;
  /** The caller sends no more, and has most likely left. */
  lost = false;

  constructor(socket, server) {
    this.socket = socket;
    this.#server = server;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('end', () => this.#end());
    socket.on('drain', () => this.#response?.drain());
    socket.on('error', () => undefined);
    socket.on('close', () => this.#close());
  }

  get busy() {
    return this.#response !== undefined;
  }

  /** Ends the connection if no request is being answered. */
  endIdle() {
    if (!this.busy && this.#state === 'open') this.socket.destroySoon();
  }

  destroy() {
    this.socket.destroy();
  }

  resume() {
    if (this.socket.isPaused()) this.socket.resume();
  }

  /** The body is wanted: a caller that waits for leave to send it gets it (RFC 9110, 10.1.1). */
  proceed() {
    if (!this.#continues) return;
    this.#continues = false;
    this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  /** Whether the connection ends with an answer whose head is sent now. */
  closesWith(response) {
    const unread = this.#continues || (this.#decoder?.left ?? 0) > discardBytes;
    // A body that is read on may well come to its end while an answer is streaming.
    if (this.#server.stopping || (unread && response.whole)) this.closes = true;
    return this.closes;
  }

  /** The answer at work is complete. */
  answered() {
    const pending = this.#decoder !== undefined;
    this.#request.abandon();
    this.#request = undefined;
    this.#response = undefined;
    if (this.closes || this.#continues) {
      if (pending && !this.lost) this.#linger();
      else this.socket.destroySoon();
    } else if (pending) {
      this.#state = 'discarding';
    }
    this.resume();
    this.#server.answered(this);
    if (!this.#advancing) this.#advance();
  }

  #take(chunk) {
    if (this.#state !== 'open') this.#discard(chunk);
    else if (this.#decoder !== undefined) this.#feed(chunk);
    else {
      const buffered = this.#buffered;
      this.#buffered = buffered === undefined ? chunk : Buffer.concat([buffered, chunk]);
      if (this.busy) this.socket.pause();
    }
    this.#advance();
  }

  /** Begins requests as long as there are whole heads and nothing is at work. */
  #advance() {
    this.#advancing = true;
    while (this.#buffered !== undefined && !this.busy && this.#state === 'open') {
      if (!this.#next()) break;
    }
    this.#advancing = false;
    if (this.lost && !this.busy && this.#state === 'open') this.socket.destroySoon();
  }

  /** False when the head is not complete yet. */
  #next() {
    const buffered = this.#buffered;
    const start = buffered[0] === 0x0d && buffered[1] === 0x0a ? 2 : 0;
    const end = buffered.indexOf(headEnd, start, 'latin1');
    if ((end === -1 ? buffered.length : end) - start > headLimit) {
      this.#refuse(new BadRequest(431, 'The head is too long'));
      return false;
    }
    if (end === -1) return false;
    this.#buffered = undefined;
    let head;
    try {
      head = parseHead(buffered.latin1Slice(start, end));
    } catch (error) {
      this.#refuse(error);
      return false;
    }
    const from = end + headEnd.length;
    this.#begin(head, from === buffered.length ? undefined : buffered.subarray(from));
    return true;
  }

  #begin(head, rest) {
    const { length } = head;
    const whole = length >= 0 && (rest?.length ?? 0) >= length;
    const body = whole && length > 0 ? rest.subarray(0, length) : undefined;
    this.closes = head.close;
    this.#request = new Request(this, head, { body, complete: whole });
    this.#response = new Response(this, this.#request);
    if (whole) {
      if (rest !== undefined && rest.length > length) this.#buffered = rest.subarray(length);
    } else {
      this.#decoder = new BodyDecoder(length);
      this.#continues = head.minor === 1 && head.headers.expect?.toLowerCase() === '100-continue';
    }
    this.#server.role.handle(this.#request, this.#response);
    if (whole || rest === undefined) return;
    if (this.#state === 'open') this.#feed(rest);
    else this.#discard(rest);
  }

  /** To the one who reads the body. */
  #feed(chunk) {
    this.#continues = false;
    const request = this.#request;
    let wanted = true;
    const rest = this.#decode(chunk, (piece) => {
      wanted = request.take(piece) && wanted;
    });
    if (rest === undefined) return;
    if (rest.length > 0) this.#buffered = rest;
    if (this.#decoder === undefined) {
      // It may have been answered in the middle of its last piece.
      if (this.#state === 'discarding') this.#state = 'open';
      request.finish();
    } else if (!wanted && this.#state === 'open') {
      this.socket.pause();
    }
  }

  /** What follows the body; undefined when it is malformed, and the connection ends. */
  #decode(chunk, sink) {
    try {
      const end = this.#decoder.push(chunk, sink);
      if (this.#decoder.done) this.#decoder = undefined;
      return chunk.subarray(end);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      this.closes = true;
      if (this.#response === undefined || this.#response.headersSent) this.destroy();
      else sendRefusal(this.#response, error);
      return undefined;
    }
  }

  #discard(chunk) {
    this.#discarded += chunk.length;
    if (this.#state === 'lingering') {
      if (this.#discarded > lingerBytes) this.destroy();
      return;
    }
    const rest = this.#decode(chunk, () => undefined);
    if (rest === undefined) return;
    if (this.#decoder !== undefined) {
      if (this.#discarded > discardBytes) this.destroy();
      return;
    }
    this.#state = 'open';
    this.#discarded = 0;
    if (rest.length > 0) this.#buffered = rest;
  }

  #linger() {
    this.#state = 'lingering';
    this.socket.end();
    this.socket.setTimeout(lingerMs, () => this.destroy());
  }

  /** There is no request in what came. */
  #refuse(error) {
    this.#buffered = undefined;
    this.#request = new Request(this, ignored, { body: undefined, complete: true });
    this.#response = new Response(this, this.#request);
    this.closes = true;
    this.#decoder = new BodyDecoder(-1);
    sendRefusal(this.#response, error);
  }

  /** It may have closed one direction only: an answer is sent all the same. */
  #end() {
    this.lost = true;
    // A body that will never be complete.
    if (this.busy && this.#decoder !== undefined) this.destroy();
    else if (this.busy) this.#response.leave(false);
    else this.socket.destroySoon();
  }

  #close() {
    this.lost = true;
    const request = this.#request;
    const response = this.#response;
    this.#request = undefined;
    this.#response = undefined;
    this.#state = 'lingering';
    response?.leave(true);
    request?.abandon();
    this.#server.closed(this);
  }
}

function sendRefusal(response, { status, message }) {
  const problem = { type: 'about:blank', title: reasons[status], status, detail: message };
  response.send(status, 'content-type: application/problem+json\r\n', JSON.stringify(problem));
}

module.exports = { Connection };
