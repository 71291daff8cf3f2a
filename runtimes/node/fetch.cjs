'use strict';
/** Signature fetch: `export default { fetch(request, env, ctx) }` with the web's Request and Response. */
const { callSignal, requestId, logger } = require('./context.cjs');
const { sendProblem } = require('./problem.cjs');

/** Fields that belong to the connection, which is not the function's. */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'te',
]);

const readAheadBytes = 256 * 1024;

function fetchInvoker(target) {
  return async (request, response) => {
    const id = requestId(request);
    const pending = [];
    try {
      const signal = callSignal(response);
      const context = {
        requestId: id,
        signal,
        log: logger(id),
        waitUntil: (promise) => void pending.push(promise),
        passThroughOnException: () => undefined,
      };
      const answer = await target.fetch(toWebRequest(request, signal), process.env, context);
      if (Object.prototype.toString.call(answer) !== '[object Response]') {
        throw new TypeError('fetch() must return a Response');
      }
      await sendResponse(response, answer);
    } catch (error) {
      sendProblem(response, error, id);
    }
    for (const { status, reason } of await Promise.allSettled(pending)) {
      if (status === 'rejected')
        console.error(`waitUntil of request ${id} failed: ${reason?.stack ?? reason}`);
    }
  };
}

function toWebRequest(request, signal) {
  const { method, headers } = request;
  const protocol = headers['x-forwarded-proto'] ?? 'http';
  const host = headers['x-forwarded-host'] ?? headers.host ?? 'localhost';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const target = request.url === '*' ? '/' : request.url;
  return new Request(`${protocol}://${host}${target}`, {
    method,
    headers,
    signal,
    ...(hasBody ? { body: request.body ?? bodyStream(request), duplex: 'half' } : {}),
  });
}

/** Reads no more of the body than is taken. */
function bodyStream(request) {
  let started = false;
  // A caller that waits for leave to send is given it when the function reads, and not before.
  const highWaterMark = request.headers.expect === undefined ? readAheadBytes : 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (started) {
          request.resume();
          return;
        }
        started = true;
        request.read(streamInto(controller));
      },
    },
    { highWaterMark, size: (piece) => piece.length },
  );
}

function streamInto(controller) {
  let open = true;
  const settle = (how) => {
    if (!open) return;
    open = false;
    // Its reader may have cancelled it.
    try {
      how();
    } catch {
      return;
    }
  };
  return {
    piece(piece) {
      if (!open) return true;
      try {
        controller.enqueue(piece);
        return controller.desiredSize > 0;
      } catch {
        open = false;
        return true;
      }
    },
    end: () => settle(() => controller.close()),
    gone: () => settle(() => controller.error(new Error('The caller went away'))),
  };
}

async function sendResponse(response, answer) {
  const { status, body } = answer;
  const { fields, length } = readFields(answer.headers);
  if (body === null) {
    response.start(status, fields, length ?? 0);
    response.end();
    return;
  }
  response.start(status, fields, length);
  const reader = body.getReader();
  response.onGone(() => void reader.cancel().catch(() => undefined));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!response.write(value)) await response.drained();
  }
  response.end();
}

function readFields(headers) {
  let fields = '';
  let length;
  for (const [name, value] of headers) {
    if (name === 'content-length' && /^\d{1,15}$/.test(value)) length = Number(value);
    else if (name !== 'content-length' && !connectionFields.has(name)) {
      fields += `${name}: ${value}\r\n`;
    }
  }
  return { fields, length };
}

module.exports = { fetchInvoker, sendResponse };
