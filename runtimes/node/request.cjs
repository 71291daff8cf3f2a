'use strict';
/** What the handlers' invokers share: bodies, contexts and problem answers. */

/** The paths that the function server answers itself. */
const readyPath = '/.well-known/nought/ready';
const warmPath = '/.well-known/nought/warm';
const specializePath = '/.well-known/nought/specialize';

/** Largest body that is held in memory for a handler, in bytes; what the gateway streams has no limit. */
const bodyLimit = 8 * 1024 * 1024;

/** An error that becomes an answer with this status. */
class HttpError extends Error {
  constructor(status, title, detail) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

function readBody(request) {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length']) > bodyLimit) {
      reject(bodyTooLarge());
      return;
    }
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size > bodyLimit) {
        reject(bodyTooLarge());
        request.resume();
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('The client went away')));
  });
}

function bodyTooLarge() {
  const detail = `The body is larger than the ${bodyLimit} bytes that a handler of signature json is given; send less, or take it as a stream with signature fetch or http`;
  return new HttpError(413, 'Body too large', detail);
}

/** A signal that aborts when the client goes away before it has its answer. */
function lazySignal(response) {
  let controller;
  return () => {
    if (controller === undefined) {
      controller = new AbortController();
      const gone = () => {
        if (!response.writableFinished) controller.abort(new Error('The client went away'));
      };
      if (response.closed) gone();
      else response.on('close', gone);
    }
    return controller.signal;
  };
}

function requestId(request) {
  // The gateway always sends one; loading crypto for those that do not costs 8 ms.
  return request.headers['x-request-id'] ?? require('node:crypto').randomUUID();
}

/** Structured lines on stdout: `log(message, fields)`, `log.info(…)`, `log.error(…)`. */
function logger(id) {
  const write = (level) => (message, fields) => {
    process.stdout.write(`${JSON.stringify({ level, message, requestId: id, ...fields })}\n`);
  };
  return Object.assign(write('info'), {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  });
}

/** RFC 9457; the stack goes to the log and never to the caller. */
function sendProblem(response, error, id) {
  const status = statusOf(error);
  if (status >= 500) console.error(`Request ${id} failed: ${error?.stack ?? String(error)}`);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const ours = status >= 500 ? 'The function failed' : 'The function refused the request';
  const detail = error instanceof Error ? error.message : String(error);
  sendJson(response, status, { type: 'about:blank', title: error?.title ?? ours, status, detail });
}

/** An answer of the pod itself and not of its function. */
function refuse(response, { status, title, detail }) {
  sendJson(response, status, { type: 'about:blank', title, status, detail });
}

function sendJson(response, status, value) {
  const body = JSON.stringify(value);
  const problem = value.type === 'about:blank';
  response.writeHead(status, {
    'content-type': problem ? 'application/problem+json' : 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function statusOf(error) {
  const status = error?.status ?? error?.statusCode;
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500;
}

module.exports = {
  readyPath,
  warmPath,
  specializePath,
  HttpError,
  readBody,
  lazySignal,
  requestId,
  logger,
  sendProblem,
  refuse,
  sendJson,
};
