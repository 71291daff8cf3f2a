'use strict';
/** Takes the framing off a request's body (RFC 9112, 6 and 7), whatever pieces it comes in. */
const { BadRequest } = require('./head.cjs');

/** Longest line of a chunk's size with its extensions, and longest trailer section, in bytes. */
const lineLimit = 16 * 1024;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

class BodyDecoder {
  #left;
  #state;
  #line = '';
  #trailers = 0;

  /** `length` is in bytes, -1 for chunks. */
  constructor(length) {
    this.#left = Math.max(length, 0);
    this.#state = length === -1 ? 'size' : length === 0 ? 'done' : 'whole';
  }

  get done() {
    return this.#state === 'done';
  }

  /** Bytes that are still to come, where that is known. */
  get left() {
    return this.#state === 'whole' || this.done ? this.#left : Number.POSITIVE_INFINITY;
  }

  /** Hands the body's bytes in the buffer to `sink`; returns the offset of what comes after them. */
  push(buffer, sink) {
    let at = 0;
    while (at < buffer.length && !this.done) {
      if (this.#state === 'whole' || this.#state === 'data') {
        const piece = buffer.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#left === 0) this.#state = this.#state === 'whole' ? 'done' : 'end';
        sink(piece);
      } else {
        at = this.#readLine(buffer, at);
      }
    }
    return at;
  }

  /** Lines end with CRLF and nothing else. */
  #readLine(buffer, start) {
    const found = buffer.indexOf(lineFeed, start);
    const end = found === -1 ? buffer.length : found + 1;
    this.#line += buffer.latin1Slice(start, end);
    if (this.#line.length > lineLimit) throw new BadRequest(400, 'A line of the body is too long');
    if (found !== -1) {
      const line = this.#line;
      this.#line = '';
      if (
        line.charCodeAt(line.length - 2) !== carriageReturn ||
        line.indexOf('\r') < line.length - 2
      ) {
        throw new BadRequest(400, 'A line of the body does not end with CRLF');
      }
      this.#take(line.slice(0, -2));
    }
    return end;
  }

  #take(line) {
    if (this.#state === 'end') {
      if (line !== '') throw new BadRequest(400, 'A chunk is longer than its size');
      this.#state = 'size';
    } else if (this.#state === 'size') {
      const [, digits] = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line) ?? [];
      if (digits === undefined) throw new BadRequest(400, 'The size of a chunk is no number');
      this.#left = Number.parseInt(digits, 16);
      this.#state = this.#left === 0 ? 'trailers' : 'data';
    } else {
      this.#trailers += line.length;
      if (this.#trailers > lineLimit) throw new BadRequest(431, 'The trailers are too long');
      // Nobody here has a use for trailers.
      if (line === '') this.#state = 'done';
    }
  }
}

module.exports = { BodyDecoder };
