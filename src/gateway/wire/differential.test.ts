import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { nodeRequests, nodeResponse } from '../testing/node-reader.ts';
import { readRequests, readResponse } from '../testing/read-messages.ts';

/**
 * What this wire accepts, the parser of node:http (llhttp) must accept too, and see the same messages in
 * it. What node accepts beyond that is no matter: this wire is to be the stricter one. Where node refuses
 * what is accepted here, the reason stands below.
 */
const stricterNode: readonly (readonly [code: string, where: RegExp, why: string])[] = [
  [
    'HPE_INVALID_TRANSFER_ENCODING',
    /\r\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*transfer-encoding:/i,
    'node refuses Transfer-Encoding in trailers; all trailers are dropped here, as RFC 9110 section 6.5.1 allows',
  ],
  [
    'HPE_INVALID_CONTENT_LENGTH',
    /\r\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*content-length:/i,
    'the same of Content-Length in trailers',
  ],
];

function isIntended(error: string | undefined, text: string): boolean {
  return stricterNode.some(([code, where]) => code === error && where.test(text));
}

const name = fc.constantFrom('X-A', 'Accept', 'Cookie', 'X-Request-Id', 'Prefer', 'x_y', 'A.b~c');
const value = fc.oneof(
  fc.stringMatching(/^[\x21-\x7e]{0,12}$/),
  fc.constantFrom('', '\t', 'a b', 'a\tb', '\xe4\xff', '"q;,:"', 'chunked', '0'),
);
const fieldLines = fc
  .array(fc.tuple(name, fc.constantFrom('', ' ', '\t', '  '), value), { maxLength: 4 })
  .map((fields) => fields.map(([key, space, text]) => `${key}:${space}${text}\r\n`).join(''));
const data = fc.stringMatching(/^[a-z\r\n0-9 ]{0,20}$/);
const extension = fc.constantFrom('', '', '', ';a', ';a=b', ';a="b c"');
const trailerSections = ['', '', 'X-T: 1\r\n', 'Y: 2\r\nZ: 3\r\n'];
trailerSections.push('Content-Length: 9\r\n', 'Transfer-Encoding: chunked\r\n');
const chunkedBody = fc
  .tuple(
    fc.array(
      fc.tuple(
        data.filter((text) => text !== ''),
        extension,
      ),
      { maxLength: 3 },
    ),
    fc.constantFrom(...trailerSections),
  )
  .map(
    ([chunks, trailers]) =>
      `${chunks.map(([text, more]) => `${text.length.toString(16)}${more}\r\n${text}\r\n`).join('')}0\r\n${trailers}\r\n`,
  );
/** Framing lines and a body that fits them. */
const framed = fc.oneof(
  fc.constant(''),
  data.map((text) => `Content-Length: ${text.length}\r\n\r\n${text}`),
  chunkedBody.map((text) => `Transfer-Encoding: chunked\r\n\r\n${text}`),
);
const method = fc.constantFrom(
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'HEAD',
  'M-SEARCH',
);
const target = fc.oneof(
  fc.stringMatching(/^\/[a-zA-Z0-9._~!$&'()*+,;=:@%/?-]{0,15}$/),
  fc.constantFrom('/', '/a?b', '/%2e', '//', '/a|b', '/"', '/{}', '/[]^`\\'),
);
const httpRequest = fc
  .tuple(method, target, fieldLines, framed, fieldLines)
  .map(([verb, path, before, rest, after]) => {
    const end = rest === '' ? `${after}\r\n` : `${after}${rest}`;
    return `${verb} ${path} HTTP/1.1\r\n${before}Host: x\r\n${end}`;
  });
const httpResponse = fc
  .tuple(fc.constantFrom(200, 204, 304, 404, 500), fieldLines, framed)
  .map(([status, before, rest]) => {
    const interim = status === 500 ? 'HTTP/1.1 103 Early\r\nA: 1\r\n\r\n' : '';
    return `${interim}HTTP/1.1 ${status} Text\r\n${before}${rest === '' ? '\r\n' : rest}`;
  });

/** What framing turns on, to be put anywhere. */
const fragments = [
  '\r\n,\n,\r, ,\t,:,;,0,1,\0,\x7f,\r\n ,0\r\n\r\n'.split(','),
  ['Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', ','],
  ['Host: y\r\n', ' HTTP/1.0', 'HTTP/1.1', 'chunked', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
].flat();
const fragment = fc.oneof(
  fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.constantFrom(...fragments),
);
/** A part of the whole, so that it fits any text. */
const place = fc.nat({ max: 1000 }).map((part) => part / 1000);
const mutation = fc.tuple(place, fc.nat({ max: 4 }), fragment);
const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 });
const cuts = fc.array(place, { maxLength: 4 });

function mutate(text: string, changes: readonly (readonly [number, number, string])[]): string {
  let out = text;
  for (const [where, cut, insert] of changes) {
    const at = Math.floor(where * out.length);
    out = out.slice(0, at) + insert + out.slice(at + cut);
  }
  return out;
}

function offsets(bytes: Buffer, parts: readonly number[]): number[] {
  return parts.map((part) => Math.floor(part * bytes.length));
}

/** Node sees at least the messages that this wire sees, with the same framing. */
async function checkRequests(text: string, parts: readonly number[]): Promise<number> {
  const bytes = Buffer.from(text, 'latin1');
  const ours = readRequests(bytes);
  // What follows a request after which the connection is closed is not read by node.
  const closes = ours.messages.findIndex(({ head }) => !head.keepAlive);
  const count = closes < 0 ? ours.messages.length : closes + 1;
  if (count === 0) return 0;
  const theirs = await nodeRequests(bytes, offsets(bytes, parts));
  if (theirs.messages.length < count && isIntended(theirs.error, text)) return 0;
  for (const [index, { head, body }] of ours.messages.slice(0, count).entries()) {
    const message = theirs.messages[index];
    const shown = `${JSON.stringify(text)}: node says ${JSON.stringify(theirs)}`;
    assert.ok(message !== undefined, shown);
    const [verb = '', url = ''] = message.start.split(' ');
    assert.equal(verb, head.method, shown);
    assert.ok(url === head.target || url.endsWith(head.target) || head.target === '/', shown);
    assert.equal(message.body, body, shown);
  }
  return count;
}

async function checkResponse(
  text: string,
  parts: readonly number[],
  verb: string,
): Promise<number> {
  const bytes = Buffer.from(text, 'latin1');
  const ours = readResponse(bytes, verb === 'HEAD');
  const [message] = ours.messages;
  if (message === undefined || message.head.status === 101) return 0;
  const ends = message.head.framing.kind === 'close';
  const theirs = await nodeResponse(bytes, offsets(bytes, parts), { method: verb, ends });
  const [first] = theirs.messages;
  const shown = `${JSON.stringify(text)}: node says ${JSON.stringify(theirs)}`;
  if (first === undefined && isIntended(theirs.error, text)) return 0;
  assert.ok(first !== undefined, shown);
  assert.equal(first.start, String(message.head.status), shown);
  assert.equal(first.body, message.body, shown);
  return 1;
}

describe('differential', () => {
  test('property: requests that are well formed are the same to node:http, however they are cut', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(httpRequest, { minLength: 1, maxLength: 3 }),
        cuts,
        async (all, parts) => {
          assert.equal(
            readRequests(Buffer.from(all.join(''), 'latin1')).messages.length,
            all.length,
          );
          compared += await checkRequests(all.join(''), parts);
        },
      ),
      { numRuns: 400 },
    );
    assert.ok(compared > 400, `${compared} were compared`);
  });

  test('property: whatever mutated requests are accepted here, node:http accepts with the same framing', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(httpRequest, { minLength: 1, maxLength: 2 }),
        mutations,
        cuts,
        async (all, changes, parts) => {
          compared += await checkRequests(mutate(all.join(''), changes), parts);
        },
      ),
      { numRuns: 2000 },
    );
    assert.ok(compared > 100, `${compared} were compared`);
  });

  test('property: responses that are well formed are the same to node:http', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        httpResponse,
        cuts,
        fc.constantFrom('GET', 'HEAD', 'POST'),
        async (text, parts, verb) => {
          compared += await checkResponse(text, parts, verb);
        },
      ),
      { numRuns: 400 },
    );
    assert.ok(compared > 300, `${compared} were compared`);
  });

  test('property: whatever mutated responses are accepted here, node:http accepts with the same framing', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(httpResponse, mutations, cuts, async (text, changes, parts) => {
        compared += await checkResponse(mutate(text, changes), parts, 'GET');
      }),
      { numRuns: 1500 },
    );
    assert.ok(compared > 100, `${compared} were compared`);
  });
});
