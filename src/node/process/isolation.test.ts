import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { silentLog } from '../../lib/log.ts';
import type { ContainerSpec, Runtime, Sandbox } from '../runtime.ts';
import { allOfIt, shell, textOf } from '../runtime.contract.ts';
import { openProcessRuntime } from './runtime.ts';

const never = new AbortController().signal;
const mebibyte = 2 ** 20;
/** A server that allocates until it is stopped from outside. */
const greedy = `
const all = [];
require('node:fs').writeSync(Number(process.env.NOUGHT_NOTIFY_FD), 'READY=1\\n');
setInterval(() => { for (let i = 0; i < 20; i++) all.push(new Array(1e5).fill(Math.random())); }, 1);
`;

describe('process runtime, isolation', () => {
  let folder: string;
  let runtime: Runtime;
  let box: Sandbox | undefined;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nought-isolation-'));
    runtime = await openProcessRuntime({
      folder,
      images: { greedy: { argv: [process.execPath, '-e', greedy], engine: 'node' } },
      log: silentLog,
    });
    await runtime.recover();
  });
  afterEach(async () => box?.remove());
  after(async () => {
    await runtime[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function run(spec: ContainerSpec): Promise<{ code: number; reason: string; text: string }> {
    const pod = { uid: randomUUID(), namespace: 'default', name: 'pod' };
    box = await runtime.openSandbox({ pod, ports: [], images: [spec.image] });
    const exit = await (await box.start(spec, never)).exited;
    const text = await textOf(box.logs('main', allOfIt, never));
    return { code: exit.exitCode, reason: exit.reason, text };
  }
  const limited = (what: string): boolean =>
    !runtime.limitations.some((each) => each.includes(what));

  it('a container cannot gain rights, and leaves no core files', async () => {
    const { text } = await run(shell('grep NoNewPrivs /proc/self/status; ulimit -c'));
    assert.match(text, limited('setpriv') ? /NoNewPrivs:\t1\n0\n/ : /0\n$/);
  });

  it('what a manifest says of PATH and loaders leads the command, nothing before it', async () => {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    for (const name of ['setpriv', 'env', 'sh']) {
      await writeFile(join(bin, name), `#!/bin/sh\ntouch ${bin}/led\nexit 1\n`, { mode: 0o755 });
    }
    const env = new Map([
      ['PATH', `${bin}:${process.env['PATH'] ?? ''}`],
      ['LD_LIBRARY_PATH', '/nowhere'],
      ['BASH_ENV', `${bin}/setpriv`],
      // A name that only bash hands on.
      ['my.key', 'kept'],
    ]);
    const said =
      'echo "$LD_LIBRARY_PATH $BASH_ENV ${PATH%%:*}"; tr "\\0" "\\n" </proc/$$/environ | grep my.key';
    const { text } = await run(shell(said, { env }));
    assert.equal(text, `/nowhere ${bin}/setpriv ${bin}\nmy.key=kept\n`);
    assert.ok(!existsSync(join(bin, 'led')));
  });

  it('as root each pod has a user of its own that reads nothing of other pods', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root');
    const first = await run(shell('id -u; id -g; touch "$HOME/mine" && stat -c %u "$HOME/mine"'));
    const [uid, ...rest] = first.text.trim().split('\n');
    assert.ok(Number(uid) >= 600_000_000);
    assert.deepEqual(rest, [uid, uid]);
    await box?.remove();
    const second = await run(shell(`id -u; cat ${folder}/pods/* 2>&1 | head -1; ls ${folder}`));
    assert.notEqual(second.text.split('\n')[0], uid);
    assert.match(second.text, /Permission denied|cannot open/);
    return undefined;
  });

  it('a process over its memory limit is killed and says OOMKilled', async (t) => {
    if (process.platform !== 'linux') return t.skip('needs cgroups or /proc');
    const grow = `python3 -c 'b=[]
while len(b) < 400: b.append(bytearray(1 << 20))
import time; time.sleep(60)'`;
    const { code, reason } = await run(shell(`sleep 0.1; ${grow}`, { memoryBytes: 64 * mebibyte }));
    assert.deepEqual({ code, reason }, { code: 137, reason: 'OOMKilled' });
    return undefined;
  });

  it('a Node function over its heap says OOMKilled', async () => {
    const { reason, code } = await run(
      shell('', {
        image: 'greedy:1',
        command: [],
        env: new Map([['PORT', '8080']]),
        memoryBytes: 128 * mebibyte,
      }),
    );
    assert.deepEqual(
      { reason, known: [134, 137].includes(code) },
      { reason: 'OOMKilled', known: true },
    );
  });
});
