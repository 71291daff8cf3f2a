import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../lib/log.ts';
import type { ContainerSpec, Runtime, Sandbox } from '../runtime.ts';
import { shell } from '../runtime.contract.ts';
import { berthProcesses, berthsReady } from '../testing/berths-ready.ts';
import { eventually } from '../testing/eventually.ts';
import type { RuntimeOrder } from '../testing/runtime-process.ts';
import { Addresses } from './addresses.ts';
import { type Berth, Berths, startInBerth } from './berths.ts';
import { FifoStock } from './fifo-stock.ts';
import { openProcessRuntime } from './runtime.ts';

const never = new AbortController().signal;
const servingPort = 8080;
const program = new URL('../testing/runtime-process.ts', import.meta.url).pathname;

/** Tells of its surroundings; ends with code 7 when it is asked for /end. */
const server = `
const { readFileSync, readlinkSync, readdirSync, writeSync } = require('node:fs');
const about = () => ({
  env: process.env,
  cwd: process.cwd(),
  ids: readFileSync('/proc/self/status', 'utf8').match(/^(Uid|Gid|Groups|NoNewPrivs|CapBnd|SigIgn):.*$/gm),
  fds: readdirSync('/proc/self/fd').filter((fd) => fd <= 9).map((fd) => {
    try { return fd + readlinkSync('/proc/self/fd/' + fd).replace(/[[:].*/, '').replace(/^.*\\//, ''); } catch { return ''; }
  }).filter((fd) => /^[0-6]/.test(fd) && !/(anon_inode|eventpoll|eventfd|io_uring)/.test(fd)),
  limits: readFileSync('/proc/self/limits', 'utf8'),
});
const started = about();
require('node:http').createServer((request, answer) => {
  answer.end(JSON.stringify(started), () => { if (request.url === '/end') process.exit(7); });
}).listen({ fd: Number(process.env.NOUGHT_LISTEN_FD ?? -1) }, () => {
  writeSync(Number(process.env.NOUGHT_NOTIFY_FD), 'READY=1\\n');
});`;
const images = { server: { argv: [process.execPath, '-e', server], engine: 'python' } } as const;

function serving(more: Partial<ContainerSpec> = {}): ContainerSpec {
  const env = new Map([
    ['PORT', String(servingPort)],
    ['WORDS', `it's "so" $HOME \`id\`\n\\n`],
  ]);
  return shell('', { image: 'server:1', command: [], ports: [servingPort], env, ...more });
}

describe('berths', { skip: process.platform !== 'linux' && 'need /proc' }, () => {
  let folder: string;
  let runtime: Runtime;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nought-berths-'));
    runtime = await openProcessRuntime({ folder, images, servingPort, log: silentLog });
    await runtime.recover();
  });
  after(async () => {
    await runtime[Symbol.asyncDispose]();
    assert.deepEqual(await berthProcesses(folder), []);
    await rm(folder, { recursive: true, force: true });
  });

  async function open(ports: readonly number[] = [servingPort]): Promise<Sandbox> {
    const pod = { uid: randomUUID(), namespace: 'default', name: 'pod' };
    return runtime.openSandbox({ pod, ports, images: ['server:1'] });
  }
  async function about(box: Sandbox, path = '/'): Promise<Record<string, unknown>> {
    const answer = await fetch(`http://${box.address}:${servingPort}${path}`);
    return (await answer.json()) as Record<string, unknown>;
  }

  it('a start in a berth differs in nothing from any other', async () => {
    await berthsReady(folder);
    const waiting = await berthProcesses(folder);
    const box = await open();
    const container = await box.start(serving(), never);
    await container.ready;
    const first = await about(box, '/end');
    assert.equal((await container.exited).exitCode, 7);
    assert.ok((await berthProcesses(folder)).length < waiting.length, 'it took a berth');
    // The second start of a container has no berth.
    const again = await box.start(serving({ attempt: 1 }), never);
    await again.ready;
    const second = await about(box);
    const text = (of: object): string => JSON.stringify(of).replaceAll('/main/1', '/main/0');
    assert.deepEqual(JSON.parse(text(second)), first);
    await box.remove();
  });

  it('code that listens by itself gets the address of its berth', async () => {
    await berthsReady(folder);
    const box = await open();
    const listen = `require('node:http').createServer((_, answer) => answer.end('{"own":true}'))
      .listen(${servingPort}, '${box.address}')`;
    const command = [process.execPath, '-e', listen];
    await box.start(serving({ command }), never);
    await eventually('it answers', async () =>
      about(box).then(
        ({ own }) => own === true,
        () => false,
      ),
    );
    await box.remove();
  });

  it('a sandbox that is removed before its start leaves no process and no folder', async () => {
    await berthsReady(folder);
    const waiting = await berthProcesses(folder);
    const box = await open();
    await box.remove();
    const left = await berthProcesses(folder);
    assert.ok(left.length < waiting.length);
    assert.ok(left.every((pid) => waiting.includes(pid)));
  });

  it('a berth whose processes were killed is not given out', async () => {
    await berthsReady(folder);
    for (const pid of await berthProcesses(folder)) process.kill(pid, 'SIGKILL');
    const box = await open();
    const container = await box.start(serving(), never);
    await container.ready;
    await box.remove();
  });

  it('after kill -9 of the agent berths end, and what started in one is adopted', async () => {
    const other = await mkdtemp(join(tmpdir(), 'nought-berths-crash-'));
    const holder = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const spec = serving();
    const order: RuntimeOrder = {
      folder: other,
      images,
      uid: randomUUID(),
      servingPort,
      spec: { ...spec, env: [...spec.env] },
    };
    holder.send(order);
    const [{ address }] = (await once(holder, 'message')) as [{ address: string }];
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await eventually('only the shim of the started one is left', async () => {
      return (await berthProcesses(other)).length === 1;
    });
    const next = await openProcessRuntime({ folder: other, images, servingPort, log: silentLog });
    const [box] = await next.recover();
    const [container] = box?.containers() ?? [];
    assert.ok(box !== undefined && container !== undefined);
    assert.equal(box.address, address);
    await container.ready;
    await about(box, '/end');
    assert.equal((await container.exited).exitCode, 7);
    await box.remove();
    await next[Symbol.asyncDispose]();
    assert.deepEqual(await berthProcesses(other), []);
    await rm(other, { recursive: true, force: true });
  });
});

describe('Berths', { skip: process.platform !== 'linux' && 'need /proc' }, () => {
  it('keeps the command of a child that is slow to wait for it', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'nought-berths-slow-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    await using fifos = new FifoStock(join(folder, 'fifos'));
    const slow = ['/bin/sh', '-c', 'sleep 0.3; exec "$@"', 'sh'];
    await using berths = new Berths({
      parent: join(folder, 'berths'),
      size: 1,
      port: servingPort,
      instance: folder,
      path: process.env['PATH'] ?? '',
      isolation: { folder, limitations: [], owner: () => undefined, wrap: () => slow },
      addresses: new Addresses(0.7),
      fifos,
      takeUser: () => 0,
    });
    berths.fillSoon();
    let berth: Berth | undefined;
    await eventually('a berth', async () => {
      berth = await berths.take([servingPort], false);
      return berth !== undefined;
    });
    assert.ok(berth !== undefined);
    startInBerth(berth, 'echo done >said\n');
    const said = join(berth.folder, 'said');
    await eventually('the command has run', () => existsSync(said));
  });
});
