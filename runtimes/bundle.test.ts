import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bundleFunctionServer } from '../scripts/bundle-function-server.ts';
import { startServer, type StartOptions } from './testing/function-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'nought-bundle-'));
const program = join(folder, 'server.cjs');
bundleFunctionServer(program);
after(() => rmSync(folder, { recursive: true }));

const cases: Readonly<Record<string, readonly [Partial<StartOptions>, string]>> = {
  json: [{}, 'export default ({ n }) => n + 1;'],
  fetch: [{ signature: 'fetch' }, 'export default { fetch: async () => new Response("2") };'],
  http: [
    { signature: 'http' },
    'import { createServer } from "node:http";\ncreateServer((q, s) => s.end("2")).listen(process.env.PORT);',
  ],
};

for (const [name, [options, text]] of Object.entries(cases)) {
  test(`bundleFunctionServer() makes one file that serves signature ${name}`, async () => {
    const files = { 'index.js': text };
    await using server = await startServer({
      language: 'node',
      files,
      handler: 'index.js',
      program,
      ...options,
    });
    assert.equal(await server.ready, true, server.stderr);
    assert.equal(await (await server.call({ n: 1 })).text(), '2');
  });
}

test('bundleFunctionServer() makes one file that is a warm pod too', async () => {
  const secret = 's';
  const options = { language: 'node', files: {}, handler: 'index.js', secret, program } as const;
  await using pod = await startServer(options);
  assert.equal(await pod.ready, true);
  const claim = await fetch(new URL('/.well-known/nought/specialize', pod.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: `${JSON.stringify({
      env: {},
      handler: 'index.js',
      signature: 'json',
      files: [{ path: 'index.js', text: 'export default ({ n }) => n + 1;' }],
    })}\n`,
  });
  assert.equal(claim.status, 204);
  assert.equal(await (await pod.call({ n: 1 })).text(), '2');
  assert.equal(pod.stderr, '');
});
