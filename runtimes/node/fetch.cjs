'use strict';
/** Signature fetch: `export default { fetch(request, env, ctx) }` with the web's Request and Response. */
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { lazySignal, requestId, logger, sendProblem } = require('./request.cjs');

function fetchInvoker(target) {
  return async (incoming, outgoing) => {
    const id = requestId(incoming);
    const pending = [];
    try {
      const signal = lazySignal(outgoing)();
      const context = {
        requestId: id,
        signal,
        log: logger(id),
        waitUntil: (promise) => void pending.push(promise),
        passThroughOnException: () => undefined,
      };
      const answer = await target.fetch(toRequest(incoming, signal), process.env, context);
      if (Object.prototype.toString.call(answer) !== '[object Response]') {
        throw new TypeError('fetch() must return a Response');
      }
      await sendResponse(outgoing, answer);
    } catch (error) {
      if (!outgoing.destroyed || outgoing.writableFinished) sendProblem(outgoing, error, id);
    }
    for (const { status, reason } of await Promise.allSettled(pending)) {
      if (status === 'rejected')
        console.error(`waitUntil of request ${id} failed: ${reason?.stack ?? reason}`);
    }
  };
}

function toRequest(incoming, signal) {
  const headers = new Headers();
  const raw = incoming.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) headers.append(raw[i], raw[i + 1]);
  const protocol = incoming.headers['x-forwarded-proto'] ?? 'http';
  const host = incoming.headers['x-forwarded-host'] ?? incoming.headers.host ?? 'localhost';
  const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD';
  return new Request(new URL(incoming.url, `${protocol}://${host}`), {
    method: incoming.method,
    headers,
    signal,
    ...(hasBody ? { body: Readable.toWeb(incoming), duplex: 'half' } : {}),
  });
}

async function sendResponse(outgoing, answer) {
  const headers = {};
  for (const [name, value] of answer.headers) {
    if (name !== 'set-cookie') headers[name] = value;
  }
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  outgoing.writeHead(answer.status, answer.statusText, headers);
  if (answer.body === null) outgoing.end();
  else await pipeline(Readable.fromWeb(answer.body), outgoing);
}

module.exports = { fetchInvoker, sendResponse };
