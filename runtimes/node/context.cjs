'use strict';
/** What a handler may know of its call, and do during it. */

/** `ctx` of signature json; what costs something is made when it is asked for. */
class Context {
  #response;
  #signal;
  #log;

  constructor(request, response, { path, query, event }) {
    this.#response = response;
    this.headers = request.headers;
    this.method = request.method;
    this.path = path;
    this.query = query;
    this.requestId = requestId(request);
    this.event = event;
  }

  get signal() {
    this.#signal ??= callSignal(this.#response);
    return this.#signal;
  }

  get log() {
    this.#log ??= logger(this.requestId);
    return this.#log;
  }
}

/** A signal that aborts when the caller goes away before it has its answer. */
function callSignal(response) {
  const controller = new AbortController();
  response.onGone(() => controller.abort(new Error('The caller went away')));
  return controller.signal;
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

module.exports = { Context, callSignal, requestId, logger };
