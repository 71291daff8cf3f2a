import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from './testing/platform.ts';

const launcher = fileURLToPath(new URL('../bin/nought', import.meta.url));

test('nought start shows the endpoints, a call and its answer, and what to try next, and runs on', async () => {
  const home = mkdtempSync(join(tmpdir(), 'nought-start-'));
  const flags = ['start', '--home', home, '--port', '0', '--gateway-port', '0'];
  const child = spawn(launcher, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await eventually('the demonstration is through', () => assert.match(output, /Now try/), 60_000);
    assert.match(output, /^API server +https:\/\/127\.0\.0\.1:\d+$/m);
    assert.match(output, /^function\.nought\.dev\/diff created$/m);
    assert.match(output, /^\{"x":-1,"y":1\}$/m);
    assert.match(output, /curl .*\/default\/diff/);
    assert.match(output, /kubectl execute/);
    assert.equal(child.exitCode, null);
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
    assert.ok(!existsSync(join(home, 'endpoints.json')));
  } finally {
    child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  }
});
