import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type FunctionServer, type Language, startServer } from './testing/function-server.ts';

interface Sample {
  readonly file: string;
  /** Tells what came: the input, the event, and whether the input is bytes. */
  readonly tell: string;
  /** Returns the event that it is sent as JSON, with bytes as data when that is a list of numbers. */
  readonly send: string;
}

const samples: Record<Language, Sample> = {
  node: {
    file: 'index.js',
    tell: `const plain = (value) => (value instanceof Uint8Array ? [...value] : (value ?? null));
export default (input, { event }) => ({ input: plain(input), event: event && { ...event, data: plain(event.data) }, bytes: input instanceof Uint8Array });`,
    send: `export default (given) => (Array.isArray(given.data) && typeof given.data[0] === 'number' ? { ...given, data: Uint8Array.from(given.data) } : given);`,
  },
  python: {
    file: 'main.py',
    tell: `
def plain(value): return list(value) if isinstance(value, bytes) else value
def handler(given, ctx):
    event = ctx.event and dict(ctx.event, data=plain(ctx.event.get("data")))
    return {"input": plain(given), "event": event, "bytes": isinstance(given, bytes)}`,
    send: `
def handler(given):
    data = given.get("data")
    if isinstance(data, list) and isinstance(data[0], int): given["data"] = bytes(data)
    return given`,
  },
};

const attributes = { specversion: '1.0', id: '1', source: '/a', type: 't' };
const binary = {
  'ce-specversion': '1.0',
  'ce-id': '1',
  'ce-source': '/a',
  'ce-type': 't',
} as const;
const structuredType = 'application/cloudevents+json';

for (const language of ['node', 'python'] as const) {
  const { file, tell, send } = samples[language];
  const start = (text: string): Promise<FunctionServer> =>
    startServer({ language, files: { [file]: text }, handler: file });

  describe(`CloudEvents of the ${language} function server`, { concurrency: 2 }, () => {
    test('come in binary mode, with their attributes unescaped', async () => {
      await using server = await start(tell);
      const answer = await post(server, '{"n":1}', {
        ...binary,
        'content-type': 'application/json; charset=utf-8',
        'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80 100%25',
        'ce-older': String.raw`"with \"quotes\" and %22"`,
        'ce-odd': '100% %zz %ff',
        'ce-comexampleextension1': 'value',
        'ce-datacontenttype': 'text/plain',
        'ce-Not-An-Attribute': 'x',
      });
      assert.deepEqual(await answer.json(), {
        input: { n: 1 },
        event: {
          ...attributes,
          subject: 'Euro € 😀 100%',
          older: 'with "quotes" and "',
          odd: '100% %zz \uFFFD',
          comexampleextension1: 'value',
          datacontenttype: 'application/json; charset=utf-8',
          data: { n: 1 },
        },
        bytes: false,
      });
    });

    test('give their data as its content type says', async () => {
      await using server = await start(tell);
      const told = async (body: string | undefined, type?: string): Promise<unknown> => {
        const headers = { ...binary, ...(type === undefined ? {} : { 'content-type': type }) };
        const answer = await post(server, body, headers);
        const { input, bytes } = (await answer.json()) as { input: unknown; bytes: boolean };
        return bytes ? { bytes: input } : input;
      };
      assert.equal(await told('plain', 'text/plain'), 'plain');
      assert.equal(await told('<a/>', 'text/xml'), '<a/>');
      assert.deepEqual(await told('ab', 'application/octet-stream'), { bytes: [97, 98] });
      assert.deepEqual(await told('[1]', 'application/vnd.a+json'), [1]);
      assert.equal(await told(undefined), null);
    });

    test('come in structured mode', async () => {
      await using server = await start(tell);
      const structured = async (event: unknown): Promise<unknown> =>
        (
          await post(server, JSON.stringify(event), {
            'content-type': `${structuredType}; charset=UTF-8`,
          })
        ).json();
      const given = { ...attributes, flag: true, count: 3, data: { a: 'é' } };
      assert.deepEqual(await structured(given), { input: { a: 'é' }, event: given, bytes: false });
      assert.deepEqual(await structured({ ...attributes, subject: null, data_base64: 'AP8=' }), {
        input: [0, 255],
        event: { ...attributes, data: [0, 255] },
        bytes: true,
      });
    });

    test('are refused with words when they are malformed', async () => {
      await using server = await start(tell);
      const structured = { 'content-type': structuredType };
      const cases: [number, RegExp, string, Record<string, string>][] = [
        [400, /ce-specversion is "0\.3"/, '{}', { ...binary, 'ce-specversion': '0.3' }],
        [400, /ce-id is missing/, '{}', { ...binary, 'ce-id': '' }],
        [400, /ce-type is missing/, '{}', without('ce-type')],
        [400, /no valid JSON/, '{', { ...binary, 'content-type': 'application/json' }],
        [400, /no JSON object/, '[]', structured],
        [400, /no valid JSON/, '{', structured],
        [400, /specversion is null|specversion is undefined/, '{}', structured],
        [400, /source is missing/, JSON.stringify({ ...attributes, source: 7 }), structured],
        [400, /both data/, JSON.stringify({ ...attributes, data: 1, data_base64: '' }), structured],
        [400, /no base64/, JSON.stringify({ ...attributes, data_base64: 'a!' }), structured],
        [415, /one by one/, '[]', { 'content-type': 'application/cloudevents-batch+json' }],
        [415, /one by one/, '<a/>', { 'content-type': 'application/cloudevents+xml' }],
      ];
      for (const [status, words, body, headers] of cases) {
        const answer = await post(server, body, headers);
        const text = await answer.text();
        assert.equal(answer.status, status, text);
        assert.equal(answer.headers.get('content-type'), 'application/problem+json');
        assert.match((JSON.parse(text) as { detail: string }).detail, words);
      }
    });

    test('that a handler returns are sent in binary mode', async () => {
      await using server = await start(send);
      const answer = await call(server, {
        ...attributes,
        subject: 'Euro € "100%"',
        count: 3,
        flag: true,
        time: null,
        data: { a: 1 },
      });
      assert.equal(answer.status, 200);
      const { headers } = answer;
      assert.equal(headers.get('ce-specversion'), '1.0');
      assert.equal(headers.get('ce-source'), '/a');
      assert.equal(headers.get('ce-subject'), 'Euro%20%E2%82%AC%20%22100%25%22');
      assert.deepEqual([headers.get('ce-count'), headers.get('ce-flag')], ['3', 'true']);
      assert.deepEqual([headers.get('ce-time'), headers.get('ce-data')], [null, null]);
      assert.equal(headers.get('content-type'), 'application/json');
      assert.deepEqual(await answer.json(), { a: 1 });
    });

    test('that a handler returns keep the kind of their data', async () => {
      await using server = await start(send);
      const sent = async (more: object): Promise<unknown> => {
        const answer = await call(server, { ...attributes, ...more });
        return [answer.headers.get('content-type'), await answer.text()];
      };
      assert.deepEqual(await sent({ data: [97, 98] }), ['application/octet-stream', 'ab']);
      assert.deepEqual(await sent({ data_base64: 'YWI=' }), ['application/octet-stream', 'ab']);
      const xml = { datacontenttype: 'text/xml', data: '<a/>' };
      assert.deepEqual(await sent(xml), ['text/xml', '<a/>']);
      assert.deepEqual(await sent({ data: 'text' }), ['application/json', '"text"']);
      assert.deepEqual(await sent({}), [null, '']);
    });

    test('that a handler returns are structured for who takes nothing else', async () => {
      await using server = await start(send);
      const only = { accept: `${structuredType}; charset=utf-8` };
      const answer = await call(server, { ...attributes, subject: '€', data: [0, 255] }, only);
      assert.equal(answer.headers.get('content-type'), `${structuredType}; charset=utf-8`);
      assert.deepEqual(await answer.json(), { ...attributes, subject: '€', data_base64: 'AP8=' });
      const any = await call(server, attributes, { accept: `${structuredType}, */*` });
      assert.equal(any.headers.get('ce-id'), '1');
    });

    test('are no events without all that is required, or with odd names', async () => {
      await using server = await start(send);
      const plain = { ...attributes, specversion: '2.0' };
      assert.deepEqual(await (await call(server, plain)).json(), plain);
      const odd = await call(server, { ...attributes, partitionKey: 'x' });
      assert.equal(odd.status, 500);
      assert.match(await odd.text(), /partitionKey/);
    });

    test('come back as they were sent, whatever they hold', async () => {
      await using sender = await start(send);
      await using teller = await start(tell);
      const unit = fc.constantFrom(...Array.from('aZ09 "%\\~!\t\n\0\u007F\u0080éÿ€\uFFFF😀'));
      const text = fc.string({ unit, minLength: 1, maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(text, fc.jsonValue(), async (subject, data) => {
          // A list of numbers stands for bytes here.
          fc.pre(!Array.isArray(data) && data !== null);
          const event = { ...attributes, subject, data };
          const sent = await call(sender, event);
          const headers = Object.fromEntries(
            [...sent.headers].filter(([name]) => /^(ce-|content-type$)/.test(name)),
          );
          const told = await post(teller, await sent.text(), headers);
          const came = (await told.json()) as { event: object };
          assert.deepEqual(
            { ...came.event, datacontenttype: undefined },
            { ...JSON.parse(JSON.stringify(event)), datacontenttype: undefined },
          );
        }),
        { numRuns: 50 },
      );
    });
  });
}

function without(name: keyof typeof binary): Record<string, string> {
  return Object.fromEntries(Object.entries(binary).filter(([each]) => each !== name));
}

function post(
  server: FunctionServer,
  body: string | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  return fetch(server.url, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  });
}

function call(
  server: FunctionServer,
  event: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return post(server, JSON.stringify(event), { 'content-type': 'application/json', ...headers });
}
