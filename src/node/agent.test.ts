import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Container, Event, Node, Pod, PodSpec, PodStatus } from '../api/index.ts';
import { createClient } from '../client/index.ts';
import { systemClock } from '../lib/clock.ts';
import { randomIds } from '../lib/ids.ts';
import { silentLog } from '../lib/log.ts';
import { runNodeAgent } from './agent.ts';
import { openProcessRuntime } from './process/runtime.ts';
import { ApiFarSide } from './testing/api-far-side.ts';
import { makeCertificate } from './testing/certificate.ts';
import { eventually, isRunning } from './testing/eventually.ts';

const token = 'the-token';
const pods = '/api/v1/namespaces/default/pods';
/** A function server in one line: serves on the socket it is handed, and says when it is ready. */
const serverCode = `
const http = require('node:http');
http.createServer((q, s) => s.end(process.env.GREETING + ' from ' + process.pid))
  .listen({ fd: Number(process.env.NOUGHT_LISTEN_FD) }, () => {
    require('node:fs').writeSync(Number(process.env.NOUGHT_NOTIFY_FD), 'READY=1\\n');
    console.log('serving');
  });
process.on('SIGTERM', () => process.exit(0));
`;

describe('runNodeAgent', () => {
  let folder: string;
  let tls: { key: string; cert: string };
  let api: ApiFarSide;
  let stop: () => Promise<void>;
  let port = 0;

  before(async () => {
    tls = await makeCertificate();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nought-agent-'));
    api = new ApiFarSide();
    await start();
  });
  afterEach(async () => {
    for (const pod of api.list('pods')) api.remove(`${pods}/${pod.metadata.name}`);
    await stop();
    await start();
    await stop();
    await rm(folder, { recursive: true, force: true });
  });
  after(() => {
    assert.deepEqual(strays(), []);
  });

  async function start(stopPods = true): Promise<void> {
    const [ending, connection] = [new AbortController(), new AbortController()];
    const ready = Promise.withResolvers<{ port: number }>();
    const runtime = await openProcessRuntime({
      folder,
      log: silentLog,
      images: { 'test/server': { argv: [process.execPath, '-e', serverCode], engine: 'node' } },
    });
    const running = runNodeAgent(
      {
        nodeName: 'n1',
        address: '127.0.0.1',
        version: 'v1.35.0',
        client: createClient(api, connection.signal),
        runtime,
        folder,
        server: { port: 0, ...tls, token },
        stopPods,
        stopGraceMs: 1000,
        ready: ready.resolve,
        clock: systemClock,
        ids: randomIds,
        log: silentLog,
      },
      ending.signal,
    );
    running.catch(ready.reject);
    ({ port } = await ready.promise);
    stop = async () => {
      ending.abort(new Error('test'));
      await running;
      connection.abort(new Error('test'));
    };
  }

  function create(name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}): void {
    const main = { name: 'main', image: 'any', ...container };
    const metadata = { name, namespace: 'default', labels: { app: 'web' } };
    api.put(`${pods}/${name}`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { nodeName: 'n1', containers: [main], ...spec },
    } as Pod);
  }
  const shell = (script: string): Partial<Container> => ({ command: ['/bin/sh', '-c', script] });
  const pod = (name: string): Pod | undefined => api.get<Pod>(`${pods}/${name}`);
  async function status(name: string, test: (status: PodStatus) => boolean): Promise<PodStatus> {
    return eventually(`status of ${name}: ${JSON.stringify(pod(name)?.status)}`, () => {
      const found = pod(name)?.status;
      return found !== undefined && test(found) ? found : undefined;
    });
  }
  const condition = (found: PodStatus, type: string): string | undefined =>
    found.conditions?.find((each) => each.type === type)?.status;
  const isReady = (found: PodStatus): boolean => condition(found, 'Ready') === 'True';
  const reasons = (): (string | undefined)[] =>
    api.list('events').map((event) => (event as Event).reason);

  it('registers the node with its server and renews the lease', async () => {
    const node = api.get<Node>('/api/v1/nodes/n1');
    assert.equal(node?.status?.daemonEndpoints?.kubeletEndpoint?.Port, port);
    assert.equal(node?.status?.nodeInfo?.['kubeletVersion'], 'v1.35.0');
    assert.equal(node?.status?.conditions?.find((each) => each.type === 'Ready')?.status, 'True');
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1';
    await eventually('the lease', () => api.get(lease));
  });

  it('a runtime image serves on an inherited socket and is ready by its own word', async () => {
    create('web', {
      image: 'test/server:1.0',
      ports: [{ containerPort: 8080 }],
      env: [
        { name: 'PORT', value: '8080' },
        { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'GREETING', value: 'hello $(APP) $(NONE) $$(APP)' },
      ],
    });
    const found = await status('web', isReady);
    assert.match(found.podIP ?? '', /^127\.(?!0\.)/);
    assert.equal(found.phase, 'Running');
    assert.match(await ask(found.podIP ?? ''), /hello web \$\(NONE\) \$\(APP\) from \d+$/);
    await eventually('event', () => reasons().includes('Started'));
    api.terminate(`${pods}/web`, 30);
    await eventually('the object is gone', () => pod('web') === undefined);
    await eventually('event', () => reasons().includes('Killing'));
  });

  it('restartPolicy Never: exit codes become phases and statuses', async () => {
    create('good', shell('exit 0'), { restartPolicy: 'Never' });
    create('bad', shell('echo why > "$F"; exit 3'), { restartPolicy: 'Never' });
    const good = await status('good', (found) => found.phase === 'Succeeded');
    assert.equal(good.containerStatuses?.[0]?.state?.terminated?.reason, 'Completed');
    const bad = await status('bad', (found) => found.phase === 'Failed');
    assert.equal(bad.containerStatuses?.[0]?.state?.terminated?.exitCode, 3);
    assert.equal(condition(bad, 'PodScheduled'), 'True');
  });

  it('restarts at once, then waits in CrashLoopBackOff', async () => {
    create('crash', shell('exit 1'));
    const found = await status(
      'crash',
      ({ containerStatuses }) =>
        containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    const [container] = found.containerStatuses ?? [];
    assert.equal(container?.restartCount, 1);
    assert.equal(container.lastState?.terminated?.exitCode, 1);
    assert.match(container.state?.waiting?.message ?? '', /^back-off 10s restarting failed/);
    assert.equal(found.phase, 'Running');
    await eventually('event', () => reasons().includes('BackOff'));
  });

  it('init containers run in order before the others', async () => {
    const share = [{ name: 'share', mountPath: '/share' }];
    const init = (name: string, script: string): Container => ({
      name,
      image: 'any',
      volumeMounts: share,
      env: [{ name: 'DIR', value: '/share' }],
      ...shell(script),
    });
    create(
      'init',
      { ...init('main', 'cat $DIR/a; sleep 100'), name: 'main' },
      {
        volumes: [{ name: 'share', emptyDir: {} }],
        initContainers: [init('one', 'echo 1 > $DIR/a'), init('two', 'echo 2 >> $DIR/a')],
      },
    );
    const found = await status('init', isReady);
    assert.equal(condition(found, 'Initialized'), 'True');
    assert.deepEqual(
      found.initContainerStatuses?.map((each) => each.state?.terminated?.exitCode),
      [0, 0],
    );
    await eventually('output', async () => (await logs('init')).text === '1\n2\n');
  });

  it('a missing ConfigMap is named, and the pod starts when it appears', async () => {
    create('late', {
      ...shell('echo $X; sleep 100'),
      env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'settings', key: 'x' } } }],
    });
    const found = await status('late', (each) => waiting(each) !== undefined);
    assert.deepEqual(waiting(found), {
      reason: 'CreateContainerConfigError',
      message: 'configmap "settings" not found',
    });
    const metadata = { name: 'settings', namespace: 'default' };
    const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { x: 'found' } };
    api.put('/api/v1/namespaces/default/configmaps/settings', settings);
    await status('late', isReady);
    await eventually('output', async () => (await logs('late')).text === 'found\n');
  });

  it('volumes of ConfigMaps and Secrets are found under their mount paths', async () => {
    const metadata = { name: 'code', namespace: 'default' };
    const code = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { f0: 'one', f1: 'two' } };
    api.put('/api/v1/namespaces/default/configmaps/code', code);
    const items = [
      { key: 'f0', path: 'index.js' },
      { key: 'f1', path: 'lib/a.js' },
    ];
    create(
      'vol',
      {
        ...shell('cat $CODE/index.js $CODE/lib/a.js; ls -lL $CODE/index.js; sleep 100'),
        env: [{ name: 'CODE', value: '/var/run/nought/code' }],
        volumeMounts: [{ name: 'code', mountPath: '/var/run/nought/code', readOnly: true }],
      },
      { volumes: [{ name: 'code', configMap: { name: 'code', items } }] },
    );
    await status('vol', isReady);
    await eventually('output', async () => (await logs('vol')).text.startsWith('onetwo-rw'));
  });

  it('an image without a command is refused in words', async () => {
    create('nginx', { image: 'nginx:1.27' });
    const found = await status('nginx', (each) => waiting(each)?.reason === 'ImageNotSupported');
    assert.match(waiting(found)?.message ?? '', /docker runtime/);
    const ready = found.conditions?.find((each) => each.type === 'Ready');
    assert.equal(ready?.reason, 'ImageNotSupported');
    assert.equal(found.phase, 'Pending');
  });

  it('a readiness probe decides where the container does not notify', async () => {
    const code = `require('node:http').createServer((q, s) => s.end('ok'))
      .listen(Number(process.env.PORT), process.env.HOST)`;
    create('probe', {
      command: [process.execPath, '-e', code],
      ports: [{ name: 'web', containerPort: 8080 }],
      env: [
        { name: 'PORT', value: '8080' },
        { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ],
      readinessProbe: { httpGet: { path: '/', port: 'web' }, periodSeconds: 1 },
    });
    await status('probe', isReady);
  });

  it('a pod that ignores SIGTERM is killed, one whose object vanished too', async () => {
    create('stubborn', shell('trap "" TERM; echo $$$$; while :; do sleep 0.1; done'));
    create('vanished', shell('echo $$$$; sleep 600'));
    await Promise.all([status('stubborn', isReady), status('vanished', isReady)]);
    const pids = await Promise.all(
      ['stubborn', 'vanished'].map((name) =>
        eventually('a pid', async () => Number((await logs(name)).text) || undefined),
      ),
    );
    assert.ok(pids.every(isRunning));
    api.terminate(`${pods}/stubborn`, 1);
    api.remove(`${pods}/vanished`);
    await eventually('both are gone', () => !pids.some(isRunning));
    await eventually('the object is gone', () => pod('stubborn') === undefined);
  });

  it('pods outlive an agent that lets go, and the next one adopts them', async () => {
    await stop();
    await start(false);
    create('keep', { image: 'test/server', env: [{ name: 'PORT', value: '8080' }] });
    const found = await status('keep', isReady);
    const answer = await ask(found.podIP ?? '');
    await stop();
    assert.equal(await ask(found.podIP ?? ''), answer);
    await start();
    assert.equal((await logs('keep')).text, 'serving\n');
    assert.equal(await ask(found.podIP ?? ''), answer);
    assert.equal(pod('keep')?.status?.containerStatuses?.[0]?.restartCount, 0);
  });

  it('pods that ended with the agent are started again in place', async () => {
    create('again', { image: 'test/server', env: [{ name: 'PORT', value: '8080' }] });
    const found = await status('again', isReady);
    await stop();
    assert.equal(condition(pod('again')?.status ?? {}, 'Ready'), 'False');
    await assert.rejects(ask(found.podIP ?? ''));
    await start();
    const restarted = await status('again', isReady);
    assert.equal(restarted.containerStatuses?.[0]?.restartCount, 1);
    assert.equal(restarted.podIP, found.podIP);
  });

  it('what vanished while no agent was there is removed at start', async () => {
    await stop();
    await start(false);
    create('orphan', shell('echo $$$$; exec sleep 600'));
    await status('orphan', isReady);
    const pid = await eventually(
      'a pid',
      async () => Number((await logs('orphan')).text) || undefined,
    );
    await stop();
    api.remove(`${pods}/orphan`);
    assert.ok(isRunning(pid));
    await start();
    await eventually('it is gone', () => !isRunning(pid));
  });

  it('GET /containerLogs wants the token and knows the kubelet query', async () => {
    create('log', shell('echo a; echo b; sleep 0.3; echo c'), { restartPolicy: 'Never' });
    await status('log', ({ phase }) => phase !== undefined && phase !== 'Pending');
    assert.equal((await logs('log', '', 'wrong')).status, 401);
    assert.equal((await logs('log', '?follow=true')).text, 'a\nb\nc\n');
    assert.equal((await logs('log', '?tailLines=1')).text, 'c\n');
    assert.match((await logs('log', '?timestamps=true&tailLines=1')).text, /^20.*Z c\n$/);
    assert.equal((await logs('log', '?tailLines=x')).status, 400);
    assert.equal((await logs('log', '?previous=true')).status, 400);
    assert.equal((await logs('none')).status, 404);
  });

  it('statuses reach a server that was away, the latest only', async () => {
    create('away', { image: 'test/server', env: [{ name: 'PORT', value: '8080' }] });
    await status('away', ({ phase }) => phase === 'Running');
    api.down = true;
    await eventually('it serves', async () => (await ask(pod('away')?.status?.podIP ?? '')) !== '');
    api.down = false;
    await status('away', isReady);
  });

  function waiting(found: PodStatus): { reason?: string; message?: string } | undefined {
    return found.containerStatuses?.[0]?.state?.waiting;
  }

  function logs(
    name: string,
    query = '',
    bearer = token,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const request = get(
        {
          host: '127.0.0.1',
          port,
          path: `/containerLogs/default/${name}/main${query}`,
          headers: { authorization: `Bearer ${bearer}` },
          rejectUnauthorized: false,
          agent: false,
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part: string) => (text += part));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      request.on('error', reject);
    });
  }
});

function ask(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 8080 }, () => {
      socket.write('GET / HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n');
    });
    let text = '';
    socket.on('data', (part) => (text += part.toString()));
    socket.on('end', () => resolve(text.split('\r\n\r\n')[1] ?? text));
    socket.on('error', reject);
  });
}

function strays(): string[] {
  const out = execFileSync('ps', ['-eo', 'pid,ppid,args'], { encoding: 'utf8' });
  return out.split('\n').filter((line) => line.includes('NOUGHT_LISTEN_FD'));
}
