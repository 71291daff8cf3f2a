'use strict';
/** Signature json: `(input, ctx) => output`, sync, async, or a generator that streams. */
const { Context, requestId } = require('./context.cjs');
const { HttpError, sendProblem } = require('./problem.cjs');
const { readBody } = require('./request.cjs');

const jsonFields = 'content-type: application/json\r\n';
const bytesFields = 'content-type: application/octet-stream\r\n';

function jsonInvoker(handler) {
  return async (request, response) => {
    let context;
    try {
      const body = request.body ?? (await readBody(request));
      const { input, place } = readInput(request, body);
      context = new Context(request, response, place);
      const output = handler(input, context);
      const settled = typeof output?.then === 'function' ? await output : output;
      const streams = sendOutput(request, response, settled);
      if (streams !== undefined) await streams;
    } catch (error) {
      sendProblem(response, error, context?.requestId ?? requestId(request));
    }
  };
}

function readInput({ url, headers }, body) {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const query = mark === -1 ? {} : Object.fromEntries(new URLSearchParams(url.slice(mark)));
  const type = (headers['content-type'] ?? '').split(';', 1)[0].trim().toLowerCase();
  if (headers['ce-specversion'] === undefined && !type.startsWith('application/cloudevents')) {
    const input = body.length === 0 ? query : readData(type, body, 'text/plain');
    return { input, place: { path, query, event: undefined } };
  }
  const event = require('./cloudevent.cjs').readEvent(headers, type, {
    size: body.length,
    parse: () => parseJson(body),
    readData: (dataType) => readData(dataType, body, undefined),
  });
  return { input: event.data, place: { path, query, event } };
}

/** `loose` is the text that may well be JSON: fetch() and many clients say text/plain of any string. */
function readData(type, body, loose) {
  if (type === 'application/json') return parseJson(body);
  if (type.startsWith('text/') && type !== loose) return body.toString('utf8');
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

/** Returns a promise when it is not all sent at once. */
function sendOutput(request, response, output) {
  if (typeof output === 'object' && output !== null) {
    if (output instanceof Uint8Array) {
      response.send(200, bytesFields, output);
      return undefined;
    }
    // By its tag: naming the global Response would load Node's fetch, which takes 25 ms.
    if (Object.prototype.toString.call(output) === '[object Response]') {
      return require('./fetch.cjs').sendResponse(response, output);
    }
    if (isIterator(output)) return sendStream(request, response, output);
    if (output.specversion !== undefined) {
      const { isEvent, sendEvent } = require('./cloudevent.cjs');
      if (isEvent(output)) {
        sendEvent(response, output, request.headers.accept);
        return undefined;
      }
    }
  } else if (output === undefined) {
    response.send(204, '');
    return undefined;
  }
  const json = JSON.stringify(output);
  if (json === undefined)
    throw new TypeError(`The function returned a ${typeof output}, which JSON cannot hold`);
  response.send(200, jsonFields, json);
  return undefined;
}

function isIterator(output) {
  return (
    typeof output[Symbol.asyncIterator] === 'function' ||
    (typeof output[Symbol.iterator] === 'function' && typeof output.next === 'function')
  );
}

/** Each value is sent as it comes: as server-sent events if the client asks for them, else bytes and text as they are and other values as JSON lines. */
async function sendStream(request, response, values) {
  const events = (request.headers.accept ?? '').includes('text/event-stream');
  let started = false;
  for await (const value of values) {
    if (response.gone) return;
    if (!started) {
      started = true;
      response.start(200, streamFields(events ? 'text/event-stream' : streamType(value)));
    }
    if (!response.write(events ? eventOf(value) : chunkOf(value))) await response.drained();
  }
  if (!started) {
    response.start(200, streamFields(events ? 'text/event-stream' : 'text/plain; charset=utf-8'));
  }
  response.end();
}

function streamFields(type) {
  return `content-type: ${type}\r\ncache-control: no-store\r\n`;
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

module.exports = { jsonInvoker };
