'use strict';
/** Signature json: `(input, ctx) => output`, sync, async, or a generator that streams. */
const {
  HttpError,
  readBody,
  lazySignal,
  requestId,
  logger,
  sendProblem,
} = require('./request.cjs');

function jsonInvoker(handler) {
  return async (request, response) => {
    const id = requestId(request);
    try {
      const body = await readBody(request);
      const { input, event, path, query } = readInput(request, body);
      const signal = lazySignal(response);
      const log = logger(id);
      const context = {
        headers: request.headers,
        method: request.method,
        path,
        query,
        requestId: id,
        event,
        get signal() {
          return signal();
        },
        log,
      };
      await sendOutput(request, response, await handler(input, context));
    } catch (error) {
      if (
        response.destroyed &&
        !response.writableFinished &&
        error?.message === 'The client went away'
      )
        return;
      sendProblem(response, error, id);
    }
  };
}

function readInput(request, body) {
  const { pathname, searchParams } = new URL(request.url, 'http://function');
  const query = Object.fromEntries(searchParams);
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0].trim().toLowerCase();
  const place = { path: pathname, query };
  if (type === 'application/cloudevents+json') {
    const event = parseJson(body);
    return { ...place, input: event?.data, event };
  }
  const input = body.length === 0 ? query : readBodyInput(type, body);
  const event =
    request.headers['ce-specversion'] === undefined
      ? undefined
      : binaryEvent(request.headers, type, input);
  return { ...place, input, event };
}

function readBodyInput(type, body) {
  // text/plain is what fetch() and many clients say of any string, JSON too.
  if (type.startsWith('text/') && type !== 'text/plain') return body.toString('utf8');
  if (type === 'application/octet-stream' || /^(image|audio|video|multipart)\//.test(type))
    return body;
  return parseJson(body);
}

function parseJson(body) {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new HttpError(400, 'Invalid JSON', `The request body is no valid JSON: ${error.message}`);
  }
}

/** CloudEvents 1.0, HTTP binding, binary mode: attributes are `ce-` headers. */
function binaryEvent(headers, type, data) {
  const event = { data };
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-')) event[name.slice(3)] = decodeURIComponent(value);
  }
  if (type !== '') event.datacontenttype = type;
  return event;
}

async function sendOutput(request, response, output) {
  if (output === undefined) {
    response.writeHead(204).end();
  } else if (output instanceof Uint8Array) {
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': output.length,
    });
    response.end(output);
  } else if (isResponse(output)) {
    await require('./fetch.cjs').sendResponse(response, output);
  } else if (isIterator(output)) {
    await sendStream(request, response, output);
  } else {
    const text = JSON.stringify(output);
    if (text === undefined)
      throw new TypeError(`The function returned a ${typeof output}, which JSON cannot hold`);
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  }
}

/** By its tag: naming the global Response would load Node's fetch, which takes 25 ms. */
function isResponse(output) {
  return (
    typeof output === 'object' &&
    output !== null &&
    Object.prototype.toString.call(output) === '[object Response]'
  );
}

function isIterator(output) {
  return (
    typeof output === 'object' &&
    output !== null &&
    (typeof output[Symbol.asyncIterator] === 'function' ||
      (typeof output[Symbol.iterator] === 'function' && typeof output.next === 'function'))
  );
}

/** Each value is sent as it comes: as server-sent events if the client asks for them, else bytes and text as they are and other values as JSON lines. */
async function sendStream(request, response, values) {
  const events = (request.headers.accept ?? '').includes('text/event-stream');
  let started = false;
  for await (const value of values) {
    if (response.destroyed) return;
    if (!started) {
      started = true;
      response.writeHead(200, {
        'content-type': events ? 'text/event-stream' : streamType(value),
        'cache-control': 'no-store',
      });
    }
    if (!response.write(events ? eventOf(value) : chunkOf(value))) await drained(response);
  }
  if (!started)
    response.writeHead(200, {
      'content-type': events ? 'text/event-stream' : 'text/plain; charset=utf-8',
    });
  response.end();
}

function streamType(first) {
  if (typeof first === 'string') return 'text/plain; charset=utf-8';
  return first instanceof Uint8Array ? 'application/octet-stream' : 'application/x-ndjson';
}

function chunkOf(value) {
  return typeof value === 'string' || value instanceof Uint8Array
    ? value
    : `${JSON.stringify(value)}\n`;
}

function eventOf(value) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;
}

function drained(response) {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

module.exports = { jsonInvoker };
