'use strict';
/**
 * The HTTP server of a pod: hands each request to the role that the pod plays at the moment.
 *
 * A role has `handle(request, response)` and may have `stop()`, called when the pod is to end.
 */
const http = require('node:http');
const { readyPath, specializePath, refuse } = require('./request.cjs');

/** How long a pod that ends still takes calls: longer than word of its end takes to reach gateways. */
const lameDuckMs = 500;

const serverOptions = {
  keepAliveTimeout: 0,
  requestTimeout: 0,
  headersTimeout: 0,
  maxHeaderSize: 64 * 1024,
  noDelay: true,
};

/** A server that is not listening yet; `server.role` may be replaced at any time. */
function createServer(role) {
  const server = http.createServer(serverOptions, (request, response) => {
    server.role.handle(request, response);
  });
  server.role = role;
  return server;
}

/** After SIGTERM it serves on for a moment, then ends when the last request has been answered. */
function endOnSignal(server) {
  const open = new Set();
  let stopping = false;
  server.prependListener('request', (_, response) => {
    if (stopping) response.setHeader('connection', 'close');
    open.add(response);
    response.on('close', () => {
      open.delete(response);
      // Not before: a call may be on its way over a connection that is idle now.
      if (!server.listening) server.closeIdleConnections();
    });
  });
  process.once('SIGTERM', () => {
    stopping = true;
    server.role.stop?.();
    for (const response of open) {
      if (!response.headersSent) response.setHeader('connection', 'close');
    }
    setTimeout(() => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
    }, lameDuckMs);
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
      if (request.url === readyPath) response.end('ready\n');
      else if (claimed && request.url === specializePath) sendClaimed(response);
      else void invoke(request, response);
    },
  };
}

function sendClaimed(response) {
  const detail = 'This pod has its function, or is about to';
  refuse(response, { status: 409, title: 'Already specialised', detail });
}

module.exports = { createServer, endOnSignal, functionRole, sendClaimed };
