'use strict';
/** CloudEvents 1.0 over HTTP (its HTTP protocol binding and JSON format), to a handler and back. */
const { HttpError } = require('./problem.cjs');

const structuredType = 'application/cloudevents+json';
const required = ['id', 'source', 'type'];
/** Of an event in binary mode these are the body and its type. */
const notAttributes = new Set(['data', 'data_base64', 'datacontenttype']);
const attributeName = /^[a-z0-9]+$/;
const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The event of a request; `readData(type)` reads its body by a media type, `parse` as JSON. */
function readEvent(headers, type, { size, parse, readData }) {
  if (!type.startsWith('application/cloudevents'))
    return binaryEvent(headers, type, { size, readData });
  if (type !== structuredType) {
    const detail = `Events come one by one, in binary mode or as ${structuredType}, not as ${type}`;
    throw new HttpError(415, 'Unsupported event format', detail);
  }
  return structuredEvent(parse());
}

function binaryEvent(headers, type, { size, readData }) {
  const event = {};
  for (const [name, value] of Object.entries(headers)) {
    const attribute = name.startsWith('ce-') ? name.slice(3) : '';
    if (attributeName.test(attribute) && !notAttributes.has(attribute)) {
      event[attribute] = decodeValue(value);
    }
  }
  checkEvent(event, 'ce-');
  if (headers['content-type'] !== undefined) event.datacontenttype = headers['content-type'];
  if (size > 0) event.data = readData(type);
  return event;
}

/** Quoted strings of older senders, then one round of percent-decoding (HTTP binding, 3.1.3.2). */
function decodeValue(value) {
  const quoted = /^"(.*)"$/.exec(value);
  const plain = quoted === null ? value : quoted[1].replaceAll(/\\(.)/g, '$1');
  return plain.replaceAll(/(?:%[0-9a-f]{2})+/gi, (octets) =>
    Buffer.from(octets.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

function structuredEvent(given) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid('it is no JSON object');
  }
  const event = {};
  for (const [name, value] of Object.entries(given)) {
    // An attribute without a value is one that is not there; data may well be null.
    if (value !== null || name === 'data') event[name] = value;
  }
  checkEvent(event, '');
  const packed = event.data_base64;
  if (packed === undefined) return event;
  if (event.data !== undefined) throw invalid('it has both data and data_base64');
  if (typeof packed !== 'string' || !base64Text.test(packed)) {
    throw invalid('data_base64 is no base64');
  }
  delete event.data_base64;
  event.data = Buffer.from(packed, 'base64');
  return event;
}

function checkEvent(event, prefix) {
  if (event.specversion !== '1.0') {
    throw invalid(`${prefix}specversion is ${JSON.stringify(event.specversion)}, expected "1.0"`);
  }
  for (const name of required) {
    if (typeof event[name] !== 'string' || event[name] === '') {
      throw invalid(`${prefix}${name} is missing or no text`);
    }
  }
}

function invalid(detail) {
  return new HttpError(400, 'Invalid CloudEvent', `The request is no CloudEvent: ${detail}`);
}

/** Whether what a handler returned is an event. */
function isEvent(output) {
  return (
    typeof output === 'object' &&
    output !== null &&
    output.specversion === '1.0' &&
    required.every((name) => typeof output[name] === 'string' && output[name] !== '')
  );
}

/** Binary mode, unless the caller takes nothing but structured events. */
function sendEvent(response, event, accept) {
  if (wantsStructured(accept)) sendStructured(response, event);
  else sendBinary(response, event);
}

function wantsStructured(accept = '') {
  return accept
    .split(',')
    .every((range) => range.split(';', 1)[0].trim().toLowerCase() === structuredType);
}

function sendStructured(response, event) {
  const { data, ...rest } = event;
  const whole = data instanceof Uint8Array ? { ...rest, data_base64: base64(data) } : event;
  response.send(200, `content-type: ${structuredType}; charset=utf-8\r\n`, JSON.stringify(whole));
}

function base64(data) {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64');
}

function sendBinary(response, event) {
  let fields = '';
  for (const [name, value] of Object.entries(event)) {
    if (notAttributes.has(name) || value === undefined || value === null) continue;
    if (!attributeName.test(name)) {
      throw new TypeError(
        `The CloudEvent's attribute "${name}" has a name with other than a-z and 0-9`,
      );
    }
    fields += `ce-${name}: ${encodeValue(attributeText(name, value))}\r\n`;
  }
  const body = dataOf(event);
  if (body === undefined) {
    response.send(200, fields);
    return;
  }
  const type =
    event.datacontenttype ??
    (body instanceof Uint8Array ? 'application/octet-stream' : 'application/json');
  if (typeof type !== 'string' || !/^[\x20-\x7e]+$/.test(type)) {
    throw new TypeError("The CloudEvent's datacontenttype is no media type");
  }
  response.send(200, `${fields}content-type: ${type}\r\n`, body);
}

function dataOf({ data, data_base64: packed, datacontenttype: type = 'application/json' }) {
  if (data === undefined) return packed === undefined ? undefined : Buffer.from(packed, 'base64');
  if (data instanceof Uint8Array) return data;
  return typeof data === 'string' && !/[/+]json\b/i.test(type) ? data : JSON.stringify(data);
}

function attributeText(name, value) {
  if (value instanceof Date) return value.toISOString();
  if (!['string', 'boolean', 'number'].includes(typeof value)) {
    throw new TypeError(`The CloudEvent's attribute "${name}" is no text, number or boolean`);
  }
  return String(value);
}

/** All but printable ASCII, and of that space, quote and percent (HTTP binding, 3.1.3.2). */
function encodeValue(value) {
  return value.toWellFormed().replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, encodeURIComponent);
}

module.exports = { readEvent, isEvent, sendEvent };
