import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  copyFile,
  mkdir,
  open,
  readFile,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { prefixRange } from '../key.ts';
import type { Store } from '../store.ts';
import { committed, deleteKey, putText } from '../testing/texts.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { openEnvironment } from './environment.ts';
import { formatVersion } from './layout.ts';
import { openLmdbStore } from './open-lmdb-store.ts';

const run = promisify(execFile);
const owner = join(import.meta.dirname, '..', 'testing', 'store-owner.ts');

async function makeStore(path: string, work?: (store: Store) => Promise<unknown>): Promise<void> {
  await using store = await openLmdbStore({ path });
  await committed(store, putText('a', '1'));
  await work?.(store);
}

test('openLmdbStore() makes a folder and files that only their owner can read', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'some', 'where');
  await makeStore(path);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  assert.equal((await stat(join(path, 'data.mdb'))).mode & 0o777, 0o600);
});

test('openLmdbStore() refuses a store that this process has open', async () => {
  await using folder = await temporaryFolder();
  {
    await using store = await openLmdbStore({ path: folder.path });
    await assert.rejects(
      openLmdbStore({ path: join(folder.path, '.') }),
      /Cannot open store ".*": it is open in this process; close it there first/u,
    );
    await committed(store, putText('a', '1'));
  }
  await makeStore(folder.path);
});

test('openLmdbStore() refuses a store that another process has open, until that is dead', async () => {
  await using folder = await temporaryFolder();
  const child = spawn(process.execPath, [owner, 'hold', folder.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    await assert.rejects(openLmdbStore({ path: folder.path }), {
      message: `Cannot open store "${folder.path}": it is open in process ${child.pid}; stop that process first`,
    });
    await assert.rejects(openLmdbStore({ path: folder.path }), /it is open in process/u);
  } finally {
    child.kill('SIGKILL');
    await exit;
  }
  await makeStore(folder.path);
});

test('openLmdbStore() keeps its claim while it works', async () => {
  await using folder = await temporaryFolder();
  await using store = await openLmdbStore({ path: folder.path });
  for (let round = 0; round < 20; round += 1) {
    await committed(store, putText('a', `${round}`));
    await store.range(prefixRange(''));
  }
  await store.compact(10);
  const { stdout } = await run(process.execPath, [owner, 'open', folder.path]);
  assert.match(stdout, new RegExp(`it is open in process ${process.pid};`, 'u'));
});

test('openLmdbStore() refuses a store that a newer nought wrote', async () => {
  await using folder = await temporaryFolder();
  await makeStore(folder.path);
  const env = await openEnvironment(folder.path);
  await env.apply([env.formatChange(formatVersion + 1)]);
  await env.close();
  await assert.rejects(
    openLmdbStore({ path: folder.path }),
    /a newer nought wrote it, in format 2, and this one knows formats up to 1; start that newer/u,
  );
});

test('openLmdbStore() refuses a path that is, or leads through, a file', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  await assert.rejects(openLmdbStore({ path: file }), /it is not a folder; name another folder/u);
  await assert.rejects(
    openLmdbStore({ path: join(file, 'store') }),
    /a part of its path is not a folder; name another folder/u,
  );
  await mkdir(join(folder.path, 'data.mdb'));
  await assert.rejects(openLmdbStore({ path: folder.path }), /data\.mdb": it is not a file/u);
});

test('openLmdbStore() refuses a folder or file without the right to write', async () => {
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o755);
  const path = join(folder.path, 'store');
  await makeStore(path);
  await chmod(path, 0o555);
  const expected = /": permission denied; give this user the right to read and write it/u;
  const nobody = '65534';
  const folderRefused = await run(process.execPath, [owner, 'open', path, nobody]);
  assert.match(folderRefused.stdout, expected);
  await chmod(path, 0o777);
  await chmod(join(path, 'data.mdb'), 0o400);
  const fileRefused = await run(process.execPath, [owner, 'open', path, nobody]);
  assert.match(fileRefused.stdout, expected);
  await chmod(path, 0o700);
});

test('openLmdbStore() refuses a data file that is something else', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'data.mdb'), 'Dear diary, '.repeat(2000));
  await assert.rejects(openLmdbStore({ path: folder.path }), {
    message: `Cannot open store "${folder.path}": its data file is damaged (it is not an LMDB file); restore "data.mdb" from a copy, or move the folder away to start empty`,
  });
});

test('openLmdbStore() takes an empty data file for a new store', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'data.mdb'), '');
  await makeStore(folder.path);
});

test('openLmdbStore() refuses a data file that was cut, wherever that hurts', async () => {
  await using folder = await temporaryFolder();
  const whole = join(folder.path, 'whole');
  await makeStore(whole, async (store) => {
    for (let index = 0; index < 40; index += 1) {
      await committed(store, putText(`k${index}`, 'x'.repeat(index * 100)));
    }
    for (let index = 20; index < 40; index += 1) await committed(store, deleteKey(`k${index}`));
    await store.compact(store.revision());
  });
  const { size } = await stat(join(whole, 'data.mdb'));
  const outcomes = new Set<string>();
  for (let length = 4096; length < size; length += 4096) {
    const path = join(folder.path, `${length}`);
    await mkdir(path);
    await copyFile(join(whole, 'data.mdb'), join(path, 'data.mdb'));
    await truncate(join(path, 'data.mdb'), length);
    outcomes.add(await readAndWrite(path));
  }
  assert.deepEqual(outcomes, new Set(['refused', 'whole']));
});

/** Whether a store that may be cut is refused, or all there. */
async function readAndWrite(path: string): Promise<string> {
  try {
    await using store = await openLmdbStore({ path });
    const { count } = await store.range(prefixRange(''));
    await committed(store, putText('new', 'x'.repeat(20_000)));
    return count === 21 ? 'whole' : `${count} keys`;
  } catch (error) {
    assert.match(String(error), /its data file is damaged \(it was cut/u);
    return 'refused';
  }
}

test('openLmdbStore() refuses a data file whose pages were overwritten', async () => {
  await using folder = await temporaryFolder();
  await makeStore(folder.path);
  const file = await open(join(folder.path, 'data.mdb'), 'r+');
  const { size } = await file.stat();
  await file.write(Buffer.alloc(size - 8192), 0, size - 8192, 8192);
  await file.close();
  await assert.rejects(openLmdbStore({ path: folder.path }), /its data file is damaged \(MDB_/u);
});

test('commit() fails with a reason when the disk is full, and loses nothing', async () => {
  await using folder = await temporaryFolder();
  const command = 'ulimit -f 2000; exec "$0" "$@"';
  const { stdout } = await run('sh', ['-c', command, process.execPath, owner, 'fill', folder.path]);
  const [first = '', second = '', last = ''] = stdout.split('\n');
  const expected = new RegExp(`^Cannot write to store "${folder.path}": .*; is the disk full`, 'u');
  assert.match(first, expected);
  assert.match(second, expected);
  const [revision, count] = last.split(' ').map(Number);
  assert.ok(revision !== undefined && revision > 10 && count === revision, last);
  await using store = await openLmdbStore({ path: folder.path });
  assert.equal(store.revision(), revision);
  assert.equal((await store.range(prefixRange('k'))).count, revision);
  assert.equal(await committed(store, putText('a', '1')), revision + 1);
});

test('commit() resolves only after fdatasync and the synchronous write of the meta page', async (t) => {
  await using folder = await temporaryFolder();
  const trace = join(folder.path, 'trace');
  const options = ['-f', '-e', 'trace=openat,pwrite64,fdatasync,write', '-o', trace];
  const path = join(folder.path, 'store');
  try {
    await run('strace', [...options, process.execPath, owner, 'acknowledge', path]);
  } catch (error) {
    t.skip(`strace cannot be run here: ${String(error)}`);
    return;
  }
  const calls = await readFile(trace, 'utf8');
  const meta = /data\.mdb", O_WRONLY\|O_DSYNC\|O_CLOEXEC\) = (\d+)/u.exec(calls)?.[1];
  const last = calls.slice(calls.indexOf('"commit'), calls.indexOf('"acknowledged'));
  assert.match(last, new RegExp(`fdatasync\\(\\d+\\)\\s+= 0[^]*pwrite64\\(${meta},.*= 128`, 'u'));
});
