'use strict';
/**
 * The role of a warm pod: one that has booted without code and waits for what it is to become.
 *
 * Who knows the secret whose digest it was started with tells it once, over the wire. It owns the
 * answers that are held until then.
 *
 * Invariants:
 * 1. Only the secret's holder is listened to; who guesses too often ends the process.
 * 2. It is specialised once: the first request that is well formed wins, also among those that come
 *    at the same time. One that is malformed or breaks off has changed nothing.
 * 3. No call that came before it was specialised reaches the function: it was meant for another, or
 *    came too early. It is answered 503. Only the ready path waits.
 * 4. The answer 204 is sent when the handler is loaded and calls are accepted.
 */
const { loadHandler, describeLoadError } = require('./load.cjs');
const { readyPath, warmPath, specializePath } = require('./paths.cjs');
const { refuse } = require('./problem.cjs');
const { functionRole, plain, sendClaimed } = require('./serve.cjs');
const { equal, sha256 } = require('./sha256.cjs');
const {
  specialisationLimit,
  parseSpecialisation,
  prepare,
  layDown,
  applyEnv,
} = require('./specialisation.cjs');

const triesLimit = 10;
const heldLimit = 64;

class WarmPod {
  #options;
  #state = 'waiting';
  #wrongTries = 0;
  #held = new Set();

  /**
   * `{digest, folder, env, become, end}`: SHA-256 of the secret in hex; where the function is laid
   * down; the environment that becomes the function's; `become(role)` takes what this pod has turned
   * into; `end(reason)` ends the process.
   */
  constructor(options) {
    this.#options = options;
    prepare(options.folder);
  }

  handle(request, response) {
    switch (request.url) {
      case warmPath:
        response.send(200, plain, 'warm\n');
        return;
      case readyPath:
        this.#hold(response);
        return;
      case specializePath:
        void this.#specialize(request, response);
        return;
      default:
        refuseCall(response);
    }
  }

  /** Nobody has a call here: nothing is worth waiting for. */
  stop() {
    if (this.#state === 'waiting') this.#options.end(undefined);
  }

  #hold(response) {
    if (this.#held.size >= heldLimit) {
      refuseCall(response);
      return;
    }
    this.#held.add(response);
    response.onGone(() => this.#held.delete(response));
  }

  async #specialize(request, response) {
    if (request.method !== 'POST') {
      refuseClaim(response, 405, { detail: 'Only POST specialises' });
    } else if (!this.#isHolder(request.headers.authorization)) {
      this.#refuseStranger(response);
    } else if (this.#state !== 'waiting') {
      sendClaimed(response);
    } else {
      this.#state = 'receiving';
      const given = await receive(request, response);
      if (given === undefined) this.#state = 'waiting';
      else await this.#become(given, response);
    }
  }

  #isHolder(authorization = '') {
    const [scheme, secret = ''] = authorization.split(' ');
    const digest = Buffer.from(this.#options.digest, 'hex');
    const given = sha256(Buffer.from(secret, 'latin1'));
    return scheme.toLowerCase() === 'bearer' && equal(given, digest);
  }

  #refuseStranger(response) {
    this.#wrongTries += 1;
    const end = this.#wrongTries >= triesLimit && this.#state === 'waiting';
    if (end) {
      const message = `${this.#wrongTries} requests to specialise had a wrong secret`;
      response.onClosed(() => this.#options.end({ kind: 'ClaimRefused', message }));
    }
    refuseClaim(response, 403, { detail: 'The secret is not that of this pod', close: true });
  }

  async #become(given, response) {
    const { folder, env, become, end } = this.#options;
    this.#state = 'loading';
    let code = folder;
    try {
      code = layDown(folder, given);
      applyEnv(env, given.env, { ...given, code });
      const handler = await loadHandler(code, given.handler, given.signature);
      become(functionRole(handler, true));
    } catch (error) {
      console.error(error?.stack ?? error);
      const reason = describeLoadError(error, code);
      response.onClosed(() => end(reason));
      response.closeAfter();
      response.send(422, 'content-type: application/json\r\n', JSON.stringify(reason));
      return;
    }
    response.send(204, '');
    for (const each of this.#held) each.send(200, plain, 'ready\n');
    this.#held.clear();
  }
}

/** What the request says; undefined once it has been refused or has broken off. */
async function receive(request, response) {
  const size = Number(request.headers['content-length'] ?? Number.NaN);
  if (Number.isNaN(size)) {
    refuseClaim(response, 411, { detail: 'Content-Length is needed', close: true });
    return undefined;
  }
  if (size > specialisationLimit) {
    const detail = `The body is over ${specialisationLimit} bytes`;
    refuseClaim(response, 413, { detail, close: true });
    return undefined;
  }
  const body = request.body ?? (await readAll(request, size));
  if (body === undefined) return undefined;
  try {
    return parseSpecialisation(body);
  } catch (error) {
    refuseClaim(response, 400, { detail: error.message });
    return undefined;
  }
}

/** Undefined when it breaks off. */
function readAll(request, size) {
  return new Promise((resolve) => {
    const body = Buffer.allocUnsafe(size);
    let filled = 0;
    request.read({
      piece(piece) {
        filled += piece.copy(body, filled);
      },
      end: () => resolve(body),
      gone: () => resolve(undefined),
    });
  });
}

/** With `close` the connection ends too: what is left of the request is not waited for. */
function refuseClaim(response, status, { detail, close = false }) {
  if (close) response.closeAfter();
  refuse(response, { status, title: 'Cannot specialise', detail });
}

function refuseCall(response) {
  const detail = 'This pod has no function yet';
  refuse(response, { status: 503, title: 'Not ready', detail, fields: 'retry-after: 1\r\n' });
}

module.exports = { WarmPod };
