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
 *   NOUGHT_CLAIM_DIGEST       makes it a warm pod: it starts without code, and is told what to become
 *                             by who knows the secret with this SHA-256 (hex); NOUGHT_CODE is then
 *                             a folder of its own to write to
 *
 * Invariants:
 * 1. It listens, and says that it is ready, only once the handler is loaded; a warm pod once it can be
 *    told its handler, and its ready path answers when that is loaded.
 * 2. A handler that cannot be loaded ends the process with exit code 1 and the reason in the
 *    termination log; nothing else that a caller sends ends it.
 * 3. After SIGTERM it goes on serving for a moment, since a caller may not yet know that the pod ends,
 *    and asks for its connections to be closed; then it takes no new connection and ends when the
 *    last request has been answered.
 */
const fs = require('node:fs');
const { codeFolder, loadHandler, describeLoadError } = require('./load.cjs');

const { env } = process;
let folder = env.NOUGHT_CODE ?? '.';

main().catch((error) => {
  console.error(error?.stack ?? error);
  end(describeLoadError(error, folder));
});

async function main() {
  if (env.NOUGHT_CLAIM_DIGEST !== undefined) {
    await startWarm(env.NOUGHT_CLAIM_DIGEST);
    return;
  }
  folder = codeFolder(folder);
  const { signature, handler } = wanted();
  if (signature === 'http') {
    // The code brings its own server: its listen on $PORT becomes the inherited socket.
    require('./own-server.cjs').adopt(port(), inherited(), ready);
    await loadHandler(folder, handler, 'http');
    return;
  }
  serve(roleOf(await loadHandler(folder, handler, signature), false));
}

/** Without code of its own, unless the container has been given some before it started anew. */
async function startWarm(digest) {
  const { recall, applyEnv } = require('./specialisation.cjs');
  folder = fs.realpathSync(folder);
  const earlier = recall(folder);
  if (earlier !== undefined) {
    applyEnv(env, earlier.env, earlier);
    folder = earlier.code;
    serve(roleOf(await loadHandler(folder, earlier.handler, earlier.signature), true));
    return;
  }
  const { WarmPod } = require('./warm.cjs');
  await require('./rehearse.cjs')
    .rehearse()
    .catch((error) =>
      console.error(`Cannot rehearse, the first call will be slower: ${error.message}`),
    );
  const pod = new WarmPod({
    digest,
    folder,
    env,
    become: (role) => (server.role = role),
    end,
  });
  const server = serve(pod);
}

function wanted() {
  return {
    signature: env.NOUGHT_SIGNATURE ?? 'json',
    handler: env.NOUGHT_HANDLER ?? 'index.js',
  };
}

function roleOf(handler, claimed) {
  return require('./serve.cjs').functionRole(handler, claimed);
}

function serve(role) {
  const { Server, endOnSignal } = require('./serve.cjs');
  const server = new Server(role);
  endOnSignal(server);
  const fd = inherited();
  const where = fd === undefined ? { port: port(), host: env.HOST } : { fd };
  server.listen(where).then(ready, (error) => {
    const message = `Cannot listen: ${error.message}`;
    console.error(message);
    end({ kind: 'ListenError', message });
  });
  return server;
}

/** Ends the process; with a reason as a failure that the platform can tell of. */
function end(reason) {
  if (reason !== undefined) report(reason);
  process.exit(reason === undefined ? 0 : 1);
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
