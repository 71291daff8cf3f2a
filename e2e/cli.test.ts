import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { names } from '../src/api/index.ts';
import { runCommand } from '../src/cli/index.ts';
import { refs } from '../src/client/index.ts';
import { findTool, kubeconfigText, runTool } from '../src/lib/testing/kubectl.ts';
import { type ControlPlane, openControlPlane } from './testing/control-plane.ts';
import { functionObject, installFunctions } from './testing/functions.ts';
import { createReadyNode, pod, replicaSet } from './testing/objects.ts';

const opened = new AsyncDisposableStack();
const noKubectl = (await findTool('kubectl')) === undefined && 'no kubectl for this machine';
let plane: ControlPlane;
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nought-cli-'));
  opened.defer(() => rm(folder, { recursive: true }));
  plane = opened.use(await openControlPlane());
  await installFunctions(plane);
  await writeFile(join(folder, 'kubeconfig'), kubeconfigText(plane));
  await createReadyNode(plane.client, 'node-1');
});
after(() => opened.disposeAsync());

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  readonly onOutput?: (all: string) => void;
}

function sink(heard: (text: string) => void): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      heard(chunk.toString());
      done();
    },
  });
}

async function nought(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const code = await runCommand(args, {
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout: sink((text) => {
      stdout += text;
      options.onOutput?.(stdout);
    }),
    stderr: sink((text) => (stderr += text)),
    env: { KUBECONFIG: join(folder, 'kubeconfig') },
    cwd: folder,
    home: folder,
    signal: options.signal ?? new AbortController().signal,
  });
  return { code, stdout, stderr };
}

async function kubectl(args: readonly string[], stdin = ''): Promise<Ran> {
  const binary = await findTool('kubectl');
  assert(binary !== undefined);
  return runTool(binary, args, { kubeconfig: join(folder, 'kubeconfig'), home: folder, stdin });
}

/** Ages differ by when they are asked for; columns may be one narrower for it. */
function withoutAges({ code, stdout, stderr }: Ran): Ran {
  return { code, stdout: stdout.replaceAll(/\b\d+s\b/g, 'AGE').replaceAll(/ +$/gm, ''), stderr };
}

async function same(...args: readonly string[]): Promise<Ran> {
  const [ours, theirs] = [withoutAges(await nought(args)), withoutAges(await kubectl(args))];
  assert.deepEqual(ours, theirs, args.join(' '));
  return ours;
}

const configMap = (name: string, data: object, extra: object = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...extra }, data });

test('apply creates, leaves unchanged, configures, and takes away what is gone', async () => {
  const apply = (data: object) => nought(['apply', '-f', '-'], { stdin: configMap('a', data) });
  assert.equal((await apply({ x: '1', y: '1' })).stdout, 'configmap/a created\n');
  assert.equal((await apply({ x: '1', y: '1' })).stdout, 'configmap/a unchanged\n');
  const patch = { data: { theirs: '1' } };
  await plane.client
    .resource(refs.configmaps)
    .patch({ namespace: 'default', name: 'a' }, patch, { type: 'merge' });
  assert.equal((await apply({ x: '2' })).stdout, 'configmap/a configured\n');
  const { data } = await plane.client
    .resource(refs.configmaps)
    .get({ namespace: 'default', name: 'a' });
  assert.deepEqual(data, { x: '2', theirs: '1' });
});

test('apply takes turns with kubectl', { skip: noKubectl }, async () => {
  const manifests = [
    configMap('turns', { code: 'a => <b> & "c"' }, { labels: { a: 'b' } }),
    JSON.stringify(functionObject('turns', { env: [{ name: 'A', value: '1' }] })),
    JSON.stringify(pod('turns', { app: 'x' })),
  ].join('\n---\n');
  const created = await nought(['apply', '-f', '-'], { stdin: manifests });
  assert.equal(created.stderr, '');
  assert.equal(
    (await kubectl(['apply', '-f', '-'], manifests)).stdout,
    created.stdout.replaceAll('created', 'unchanged'),
  );
  const changed = manifests
    .replace('"app":"x"', '"tier":"y"')
    .replace('"value":"1"', '"value":"2"');
  const configured = await kubectl(['apply', '-f', '-'], changed);
  assert.match(configured.stdout, /function\.nought\.dev\/turns configured\npod\/turns configured/);
  const again = await nought(['apply', '-f', '-'], { stdin: changed });
  assert.equal(again.stdout, configured.stdout.replaceAll('configured', 'unchanged'));
  const { metadata } = await plane.client
    .resource(refs.pods)
    .get({ namespace: 'default', name: 'turns' });
  assert.deepEqual(metadata.labels, { tier: 'y' });
});

test('apply reads folders, goes on after a failure, and names file and line', async () => {
  await mkdir(join(folder, 'manifests', 'deeper'), { recursive: true });
  const write = (name: string, text: string) => writeFile(join(folder, 'manifests', name), text);
  await write('a.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m1}\ndata: {a: [}\n');
  await write('b.json', configMap('m2', {}));
  const fn = functionObject('m3');
  await write('c.yml', JSON.stringify({ ...fn, spec: { ...fn.spec, bogus: 1 } }));
  await write('deeper/d.yaml', configMap('m4', {}));
  await write('readme.txt', 'not a manifest');
  const { code, stdout, stderr } = await nought(['apply', '-f', 'manifests']);
  assert.equal(code, 1);
  assert.equal(stdout, 'configmap/m2 created\n');
  assert.match(stderr, /error parsing "manifests\/a\.yaml": line 4: /);
  assert.match(stderr, /error when creating "manifests\/c\.yml": .*unknown field "spec\.bogus"/);
  const deep = await nought(['apply', '-R', '-f', 'manifests']);
  assert.equal(deep.stdout, 'configmap/m2 unchanged\nconfigmap/m4 created\n');
});

test('apply refuses another namespace than the one of the command line', async () => {
  const stdin = configMap('elsewhere', {}, { namespace: 'default' });
  const { code, stderr } = await nought(['apply', '-n', 'other', '-f', '-'], { stdin });
  assert.equal(code, 1);
  assert.match(stderr, /"default" does not match the namespace "other"/);
});

test('apply --dry-run stores nothing', async () => {
  for (const [mode, words] of [
    ['server', 'created (server dry run)'],
    ['client', 'created (dry run)'],
  ] as const) {
    const args = ['apply', '-f', '-', `--dry-run=${mode}`];
    const { stdout } = await nought(args, { stdin: configMap('dry', {}) });
    assert.equal(stdout, `configmap/dry ${words}\n`);
  }
  assert.equal((await nought(['get', 'cm', 'dry'])).code, 1);
});

test('get prints what kubectl prints', { skip: noKubectl }, async () => {
  await plane.client.resource(refs.functions).create(functionObject('shown'));
  await plane.client.resource(refs.pods).create(pod('shown', { app: 'shown', tier: 'a' }));
  await same('get', 'fn');
  await same('get', 'functions.nought.dev', '-o', 'wide');
  await same('get', 'pods,fn');
  await same('get', 'po', '--show-labels', '-L', 'tier', '-l', 'app=shown');
  await same('get', 'Function/shown', 'pod/shown');
  await same('get', 'Function/shown', 'pod/nope');
  await same('get', 'ns', '--no-headers');
  await same('get', 'events', '-n', 'kube-public');
  await same('get', 'all', '-n', 'kube-public');
  await same('get', 'pods', 'nope', 'shown');
  await same('get', 'pods', 'nope', '--ignore-not-found');
  await same('get', 'fn', '-o', 'name');
  await same('get', 'pods', 'shown', '-o', 'yaml');
  await same('get', 'pods', '-l', 'app=shown', '-o', 'json');
  await same('get', 'fn', '-A', '-o', 'custom-columns=N:.metadata.name,R:.spec.runtime,X:.nope');
  await same('get', 'pods', '-o', 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{end}');
  await same('get', 'pods', '--field-selector', 'metadata.name=shown', '--sort-by=.metadata.name');
  await same('get', 'bogus');
  await same('api-resources', '-o', 'wide');
});

test(
  'describe prints what kubectl prints of kinds that neither knows',
  { skip: noKubectl },
  async () => {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', namespace: 'default', labels: { b: '2', a: '1' } },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 3 },
    };
    await plane.client.resource(refs.leases).create(lease);
    await same('describe', 'lease', 'l');
    await same('describe', 'lease', 'nope');
  },
);

test('describe shows what is asked of pods and functions first', async () => {
  await plane.client.resource(refs.functions).create(functionObject('told'));
  const fn = await nought(['describe', 'fn/told']);
  assert.match(
    fn.stdout,
    /^Name: +told\n(.*\n)*Runtime: +node\n(.*\n)*Source:\n {2}export default/,
  );
  await plane.client.resource(refs.pods).create(pod('told'));
  const { stdout } = await nought(['describe', 'pod', 'tol']);
  assert.match(stdout, /^Name: +told\n(.*\n)*Containers:\n {2}main:\n(.*\n)* {4}Image: +none\n/);
});

test('get -w shows changes as they come', async () => {
  await plane.client.resource(refs.pods).create(pod('watched', { app: 'watched' }));
  const stop = new AbortController();
  const key = { namespace: 'default', name: 'watched' };
  let deleting = false;
  const { stdout } = await nought(['get', 'pods', '-w', '-l', 'app=watched', '-o', 'name'], {
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]),
    onOutput: (all) => {
      if (all.split('\n').length > 2) stop.abort();
      if (deleting) return;
      deleting = true;
      void plane.client.resource(refs.pods).delete(key, { gracePeriodSeconds: 0 });
    },
  });
  assert.match(stdout, /^pod\/watched\npod\/watched\n/);
});

test('wait sees a condition that comes, and gives up in time', async () => {
  await plane.client.resource(refs.functions).create(functionObject('late'));
  const waiting = nought(['wait', '--for=condition=Ready', 'fn/late', '--timeout=10s']);
  const conditions = [
    {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Ready',
      lastTransitionTime: new Date().toISOString(),
    },
  ];
  await plane.client
    .resource(refs.functions)
    .patch(
      { namespace: 'default', name: 'late' },
      { status: { conditions } },
      { type: 'merge', subresource: 'status' },
    );
  assert.deepEqual(await waiting, {
    code: 0,
    stdout: 'function.nought.dev/late condition met\n',
    stderr: '',
  });
  const never = await nought(['wait', '--for=condition=Ready=False', 'fn/late', '--timeout=100ms']);
  assert.equal(never.code, 1);
  assert.equal(never.stderr, 'error: timed out waiting for the condition on functions/late\n');
  const path = ['wait', '--for=jsonpath={.spec.runtime}=node', 'fn/late'];
  assert.equal((await nought(path)).code, 0);
  const absent = await nought(['wait', '--for=condition=Ready', 'fn/absent']);
  assert.match(absent.stderr, /^Error from server \(NotFound\): functions\.nought\.dev "absent"/);
});

test('wait --for=create and --for=delete follow an object that comes and goes', async () => {
  const created = nought(['wait', '--for=create', 'cm/brief', '--timeout=10s']);
  await nought(['apply', '-f', '-'], { stdin: configMap('brief', {}) });
  assert.equal((await created).code, 0);
  const deleted = nought(['wait', '--for=delete', 'cm/brief', '--timeout=10s']);
  assert.equal(
    (await nought(['delete', 'cm', 'brief'])).stdout,
    'configmap "brief" deleted from default namespace\n',
  );
  assert.equal((await deleted).code, 0);
  assert.equal((await nought(['wait', '--for=delete', 'cm/brief'])).code, 0);
});

test('delete does what kubectl does', { skip: noKubectl }, async () => {
  await same('delete', 'cm', 'nope');
  await same('delete', 'cm', 'nope', '--ignore-not-found');
  await same('delete', 'pods', '-l', 'app=nope');
  const manifest = configMap('doomed', {});
  await writeFile(join(folder, 'doomed.json'), manifest);
  const deletions: Ran[] = [];
  for (const tool of [nought, kubectl]) {
    await nought(['apply', '-f', 'doomed.json']);
    deletions.push(await tool(['delete', '-f', join(folder, 'doomed.json')]));
  }
  assert.deepEqual(deletions[0], deletions[1]);
});

test('delete --cascade=orphan leaves what an object owned', async () => {
  const { client } = plane;
  await client.resource(refs.replicasets).create(replicaSet('owner', 1));
  const filter = { namespace: 'default', labelSelector: 'app=owner' };
  const made = ['wait', '--for=jsonpath={.status.replicas}=1', 'rs/owner', '--timeout=10s'];
  assert.equal((await nought(made)).code, 0);
  const { code } = await nought(['delete', 'rs/owner', '--cascade=orphan', '--timeout=10s']);
  assert.equal(code, 0);
  const { items } = await client.resource(refs.pods).list(filter);
  assert.deepEqual(
    items.map(({ metadata }) => metadata.ownerReferences ?? []),
    [[]],
  );
});

test('scale, label and annotate change what they say', async () => {
  const { client } = plane;
  await client.resource(refs.replicasets).create(replicaSet('grown', 0));
  const scaled = await nought(['scale', '--replicas=2', 'rs/grown']);
  assert.equal(scaled.stdout, 'replicaset.apps/grown scaled\n');
  const refused = await nought(['scale', '--replicas=3', '--current-replicas=7', 'rs/grown']);
  assert.equal(refused.stderr, 'error: Expected replicas to be 7, was 2\n');
  assert.equal(
    (await nought(['label', 'rs', 'grown', 'a=b'])).stdout,
    'replicaset.apps/grown labeled\n',
  );
  assert.match((await nought(['label', 'rs/grown', 'a=c'])).stderr, /already has a value \(b\)/);
  assert.equal((await nought(['annotate', 'rs/grown', 'x=y'])).code, 0);
  assert.equal(
    (await nought(['label', 'rs/grown', 'a-'])).stdout,
    'replicaset.apps/grown unlabeled\n',
  );
  const key = { namespace: 'default', name: 'grown' };
  const { metadata, spec } = await client.resource(refs.replicasets).get(key);
  assert.equal(spec.replicas, 2);
  assert.deepEqual([metadata.labels?.['a'], metadata.annotations?.['x']], [undefined, 'y']);
});

test('events shows what has happened to one object', async () => {
  await plane.client.resource(refs.replicasets).create(replicaSet('eventful', 1));
  const made = ['wait', '--for=jsonpath={.status.replicas}=1', 'rs/eventful', '--timeout=10s'];
  assert.equal((await nought(made)).code, 0);
  const stop = new AbortController();
  const { stdout } = await nought(['events', '-w', '--for', 'rs/eventful'], {
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]),
    onOutput: (all) => {
      if (all.includes('SuccessfulCreate')) stop.abort();
    },
  });
  assert.match(
    stdout,
    /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n.*ReplicaSet\/eventful +Created pod/,
  );
});

test('logs says why there is none, and finds the pods of a function', async () => {
  const missing = await nought(['logs', 'nope']);
  assert.match(missing.stderr, /^Error from server \(NotFound\): pods "nope" not found/);
  await plane.client.resource(refs.functions).create(functionObject('quiet'));
  const none = await nought(['logs', 'fn/quiet']);
  assert.equal(none.code, 0);
  assert.match(none.stderr, /^No pod is there now/);
  await plane.client
    .resource(refs.pods)
    .create(pod('quiet-1', { [names.label.function]: 'quiet' }));
  const waiting = await nought(['logs', 'fn/quiet', '-c', 'nope']);
  assert.match(waiting.stderr, /container nope is not valid for pod quiet-1/);
});

test('create makes what is not there, and refuses what is', { skip: noKubectl }, async () => {
  await same('create', 'namespace', 'team', '--dry-run=server');
  const literals = ['--from-literal=a=b', '--from-literal=c=d=e'];
  await same('create', 'cm', 's', ...literals, '--dry-run=server');
  await same('create', 'secret', 'generic', 's', ...literals, '--dry-run=server');
  await same('create', 'namespace', 'default');
  const file = { stdin: configMap('once', {}) };
  assert.equal((await nought(['create', '-f', '-'], file)).stdout, 'configmap/once created\n');
  const twice = await nought(['create', '-f', '-'], file);
  assert.deepEqual([twice.code, twice.stdout], [1, '']);
  assert.match(twice.stderr, /AlreadyExists.*configmaps "once" already exists/);
});

test('get -w ends when nobody reads any more', async () => {
  const stdout = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' })),
  });
  const stderr = sink((text) => assert.fail(text));
  const code = await runCommand(['get', 'ns', '-w'], {
    stdin: Readable.from([]),
    stdout,
    stderr,
    env: { KUBECONFIG: join(folder, 'kubeconfig') },
    cwd: folder,
    home: folder,
    signal: AbortSignal.timeout(10_000),
  });
  assert.equal(code, 141);
});

test('version names both sides', async () => {
  const { stdout } = await nought(['version']);
  assert.match(stdout, /^Client Version: v\S+\nServer Version: v\S+\n$/);
});
