'use strict';
/**
 * Makes a warm pod's first call as fast as its later ones: plays its whole life once, with a function
 * that does nothing, over a connection to itself. So modules are loaded and code is compiled.
 */
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { readyPath, specializePath } = require('./paths.cjs');
const { Server } = require('./serve.cjs');
const { sha256 } = require('./sha256.cjs');
const { WarmPod } = require('./warm.cjs');

const calls = 5;
const patienceMs = 2000;
const sample = {
  env: {},
  handler: 'rehearsal.mjs',
  signature: 'json',
  files: [{ path: 'rehearsal.mjs', text: 'export default (input) => ({ input });\n' }],
};

async function rehearse() {
  const temporary = process.env.TMPDIR ?? '/tmp';
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(temporary, 'rehearsal-')));
  const secret = randomSecret();
  const server = new Server(
    new WarmPod({
      digest: sha256(Buffer.from(secret)).toString('hex'),
      folder,
      env: {},
      become: (role) => (server.role = role),
      end: () => undefined,
    }),
  );
  try {
    await play(server, secret);
  } finally {
    server.destroy();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Whoever is on this host may connect for a moment. From the kernel, as node:crypto costs memory. */
function randomSecret() {
  const bytes = Buffer.alloc(16);
  const source = fs.openSync('/dev/urandom', 'r');
  fs.readSync(source, bytes);
  fs.closeSync(source);
  return bytes.toString('hex');
}

async function play(server, secret) {
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const waiting = net.connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    const held = exchange(waiting, message(`GET ${readyPath}`, '', ''));
    await exchange(
      socket,
      message(
        `POST ${specializePath}`,
        `Authorization: Bearer ${secret}\r\n`,
        `${JSON.stringify(sample)}\n`,
      ),
    );
    await held;
    for (let call = 0; call < calls; call += 1) {
      await exchange(socket, message('POST /', 'X-Request-Id: rehearsal\r\n', '{"n":1}'));
    }
  } finally {
    socket.destroy();
    waiting.destroy();
  }
}

function message(line, fields, body) {
  return `${line} HTTP/1.1\r\nHost: rehearsal\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Sends a request and waits for the first bytes of its answer, which come at once. */
function exchange(socket, text) {
  return new Promise((resolve, reject) => {
    socket.setTimeout(patienceMs, () => socket.destroy(new Error('The rehearsal hangs')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('The rehearsal was cut off')));
    socket.once('data', resolve);
    socket.write(text);
  });
}

module.exports = { rehearse };
