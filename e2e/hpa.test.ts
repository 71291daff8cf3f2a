import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FunctionObject, HorizontalPodAutoscaler, KubeList, Pod } from '../src/api/index.ts';
import { eventually, type Platform, startPlatform } from './testing/platform.ts';

const code = `export default ({ ms }) => {
  const end = Date.now() + ms;
  while (Date.now() < end);
  return process.pid;
};`;

function burner(name: string): string {
  const inline = code.replaceAll('\n', '\n      ');
  return `apiVersion: nought.dev/v1
kind: Function
metadata: {name: ${name}}
spec:
  runtime: node
  source:
    inline: |
      ${inline}
  resources: {requests: {cpu: 100m}}
  scaling: {idle: 10m, min: 1}
`;
}

/** Scales a function by its CPU, to a tenth of a core each. */
function autoscaler(name: string, period: string): string {
  return `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: ${name}
  annotations: {nought.dev/sync-period: ${period}}
spec:
  scaleTargetRef: {apiVersion: nought.dev/v1, kind: Function, name: ${name}}
  minReplicas: 1
  maxReplicas: 2
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
  behavior:
    scaleDown: {stabilizationWindowSeconds: 1}
`;
}

let platform: Platform;

before(async () => {
  platform = await startPlatform();
  await platform.apply(burner('quick'));
  await platform.apply(burner('slow'));
  for (const name of ['quick', 'slow']) {
    const answer = await platform.call(name, { ms: 0 });
    assert.equal(answer.status, 200, await answer.text());
  }
});

after(() => platform[Symbol.asyncDispose]());

async function get<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await platform.kubectl('get', ...args, '-o', 'json')) as T;
}

function hpa(name: string): Promise<HorizontalPodAutoscaler> {
  return get<HorizontalPodAutoscaler>('hpa', name);
}

async function pods(name: string): Promise<number> {
  const { items } = await get<KubeList<Pod>>('pods', '-l', `nought.dev/function=${name}`);
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).length;
}

/** Burns the CPU by calls, one after another, while `during` runs. */
async function burning(functions: readonly string[], during: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const calls = functions.map(async (name) => {
    while (!stop.signal.aborted) {
      const answer = await platform.call(name, { ms: 200 });
      await answer.text();
    }
  });
  try {
    await during();
  } finally {
    stop.abort();
    await Promise.all(calls);
  }
}

const patienceMs = 60_000;

test('HPAs scale functions by their CPU, each at its own interval, changed without a restart', async () => {
  // Its first decision can change nothing, and the next one is a day away.
  await platform.apply(autoscaler('slow', '24h').replace('maxReplicas: 2', 'maxReplicas: 1'));
  await eventually('the slow one has decided', async () => {
    const { status } = await hpa('slow');
    assert.ok((status?.conditions?.length ?? 0) > 0);
  });
  await platform.apply(autoscaler('slow', '24h'));
  await burning(['quick', 'slow'], async () => {
    await platform.apply(autoscaler('quick', '1s'));
    await eventually(
      'the quick one scales up',
      async () => {
        assert.equal(await pods('quick'), 2);
        const { status } = await hpa('quick');
        assert.ok(status?.lastScaleTime !== undefined);
        const conditions = status.conditions ?? [];
        assert.deepEqual(
          conditions.map((one) => `${one.type}=${one.status}`).toSorted(),
          ['AbleToScale=True', 'ScalingActive=True', 'ScalingLimited=True'],
          JSON.stringify(conditions),
        );
        assert.ok((status.currentMetrics?.[0]?.resource?.current.averageUtilization ?? 0) > 0);
      },
      patienceMs,
    );
    const own = await platform.nought('top', 'pods', '--containers', '--sort-by=cpu');
    assert.match(
      own.stdout,
      /^POD +NAME +CPU\(cores\) +MEMORY\(bytes\)\n(quick|slow)-\S+ +function /,
    );
    const slow = await hpa('slow');
    assert.equal(slow.status?.lastScaleTime, undefined, 'its second turn is a day away');
    const top = await platform.kubectl('top', 'pods', '--containers');
    assert.match(top, /^quick-\S+ +function +\d+m +\d+Mi/m);
    assert.match(top, /^slow-\S+ +function +\d+m +\d+Mi/m);
    await platform.kubectl('annotate', '--overwrite', 'hpa/slow', 'nought.dev/sync-period=1s');
    await eventually(
      'the slow one follows',
      async () => assert.equal(await pods('slow'), 2),
      patienceMs,
    );
  });
  for (const name of ['quick', 'slow']) {
    await eventually(
      `${name} shrinks`,
      async () => {
        assert.equal(await pods(name), 1);
        const { status } = await hpa(name);
        assert.equal(status?.currentReplicas, 1);
      },
      patienceMs,
    );
  }
  const events = await platform.kubectl('get', 'events', '-o', 'custom-columns=:.reason,:.message');
  assert.match(
    events,
    /SuccessfulRescale +New size: 2; reason: cpu resource utilization \(percentage of request\) above target/,
  );
  assert.match(events, /SuccessfulRescale +New size: 1; reason: All metrics below target/);
});

test('an HPA that names a ReplicaSet of a function scales the function, which keeps to it', async () => {
  await platform.apply(burner('owned'));
  assert.equal((await platform.call('owned', { ms: 0 })).status, 200);
  const sets = await get<KubeList>('rs', '-l', 'nought.dev/function=owned');
  const [set] = sets.items;
  await platform.apply(
    autoscaler('owned', '1s')
      .replace(
        'nought.dev/v1, kind: Function, name: owned',
        `apps/v1, kind: ReplicaSet, name: ${set?.metadata.name}`,
      )
      .replace('minReplicas: 1', 'minReplicas: 2'),
  );
  await eventually('the function has two pods', async () => {
    const { spec, status } = await get<FunctionObject>('fn', 'owned');
    assert.deepEqual([spec.replicas, status?.replicas], [2, 2]);
    assert.equal((await hpa('owned')).status?.currentReplicas, 2);
  });
});

test('an HPA says why it cannot work', async () => {
  await platform.apply(autoscaler('lost', '1s'));
  await platform.apply(
    autoscaler('odd', '1s')
      .replace('name: odd}', 'name: quick}')
      .replace(
        /type: Resource\n +resource: .*/,
        'type: External\n      external: {metric: {name: queue}, target: {type: AverageValue, averageValue: 1}}',
      ),
  );
  const condition = async (name: string, type: string): Promise<string> => {
    const all = (await hpa(name)).status?.conditions ?? [];
    const { status, reason, message } = all.find((each) => each.type === type) ?? {};
    return `${status} ${reason}: ${message}`;
  };
  await eventually('they say it', async () => {
    assert.match(
      await condition('lost', 'AbleToScale'),
      /^False FailedGetScale: .*"lost" not found/,
    );
    assert.match(
      await condition('odd', 'ScalingActive'),
      /^False FailedGetExternalMetric: .*type External/,
    );
  });
  await platform.kubectl('delete', 'hpa', 'lost', 'odd');
});

test('kubectl top nodes shows this machine', async () => {
  const top = await platform.kubectl('top', 'nodes');
  const own = await platform.nought('top', 'nodes', '--no-headers');
  assert.match(own.stdout, /^\S+ +\d+m +\d+% +\d+Mi +\d+%\n$/);
  assert.match(
    top,
    /^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\) *\n\S+ +\d+m +\d+% +\d+Mi +\d+% *\n$/,
  );
});

test('kubectl autoscale makes an HPA, and nonsense is refused when it is applied', async () => {
  await platform.kubectl(
    'autoscale',
    'function',
    'quick',
    '--name=made',
    '--min=1',
    '--max=3',
    '--cpu=70%',
  );
  const made = await hpa('made');
  assert.deepEqual(
    [made.spec.scaleTargetRef.kind, made.spec.metrics?.[0]?.resource?.target.averageUtilization],
    ['Function', 70],
  );
  await platform.kubectl('delete', 'hpa', 'made');
  for (const period of ['0s', '-5s', 'soon']) {
    const { code: failed, stderr } = await platform.tryKubectl(
      'annotate',
      '--overwrite',
      'hpa/quick',
      `nought.dev/sync-period=${period}`,
    );
    assert.equal(failed, 1);
    assert.match(stderr, /must be a duration from 1s to 24h, such as 30s/);
  }
});

test('an HPA neither wakes a function that sleeps nor pins it', async () => {
  await platform.apply(burner('asleep').replace('idle: 10m, min: 1', 'idle: 1s'));
  await eventually('it sleeps', async () => assert.equal(await pods('asleep'), 0));
  await platform.apply(autoscaler('asleep', '1s'));
  await eventually('it is left alone', async () => {
    const active = (await hpa('asleep')).status?.conditions?.find(
      ({ type }) => type === 'ScalingActive',
    );
    assert.deepEqual([active?.status, active?.reason], ['False', 'ScalingDisabled']);
  });
  assert.equal(await pods('asleep'), 0);
  const { spec } = await get<FunctionObject>('fn', 'asleep');
  assert.equal(spec.replicas, undefined);
});
