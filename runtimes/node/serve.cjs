'use strict';
/**
 * The HTTP server of a pod: hands each request to the role that the pod plays at the moment.
 *
 * It stands on `net`: `node:http` takes longer to load and to answer the first call, and each further
 * one costs a multiple. A role has `handle(request, response)` and may have `stop()`, called when the
 * pod is to end.
 */
const net = require('node:net');
const { Connection } = require('./connection.cjs');
const { readyPath, specializePath } = require('./paths.cjs');
const { refuse } = require('./problem.cjs');

/** How long a pod that ends still takes calls: longer than word of its end takes to reach gateways. */
const lameDuckMs = 500;
const backlog = 511;
const plain = 'content-type: text/plain\r\n';

class Server {
  #net;
  #connections = new Set();
  #drained;
  /** From now on each answer asks for its connection to be closed. */
  stopping = false;

  constructor(role) {
    this.role = role;
    this.#net = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#connections.add(new Connection(socket, this));
    });
  }

  /** `where` is an inherited socket's `{fd}` or `{host, port}`; resolves to the address once it listens. */
  listen(where) {
    return new Promise((resolve, reject) => {
      this.#net.once('error', reject);
      this.#net.listen({ ...where, backlog }, () => resolve(this.#net.address()));
    });
  }

  /** Takes no new connection; resolves when the last request has been answered. */
  drain() {
    this.#net.close();
    return new Promise((resolve) => {
      this.#drained = resolve;
      // Not before: a call may be on its way over a connection that is idle now.
      for (const connection of this.#connections) connection.endIdle();
      this.#settle();
    });
  }

  destroy() {
    this.#net.close();
    for (const connection of this.#connections) connection.destroy();
  }

  /** For connections: an answer is complete. */
  answered(connection) {
    if (this.#drained !== undefined) connection.endIdle();
  }

  /** For connections: one has ended. */
  closed(connection) {
    this.#connections.delete(connection);
    this.#settle();
  }

  #settle() {
    if (this.#connections.size === 0) this.#drained?.();
  }
}

/** After SIGTERM it serves on for a moment, then ends when the last request has been answered. */
function endOnSignal(server) {
  process.once('SIGTERM', () => {
    server.stopping = true;
    server.role.stop?.();
    setTimeout(() => void server.drain().then(() => process.exit(0)), lameDuckMs);
  });
}

/** The role of a pod that has loaded its handler; one that was claimed cannot be claimed again. */
function functionRole(handler, claimed) {
  const invoke =
    handler.kind === 'fetch'
      ? require('./fetch.cjs').fetchInvoker(handler.target)
      : require('./json.cjs').jsonInvoker(handler.target);
  return {
    handle(request, response) {
      if (request.url === readyPath) response.send(200, plain, 'ready\n');
      else if (claimed && request.url === specializePath) sendClaimed(response);
      else void invoke(request, response);
    },
  };
}

function sendClaimed(response) {
  const detail = 'This pod has its function, or is about to';
  refuse(response, { status: 409, title: 'Already specialised', detail });
}

module.exports = { Server, endOnSignal, functionRole, sendClaimed, plain };
