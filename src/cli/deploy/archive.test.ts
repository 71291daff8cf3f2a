import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { archiveFolder } from './archive.ts';

const { signal } = new AbortController();
const longName = `${'a-folder/'.repeat(30)}end.txt`;
// Its record's length crosses from two to three digits when its own digits are counted.
const edgeName = `${'é'.repeat(43)}x.js`;

async function openFolder(files: Readonly<Record<string, string>>) {
  const path = await mkdtemp(join(tmpdir(), 'nought-archive-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

const reader = `
import json, sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|gz") as archive:
    print(json.dumps([[m.name, m.mode & 0o777, archive.extractfile(m).read().decode() if m.isreg() else m.linkname] for m in archive]))
`;

function read(archive: Buffer): unknown {
  return JSON.parse(execFileSync('python3', ['-c', reader], { input: archive, encoding: 'utf8' }));
}

test('archiveFolder() writes what tarfile reads, sorted, with long names and links', async () => {
  await using folder = await openFolder({
    'b.js': 'b'.repeat(512),
    'a/run': '#!/bin/sh',
    [longName]: 'deep',
    [edgeName]: '',
  });
  await chmod(join(folder.path, 'a/run'), 0o700);
  await symlink('../b.js', join(folder.path, 'a/link'));
  assert.deepEqual(read(await archiveFolder(folder.path, signal)), [
    [longName, 0o644, 'deep'],
    ['a/link', 0o777, '../b.js'],
    ['a/run', 0o755, '#!/bin/sh'],
    ['b.js', 0o644, 'b'.repeat(512)],
    [edgeName, 0o644, ''],
  ]);
});

test('archiveFolder() gives pax records of every length their own length', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `${'é'.repeat(20)}${'x'.repeat(index)}`);
  await using folder = await openFolder(Object.fromEntries(names.map((name) => [name, ''])));
  const got = read(await archiveFolder(folder.path, signal)) as readonly [string][];
  assert.deepEqual(
    got.map(([name]) => name),
    names.toSorted(),
  );
});

test('archiveFolder() gives the same bytes for the same files', async () => {
  await using one = await openFolder({ 'a.js': '1', 'b/c.js': '2' });
  await using other = await openFolder({ 'b/c.js': '2', 'a.js': '1' });
  await utimes(join(other.path, 'a.js'), 1, 1);
  const [first, second] = await Promise.all([
    archiveFolder(one.path, signal),
    archiveFolder(other.path, signal),
  ]);
  assert.ok(first.equals(second));
});

test('archiveFolder() refuses a link that leads out of the folder', async () => {
  await using folder = await openFolder({ 'a/b.js': '' });
  await symlink('../../etc', join(folder.path, 'a/out'));
  await assert.rejects(archiveFolder(folder.path, signal), {
    name: 'CommandError',
    message:
      'Cannot deploy the link "a/out": it points to "../../etc", which is outside of the folder',
  });
});
