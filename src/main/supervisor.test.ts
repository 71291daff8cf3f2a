import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { type Identity, lives } from '../lib/process-identity.ts';
import { reclaim, Supervisor } from './supervisor.ts';

/** A child that says it is ready with its pid, and ends when told to. */
const obedient = `
process.on('message', (message) => {
  if (message.kind === 'config') process.send({ kind: 'ready', info: { url: String(process.pid) + ' ' + message.config } });
  if (message.kind === 'stop') process.exit(0);
});
process.on('disconnect', () => process.exit(0));
`;
const deaf = `${obedient}\nprocess.removeAllListeners('message');\nprocess.on('message', (m) => { if (m.kind === 'config') process.send({ kind: 'ready', info: {} }); });`;
const failing = `process.on('message', () => { process.send({ kind: 'failed', message: 'no luck' }); process.exitCode = 1; process.disconnect(); });`;
const dying = `process.exit(7);`;

class Bench implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'nought-supervisor-'));
  readonly notices: string[] = [];
  readonly supervisor = new Supervisor({
    clock: systemClock,
    run: this.folder,
    logs: this.folder,
    env: { PATH: process.env['PATH'] ?? '' },
    notice: (line) => {
      this.notices.push(line);
      this.#noticed?.();
    },
  });
  #noticed: (() => void) | undefined;

  start(name: string, script: string, graceMs = 5000): ReturnType<Supervisor['start']> {
    const entry = join(this.folder, `${name}.cjs`);
    writeFileSync(entry, script);
    return this.supervisor.start({ name, entry, execArgv: [], graceMs });
  }

  identity(name: string): Identity {
    return JSON.parse(readFileSync(join(this.folder, `${name}.json`), 'utf8')) as Identity;
  }

  noticed(): Promise<void> {
    return new Promise((resolve) => {
      this.#noticed = resolve;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.stop();
    rmSync(this.folder, { recursive: true });
  }
}

test('Supervisor gives a process its configuration and stops it', async () => {
  await using bench = new Bench();
  const child = bench.start('a', obedient);
  const { url } = await child.configure('hello');
  const identity = bench.identity('a');
  assert.equal(url, `${identity.pid} hello`);
  assert.ok(await lives(identity));
  await bench.supervisor.stop();
  assert.ok(!(await lives(identity)));
  assert.ok(!existsSync(join(bench.folder, 'a.json')));
  assert.deepEqual(bench.notices, []);
});

test('Supervisor starts a process again that was killed, and says so', async () => {
  await using bench = new Bench();
  await bench.start('a', obedient).configure('hello');
  const first = bench.identity('a');
  const noticed = bench.noticed();
  process.kill(first.pid, 'SIGKILL');
  await noticed;
  assert.match(bench.notices[0] ?? '', /a ended \(SIGKILL\); starting it again/);
  while (!existsSync(join(bench.folder, 'a.json'))) await new Promise(setImmediate);
  assert.notEqual(bench.identity('a').pid, first.pid);
});

test('Supervisor kills a process that does not end within its grace', async () => {
  await using bench = new Bench();
  await bench.start('a', deaf, 50).configure('hello');
  const identity = bench.identity('a');
  await bench.supervisor.stop();
  assert.ok(!(await lives(identity)));
});

test("Supervisor passes on a process's reason for not starting, and its end without one", async () => {
  await using bench = new Bench();
  await assert.rejects(bench.start('a', failing).configure('x'), /^Error: no luck$/);
  await assert.rejects(
    bench.start('b', dying).configure('x'),
    /Cannot start b: it ended with exit code 7; see .*b\.log/,
  );
});

test('reclaim() ends what a crashed supervisor left, and no process that has only taken its id', async () => {
  await using bench = new Bench();
  await bench.start('a', obedient).configure('hello');
  const left = bench.identity('a');
  const other = join(bench.folder, 'other.json');
  writeFileSync(other, JSON.stringify({ pid: process.pid, born: 'another life' }));
  bench.supervisor.keepDown();
  assert.deepEqual(await reclaim(bench.folder, systemClock), ['a']);
  assert.ok(!(await lives(left)));
  assert.ok(!existsSync(other));
});
