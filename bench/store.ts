/**
 * Measures the stores: durable commits at several numbers of writers, lone commits, reads, watches,
 * compaction and memory. `node bench/store.ts [seconds per figure]`
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openLmdbStore, openMemoryStore, prefixRange, type Store } from '../src/store/index.ts';

const run = promisify(execFile);
const secondsPerFigure = Number(process.argv[2] ?? 2);
const objectBytes = 1024;
const keys = 5000;

const rows: [string, string][] = [];
const value = Buffer.alloc(objectBytes, 'x');

function keyOf(index: number): string {
  return `/registry/pods/default/pod-${String(index % keys).padStart(6, '0')}`;
}

/** Commits from that many writers for some time; gives latencies and CPU per commit. */
async function commits(store: Store, writers: number): Promise<string> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + secondsPerFigure * 1000;
  const write = async (writer: number): Promise<void> => {
    for (let index = writer; performance.now() < end; index += writers) {
      const before = performance.now();
      await store.commit({ compare: [], writes: [{ kind: 'put', key: keyOf(index), value }] });
      latencies.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (fraction: number): string =>
    (latencies[Math.floor(latencies.length * fraction)] ?? 0).toFixed(2);
  const perCommit = ((user + system) / latencies.length).toFixed(1);
  const rate = Math.round(latencies.length / seconds);
  return `${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, CPU ${perCommit} µs`;
}

async function timed(work: () => Promise<unknown>): Promise<string> {
  const start = performance.now();
  await work();
  return `${(performance.now() - start).toFixed(1)} ms`;
}

/** Megabytes that are this process's own; what it maps of files is the system's to take back. */
function memory(): { readonly own: number } {
  const smaps = readFileSync('/proc/self/smaps_rollup', 'utf8');
  return { own: Number(/^Pss_Anon:\s+(\d+)/mu.exec(smaps)?.[1]) / 1024 };
}

async function watched(store: Store): Promise<string> {
  const { signal } = new AbortController();
  const after = store.revision();
  let seen = 0;
  const watchers = Array.from({ length: 10 }, async () => {
    for await (const { revision } of store.watch({ prefix: '/registry/pods/', after, signal })) {
      seen += 1;
      if (revision >= target) return;
    }
  });
  const target = after + 20_000;
  const took = timed(async () => {
    const write = async (): Promise<void> => {
      while (store.revision() < target) {
        await store.commit({
          compare: [],
          writes: [{ kind: 'put', key: keyOf(store.revision()), value }],
        });
      }
    };
    await Promise.all(Array.from({ length: 64 }, write));
    await Promise.all(watchers);
  });
  return `${await took} for 20,000 commits at 64 writers (${seen} batches)`;
}

async function measure(name: string, store: Store): Promise<void> {
  for (const writers of [1, 8, 64, 256]) {
    rows.push([`${name}: ${writers} writers`, await commits(store, writers)]);
  }
  rows.push([`${name}: 10 watchers`, await watched(store)]);
  const pods = prefixRange('/registry/pods/');
  rows.push([`${name}: range of ${keys}`, await timed(() => store.range(pods))]);
  rows.push([
    `${name}: range of 500 and count`,
    await timed(() => store.range({ ...pods, limit: 500 })),
  ]);
  const revision = store.revision() - 10_000;
  rows.push([
    `${name}: the same, 10,000 revisions ago`,
    await timed(() => store.range({ ...pods, limit: 500, revision })),
  ]);
  const revisions = store.revision() - store.compactedRevision();
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const compacting = await timed(() => store.compact(store.revision()));
  clearInterval(timer);
  rows.push([
    `${name}: compact ${revisions} revisions`,
    `${compacting}, longest turn ${longest.toFixed(1)} ms`,
  ]);
}

/** What a process pays for an open store, in a process of its own. */
async function idle(path: string): Promise<void> {
  const before = memory();
  await using store = await openLmdbStore({ path });
  console.log(`${before.own.toFixed(1)} MB + ${(memory().own - before.own).toFixed(1)} MB`);
  store.revision();
}

async function main(folder: string): Promise<void> {
  {
    await using store = await openLmdbStore({ path: folder });
    await measure('lmdb', store);
  }
  const { size } = await stat(join(folder, 'data.mdb'));
  rows.push(['lmdb: file', `${(size / 1024 ** 2).toFixed(1)} MB`]);
  const { stdout } = await run(process.execPath, [import.meta.filename, 'idle', folder]);
  rows.push(['lmdb: own memory of a process + with the store open', stdout.trim()]);
  await using store = openMemoryStore();
  await measure('memory', store);
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, figure] of rows) console.log(`${name.padEnd(width)}  ${figure}`);
}

if (process.argv[2] === 'idle') {
  await idle(process.argv[3] ?? '');
} else {
  const folder = await mkdtemp(join(tmpdir(), 'nought-bench-'));
  try {
    await main(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
