'use strict';
const { HttpError } = require('./problem.cjs');

/** Largest body that is held in memory for a handler, in bytes; what is streamed has no limit. */
const bodyLimit = 8 * 1024 * 1024;
const nothing = Buffer.alloc(0);
const nobody = { piece: () => true, end: () => undefined, gone: () => undefined };

/** A request: `headers` have lower-case names, `body` is there when it came together with the head. */
class Request {
  #connection;
  #consumer;
  #waiting = [];
  #complete;

  constructor(connection, { method, target, headers, minor }, { body, complete }) {
    this.#connection = connection;
    this.#complete = complete;
    this.method = method;
    this.url = target;
    this.headers = headers;
    this.minor = minor;
    this.body = complete ? (body ?? nothing) : undefined;
  }

  /**
   * Hands the body to `{piece(buffer), end(), gone()}`: after a `piece` that returns false no more
   * comes until `resume()`; `gone` says that it will not be complete.
   */
  read(consumer) {
    if (this.body !== undefined) {
      if (this.body.length > 0) consumer.piece(this.body);
      consumer.end();
      return;
    }
    if (this.#consumer === nobody) {
      consumer.gone();
      return;
    }
    this.#consumer = consumer;
    const waiting = this.#waiting;
    this.#waiting = [];
    let wanted = true;
    for (const piece of waiting) wanted = consumer.piece(piece) !== false && wanted;
    if (this.#complete) {
      consumer.end();
      return;
    }
    this.#connection.proceed();
    if (wanted) this.#connection.resume();
  }

  resume() {
    if (!this.#complete) this.#connection.resume();
  }

  /** For the connection: returns false when no more is wanted for now. */
  take(piece) {
    if (this.#consumer !== undefined) return this.#consumer.piece(piece) !== false;
    this.#waiting.push(piece);
    return false;
  }

  /** For the connection: the body is complete. */
  finish() {
    this.#complete = true;
    this.#consumer?.end();
  }

  /** For the connection: whoever reads will get no more. */
  abandon() {
    const consumer = this.#consumer;
    this.#consumer = nobody;
    this.#waiting = [];
    if (!this.#complete) consumer?.gone();
  }
}

/** The whole body; rejects with 413 when it is over the limit. */
function readBody(request) {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length']) > bodyLimit) {
      reject(bodyTooLarge());
      return;
    }
    const pieces = [];
    let size = 0;
    request.read({
      piece(piece) {
        size += piece.length;
        if (size > bodyLimit) reject(bodyTooLarge());
        else pieces.push(piece);
      },
      end: () => resolve(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)),
      gone: () => reject(new Error('The caller went away')),
    });
  });
}

function bodyTooLarge() {
  const detail = `The body is larger than the ${bodyLimit} bytes that a handler of signature json is given; send less, or take it as a stream with signature fetch or http`;
  return new HttpError(413, 'Body too large', detail);
}

module.exports = { Request, readBody };
