import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FunctionObject, names, type Pod, type ReplicaSet } from '../src/api/index.ts';
import { refs } from '../src/client/index.ts';
import { type ControlPlane, eventually, openControlPlane } from './testing/control-plane.ts';
import {
  connectGateway,
  failToLoad,
  functionObject,
  installFunctions,
  startFunctions,
} from './testing/functions.ts';
import { becomeReady } from './testing/objects.ts';

const key = { namespace: 'default', name: 'f' };
const code = (text: string) => ({ source: { inline: text } });
const quickIdle = { scaling: { idle: '1s' } };

/** A control plane with the Function controller and the autoscaler. */
async function open(): Promise<ControlPlane> {
  await using opened = new AsyncDisposableStack();
  const plane = opened.use(await openControlPlane());
  await installFunctions(plane);
  opened.use(startFunctions(plane));
  const end = opened.move();
  return { ...plane, [Symbol.asyncDispose]: () => end.disposeAsync() };
}

function ready(fn: FunctionObject | undefined): string {
  const condition = fn?.status?.conditions?.find(({ type }) => type === 'Ready');
  return `${condition?.status ?? ''} ${condition?.reason ?? ''}`;
}

async function functionThat(
  plane: ControlPlane,
  condition: (fn: FunctionObject) => boolean,
): Promise<FunctionObject> {
  const where = { ref: refs.functions, namespace: 'default' };
  const [fn] = await eventually(plane, where, ([only]) => only !== undefined && condition(only));
  assert(fn !== undefined);
  return fn;
}

function setsThat(plane: ControlPlane, condition: (sets: readonly ReplicaSet[]) => boolean) {
  return eventually(plane, { ref: refs.replicasets, namespace: 'default' }, condition);
}

function podsThat(plane: ControlPlane, condition: (pods: readonly Pod[]) => boolean) {
  return eventually(plane, { ref: refs.pods, namespace: 'default' }, condition);
}

const isDraining = (pod: Pod): boolean =>
  pod.metadata.annotations?.[names.annotation.draining] !== undefined;

/** Waits for the first pod that has the condition and lets it become ready. */
async function bringUp(plane: ControlPlane, condition: (pod: Pod) => boolean = () => true) {
  const pods = await podsThat(plane, (all) => all.some(condition));
  const pod = pods.find(condition);
  assert(pod !== undefined);
  await becomeReady(plane.client, pod);
  return pod;
}

const ofRevision = (revision: string | undefined) => (pod: Pod) =>
  pod.metadata.labels?.[names.label.revision] === revision;

test('a Function becomes a ConfigMap, a ReplicaSet and a pod, and is ready once the pod is', async () => {
  await using plane = await open();
  const { client } = plane;
  await client.resource(refs.functions).create(functionObject('f', code('export default 1\n')));
  assert.equal(ready(await functionThat(plane, (fn) => ready(fn) !== ' ')).split(' ')[0], 'False');
  const pod = await bringUp(plane);
  const fn = await functionThat(plane, (it) => ready(it) === 'True Ready');
  const name = `f-${fn.status?.revision ?? ''}`;
  const set = await client.resource(refs.replicasets).get({ ...key, name });
  const map = await client.resource(refs.configmaps).get({ ...key, name });
  assert.deepEqual(map.data, { f0: 'export default 1\n' });
  assert.equal(map.immutable, true);
  for (const { metadata } of [set, map]) assert.equal(metadata.ownerReferences?.[0]?.name, 'f');
  assert.equal(fn.status?.url, 'http://127.0.0.1:8080/default/f');
  assert.equal(fn.status?.observedGeneration, fn.metadata.generation);
  const [container] = pod.spec.containers;
  const env = Object.fromEntries((container?.env ?? []).map((it) => [it.name, it.value]));
  assert.equal(container?.image, 'nought.dev/runtime-node:0.0.0');
  assert.equal(env['NOUGHT_HANDLER'], 'index.js');
  assert.equal(env['K_REVISION'], name);
});

test('an idle Function goes to zero once the gateways have let go of its pods, and wakes at a poke', async () => {
  await using plane = await open();
  await using gateway = await connectGateway(plane);
  await plane.client.resource(refs.functions).create(functionObject('f', quickIdle));
  const first = await bringUp(plane);
  const [draining] = await podsThat(plane, (pods) => pods.some(isDraining));
  assert(draining !== undefined);
  assert.equal(draining.metadata.annotations?.[names.annotation.podDeletionCost], '-1000');
  gateway.drained(draining);
  await podsThat(plane, (pods) => pods.length === 0);
  await functionThat(plane, (fn) => ready(fn) === 'True Idle' && fn.status?.replicas === 0);
  gateway.poke('default/f', 1);
  const [second] = await podsThat(plane, (pods) => pods.length === 1);
  assert.notEqual(second?.metadata.uid, first.metadata.uid);
});

test('a request that comes while the last pod drains calls it off and keeps the pod', async () => {
  await using plane = await open();
  await using gateway = await connectGateway(plane);
  await plane.client.resource(refs.functions).create(functionObject('f', quickIdle));
  const first = await bringUp(plane);
  const [draining] = await podsThat(plane, (pods) => pods.some(isDraining));
  assert(draining !== undefined);
  gateway.poke('default/f', 1);
  const [kept] = await podsThat(plane, (pods) => pods.length === 1 && !pods.some(isDraining));
  assert.equal(kept?.metadata.uid, first.metadata.uid);
  assert.equal(kept?.metadata.annotations?.[names.annotation.podDeletionCost], undefined);
  // The answer to the draining that was called off counts for nothing.
  gateway.sample([{ function: 'default/f', idleMs: 5000 }]);
  const [again] = await podsThat(plane, (pods) => pods.some(isDraining));
  assert(again !== undefined);
  gateway.drained(draining);
  gateway.sample([{ function: 'default/f', inFlight: 1 }]);
  const [stayed] = await podsThat(plane, (pods) => pods.length === 1 && !pods.some(isDraining));
  assert.equal(stayed?.metadata.uid, first.metadata.uid);
});

test('requests that are held get the pods that they need at once, up to the maximum', async () => {
  await using plane = await open();
  await using gateway = await connectGateway(plane);
  const scaling = { concurrency: 10, max: 3 };
  await plane.client.resource(refs.functions).create(functionObject('f', { scaling }));
  await bringUp(plane);
  await functionThat(plane, (fn) => ready(fn) === 'True Ready');
  gateway.poke('default/f', 15);
  await setsThat(plane, ([set]) => set?.spec.replicas === 2);
  gateway.poke('default/f', 500);
  await podsThat(plane, (pods) => pods.length === 3);
  const [set] = await setsThat(plane, ([only]) => only?.status?.replicas === 3);
  assert.equal(set?.spec.replicas, 3);
});

test('new code takes over when it is ready, the old pods drain, and going back uses the old revision', async () => {
  await using plane = await open();
  await using gateway = await connectGateway(plane);
  gateway.answerAll();
  const functions = plane.client.resource(refs.functions);
  await functions.create(functionObject('f', code('export default 1\n')));
  await bringUp(plane);
  const before = await functionThat(plane, (fn) => ready(fn) === 'True Ready');
  const old = before.status?.revision;
  await functions.patch(key, { spec: code('export default 2\n') }, { type: 'merge' });
  const during = await functionThat(plane, (fn) => fn.status?.observedGeneration === 2);
  assert.notEqual(ready(during).split(' ')[0], 'True');
  assert.equal(during.status?.revision, old);
  await bringUp(plane, (pod) => !ofRevision(old)(pod));
  const after = await functionThat(plane, (fn) => ready(fn) === 'True Ready');
  assert.notEqual(after.status?.revision, old);
  await podsThat(plane, (pods) => pods.length === 1 && !pods.some(ofRevision(old)));
  await functions.patch(key, { spec: code('export default 1\n') }, { type: 'merge' });
  await bringUp(plane, ofRevision(old));
  await functionThat(plane, (fn) => ready(fn) === 'True Ready' && fn.status?.revision === old);
  const sets = await setsThat(plane, (all) => all.length === 2);
  assert.equal(sets.find((set) => set.metadata.name === `f-${old ?? ''}`)?.spec.replicas, 1);
});

test('code that does not load is told with file and line, and is not tried again until the spec changes', async () => {
  await using plane = await open();
  const functions = plane.client.resource(refs.functions);
  await functions.create(functionObject('f', code('export default {\n')));
  const [pod] = await podsThat(plane, (pods) => pods.length === 1);
  assert(pod !== undefined);
  await failToLoad(plane, pod);
  const fn = await functionThat(plane, (it) => ready(it) === 'False LoadFailed');
  const condition = fn.status?.conditions?.find(({ type }) => type === 'Ready');
  assert.equal(condition?.message, "index.js:3: Unexpected token '}'");
  await podsThat(plane, (pods) => pods.length === 0);
  assert.equal(fn.status?.revision, undefined);
  await functions.patch(key, { spec: code('export default 1\n') }, { type: 'merge' });
  await bringUp(plane);
  await functionThat(plane, (it) => ready(it) === 'True Ready');
});

test('an update that does not load leaves the old revision serving, and says so', async () => {
  await using plane = await open();
  const functions = plane.client.resource(refs.functions);
  await functions.create(functionObject('f', code('export default 1\n')));
  await bringUp(plane);
  const before = await functionThat(plane, (fn) => ready(fn) === 'True Ready');
  const old = before.status?.revision;
  await functions.patch(key, { spec: code('export default {\n') }, { type: 'merge' });
  const isNew = (pod: Pod): boolean => !ofRevision(old)(pod);
  const pods = await podsThat(plane, (all) => all.some(isNew));
  await failToLoad(plane, pods.find(isNew) as Pod);
  const fn = await functionThat(plane, (it) => ready(it) === 'False UpdateFailed');
  assert.equal(fn.status?.revision, old);
  const failure = fn.status?.conditions?.find(({ type }) => type === 'Ready');
  assert.match(failure?.message ?? '', /LoadFailed: index\.js:3: .* still serves/);
  const serving = fn.status?.conditions?.find(({ type }) => type === 'Serving');
  assert.equal(serving?.status, 'True');
  await podsThat(plane, (all) => all.length === 1 && all.every(ofRevision(old)));
});

test('revisions beyond the history limit are removed with their code', async () => {
  await using plane = await open();
  const functions = plane.client.resource(refs.functions);
  await functions.create(
    functionObject('f', { ...code('export default 0\n'), revisionHistoryLimit: 1 }),
  );
  await bringUp(plane);
  let last = (await functionThat(plane, (fn) => ready(fn) === 'True Ready')).status?.revision;
  for (const text of ['export default 1\n', 'export default 2\n']) {
    await functions.patch(key, { spec: code(text) }, { type: 'merge' });
    const before = last;
    await bringUp(plane, (pod) => !ofRevision(before)(pod));
    const fn = await functionThat(
      plane,
      (it) => ready(it) === 'True Ready' && it.status?.revision !== before,
    );
    last = fn.status?.revision;
    await podsThat(plane, (pods) => pods.length === 1);
  }
  await setsThat(plane, (sets) => sets.length === 2);
  const label = names.label.function;
  await eventually(
    plane,
    { ref: refs.configmaps, namespace: 'default' },
    (maps) => maps.filter(({ metadata }) => metadata.labels?.[label] === 'f').length === 2,
  );
});

test('scaling by hand pins the pods of a Function that is awake', async () => {
  await using plane = await open();
  await plane.client.resource(refs.functions).create(functionObject('f'));
  await bringUp(plane);
  await functionThat(plane, (fn) => ready(fn) === 'True Ready');
  const scale = { spec: { replicas: 4 } };
  await plane.client
    .resource(refs.functions)
    .patch(key, scale, { type: 'merge', subresource: 'scale' });
  await podsThat(plane, (pods) => pods.length === 4);
});

test('an autoscaler that starts anew shrinks nothing that it knows nothing of', async () => {
  await using plane = await openControlPlane();
  await installFunctions(plane);
  const scaling = { concurrency: 1, max: 5, idle: '1h' };
  await plane.client.resource(refs.functions).create(functionObject('f', { scaling }));
  {
    await using running = new AsyncDisposableStack();
    running.use(startFunctions(plane));
    const gateway = running.use(await connectGateway(plane));
    await bringUp(plane);
    await functionThat(plane, (fn) => ready(fn) === 'True Ready');
    gateway.poke('default/f', 5);
    const pods = await podsThat(plane, (all) => all.length === 5);
    for (const pod of pods) await becomeReady(plane.client, pod);
  }
  await using running = new AsyncDisposableStack();
  running.use(startFunctions(plane));
  const gateway = running.use(await connectGateway(plane, 'g2'));
  gateway.sample([{ function: 'default/f', inFlight: 1 }]);
  // Its answer to a change is evidence that it has had every chance to shrink the function.
  await plane.client.resource(refs.functions).create(functionObject('other'));
  await podsThat(plane, (pods) => pods.length === 6);
  const [set] = await setsThat(plane, (sets) => sets.length === 2);
  assert.equal(set?.spec.replicas, 5);
  assert.ok(!(await podsThat(plane, () => true)).some(isDraining));
});
