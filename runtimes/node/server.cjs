'use strict';
/**
 * The function server for JavaScript and TypeScript: loads one handler and serves it over HTTP.
 *
 * It runs inside a pod and imports nothing of the platform. Its contract is its environment:
 *   PORT, HOST                where to listen, when no socket was inherited
 *   NOUGHT_LISTEN_FD          number of an inherited listening socket
 *   NOUGHT_NOTIFY_FD          number of a pipe that takes `READY=1\n` once calls are accepted
 *   NOUGHT_CODE               folder of the function's files, or of its package's chunks
 *   NOUGHT_HANDLER            `file` or `file:export`, relative to that folder
 *   NOUGHT_SIGNATURE          json | fetch | http
 *   NOUGHT_TERMINATION_LOG    file that takes one line of JSON when the handler cannot be loaded
 *
 * Invariants:
 * 1. It listens, and says that it is ready, only once the handler is loaded.
 * 2. A handler that cannot be loaded ends the process with exit code 1 and the reason in the
 *    termination log; nothing else that a caller sends ends it.
 * 3. After SIGTERM it goes on serving for a moment, since a caller may not yet know that the pod ends,
 *    and asks for its connections to be closed; then it takes no new connection and ends when the
 *    last request has been answered.
 */
const fs = require('node:fs');
const { codeFolder, loadHandler, describeLoadError } = require('./load.cjs');

const { env } = process;
/** How long a pod that ends still takes calls: longer than word of its end takes to reach gateways. */
const lameDuckMs = 500;
const readyPath = '/.well-known/nought/ready';
let folder = env.NOUGHT_CODE ?? '.';

main().catch((error) => {
  console.error(error?.stack ?? error);
  report(describeLoadError(error, folder));
  process.exit(1);
});

async function main() {
  const signature = env.NOUGHT_SIGNATURE ?? 'json';
  const handlerName = env.NOUGHT_HANDLER ?? 'index.js';
  folder = codeFolder(folder);
  if (signature === 'http') {
    // The code brings its own server: its listen on $PORT becomes the inherited socket.
    require('./own-server.cjs').adopt(port(), inherited(), ready);
    await loadHandler(folder, handlerName, 'http');
    return;
  }
  serve(await loadHandler(folder, handlerName, signature));
}

function serve(handler) {
  const http = require('node:http');
  const invoke =
    handler.kind === 'fetch'
      ? require('./fetch.cjs').fetchInvoker(handler.target)
      : require('./json.cjs').jsonInvoker(handler.target);
  const server = http.createServer(
    {
      keepAliveTimeout: 0,
      requestTimeout: 0,
      headersTimeout: 0,
      maxHeaderSize: 64 * 1024,
      noDelay: true,
    },
    (request, response) => {
      if (request.url === readyPath) {
        response.end('ready\n');
        return;
      }
      void invoke(request, response);
    },
  );
  server.on('error', (error) => {
    console.error(`Cannot listen: ${error.message}`);
    report({ kind: 'ListenError', message: `Cannot listen: ${error.message}` });
    process.exit(1);
  });
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
    for (const response of open) {
      if (!response.headersSent) response.setHeader('connection', 'close');
    }
    setTimeout(() => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
    }, lameDuckMs);
  });
  const fd = inherited();
  server.listen(fd === undefined ? { port: port(), host: env.HOST } : { fd }, ready);
}

function port() {
  return Number(env.PORT ?? 8080);
}

function inherited() {
  return env.NOUGHT_LISTEN_FD === undefined ? undefined : Number(env.NOUGHT_LISTEN_FD);
}

function ready() {
  if (env.NOUGHT_NOTIFY_FD === undefined) return;
  try {
    fs.writeSync(Number(env.NOUGHT_NOTIFY_FD), 'READY=1\n');
  } catch {
    // Who started us may be gone; the function serves all the same.
  }
}

function report(reason) {
  if (env.NOUGHT_TERMINATION_LOG === undefined) return;
  try {
    fs.writeFileSync(env.NOUGHT_TERMINATION_LOG, `${JSON.stringify(reason)}\n`);
  } catch (error) {
    console.error(`Cannot write the termination log: ${error.message}`);
  }
}
