import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { randomIds } from '../lib/ids.ts';
import { loadCredentials } from './credentials.ts';
import { homeRoot, prepareHome, writeAtomically } from './home.ts';
import { lockHome } from './home-lock.ts';
import { gatewayCertificate, issuePki, loadPki } from './pki.ts';

function temporary(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'nought-home-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('homeRoot() prefers the flag, then $NOUGHT_HOME', () => {
  assert.equal(homeRoot('/a', { NOUGHT_HOME: '/b' }), '/a');
  assert.equal(homeRoot(undefined, { NOUGHT_HOME: '/b' }), '/b');
  assert.match(homeRoot(undefined, {}), /\.nought$/);
});

test('prepareHome() makes a home that others can pass through and not read', () => {
  using folder = temporary();
  const home = prepareHome(join(folder.path, 'deep', 'home'));
  assert.equal(statSync(home.root).mode & 0o777, 0o711);
  assert.equal(statSync(home.store).mode & 0o777, 0o700);
  assert.equal(readFileSync(join(home.root, 'version'), 'utf8'), '1\n');
  prepareHome(home.root);
});

test('prepareHome() refuses the home of a newer nought, a damaged version and a file in the way', () => {
  using folder = temporary();
  writeFileSync(join(folder.path, 'version'), '2\n');
  assert.throws(
    () => prepareHome(folder.path),
    /the home has layout 2, this nought knows 1; install a newer nought/,
  );
  writeFileSync(join(folder.path, 'version'), 'gibberish');
  assert.throws(() => prepareHome(folder.path), /it holds "gibberish", expected a version number/);
  const file = join(folder.path, 'file');
  writeFileSync(file, '');
  assert.throws(() => prepareHome(file), /Cannot use home ".*file": a file is in the way/);
});

test('prepareHome() names a home that this user may not write', () => {
  using folder = temporary();
  const root = join(folder.path, 'closed');
  mkdirSync(root, { mode: 0o500 });
  const asRoot = process.getuid?.() === 0;
  // What root may do says nothing: the check is made as a user without rights.
  if (asRoot) process.seteuid?.(65_534);
  try {
    assert.throws(
      () => prepareHome(root),
      /Cannot use home ".*closed": EACCES; make the folder readable and writable/,
    );
  } finally {
    if (asRoot) process.seteuid?.(0);
  }
});

test('lockHome() lets one process in, and names the one that is', async () => {
  using folder = temporary();
  {
    await using first = await lockHome(folder.path);
    void first;
    await assert.rejects(
      lockHome(folder.path),
      new RegExp(`already running on it \\(process ${process.pid}\\)`),
    );
  }
  await using second = await lockHome(folder.path);
  void second;
});

test('loadCredentials() makes tokens once, readable by their owner alone', () => {
  using folder = temporary();
  const path = join(folder.path, 'credentials.json');
  const made = loadCredentials(path, randomIds);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(loadCredentials(path, randomIds), made);
  assert.equal(new Set(Object.values(made).map(({ token }) => token)).size, 4);
});

test('loadCredentials() names the file that it cannot use', () => {
  using folder = temporary();
  const path = join(folder.path, 'credentials.json');
  writeFileSync(path, '{"admin":"short"}');
  assert.throws(() => loadCredentials(path, randomIds), /"admin" holds no token; delete the file/);
});

test('issuePki() makes certificates that loadPki() takes, the key readable by its owner alone', async () => {
  using folder = temporary();
  assert.equal(loadPki(folder.path), undefined);
  await issuePki(folder.path);
  const pki = loadPki(folder.path);
  assert.match(pki?.cert ?? '', /^-----BEGIN CERTIFICATE-----/);
  for (const key of ['server.key', 'gateway.key']) {
    assert.equal(statSync(join(folder.path, key)).mode & 0o777, 0o600);
  }
  const gateway = new X509Certificate(readFileSync(gatewayCertificate(folder.path).certFile));
  assert.ok(gateway.verify(new X509Certificate(pki?.ca ?? '').publicKey));
  for (const name of ['localhost', 'echo.default.localhost']) {
    assert.ok(gateway.checkHost(name), name);
  }
  assert.ok(gateway.checkIP('127.0.0.1'));
  writeFileSync(join(folder.path, 'server.crt'), 'damaged');
  assert.throws(() => loadPki(folder.path), /Cannot use the certificates beside .*delete them/);
});

test('writeAtomically() leaves the old file when it cannot write the new one', () => {
  using folder = temporary();
  const path = join(folder.path, 'a');
  writeAtomically(path, 'old', 0o600);
  assert.throws(() => writeAtomically(join(path, 'below'), 'new', 0o600));
  assert.equal(readFileSync(path, 'utf8'), 'old');
});
