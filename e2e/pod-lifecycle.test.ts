import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, type Platform, startPlatform } from './testing/platform.ts';

const sleeps = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

/** A container in one line of YAML. */
function container(name: string, script: string, more = ''): string {
  return `{name: ${name}, image: any, command: [/bin/sh, -c, '${script}']${more}}`;
}

function manifest(name: string, spec: string): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 5
${spec}`;
}

describe('pods through kubectl', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform[Symbol.asyncDispose]());

  async function shows(pod: string, columns: RegExp): Promise<void> {
    await eventually(`${pod} shows ${String(columns)}`, async () => {
      assert.match(await platform.kubectl('get', 'pod', pod, '--no-headers'), columns);
    });
  }

  test('a container that fails is shown in CrashLoopBackOff with its restarts', async () => {
    await platform.apply(manifest('crash', `  containers: [${container('main', 'exit 3')}]`));
    await shows('crash', /^crash +0\/1 +CrashLoopBackOff +1 \(\d+s ago\) /);
    const text = await platform.kubectl('describe', 'pod', 'crash');
    assert.match(text, /Reason: +CrashLoopBackOff/);
    assert.match(text, /Last State: +Terminated\n +Reason: +Error\n +Exit Code: +3/);
  });

  test('a liveness probe that fails restarts its container, and the events say so', async () => {
    const probe =
      ', livenessProbe: {exec: {command: ["false"]}, periodSeconds: 1, failureThreshold: 1}';
    await platform.apply(manifest('sick', `  containers: [${container('main', sleeps, probe)}]`));
    await shows('sick', / [1-9]\d* \(\d+s ago\) /);
    await eventually('the events', async () => {
      const text = await platform.kubectl('describe', 'pod', 'sick');
      assert.match(
        text,
        /Liveness: +exec \[false\] delay=0s timeout=1s period=1s #success=1 #failure=1/,
      );
      assert.match(text, /Warning +Unhealthy .*Liveness probe failed/);
      assert.match(text, /Killing .*Container main failed liveness probe, will be restarted/);
    });
  });

  test('a pod with a sidecar counts it, and completes without it', async () => {
    const spec = (script: string): string => `  restartPolicy: Never
  initContainers: [${container('side', sleeps, ', restartPolicy: Always')}]
  containers: [${container('main', script)}]`;
    await platform.apply(manifest('beside', spec(sleeps)));
    await shows('beside', /^beside +2\/2 +Running +0 /);
    await platform.apply(manifest('job', spec('exit 0')));
    await shows('job', /^job +0\/2 +Completed +0 /);
  });

  test('a pod waits for its init containers and says for which', async () => {
    const spec = `  initContainers: [${container('first', sleeps)}]
  containers: [${container('main', sleeps)}]`;
    await platform.apply(manifest('init', spec));
    await shows('init', /^init +0\/1 +Init:0\/1 +0 /);
  });

  test('a pod that is not done by its deadline has failed', async () => {
    const spec = `  activeDeadlineSeconds: 1
  containers: [${container('main', sleeps)}]`;
    await platform.apply(manifest('late', spec));
    await platform.kubectl(
      'wait',
      '--for=jsonpath={.status.phase}=Failed',
      'pod/late',
      '--timeout=30s',
    );
    const text = await platform.kubectl('describe', 'pod', 'late');
    assert.match(text, /Reason: +DeadlineExceeded/);
  });

  test('preStop is over before a deleted pod is gone', async () => {
    const hook = ', lifecycle: {preStop: {exec: {command: ["false"]}}}';
    await platform.apply(manifest('stop', `  containers: [${container('main', sleeps, hook)}]`));
    await platform.kubectl('wait', '--for=condition=Ready', 'pod/stop', '--timeout=30s');
    await platform.kubectl('delete', 'pod', 'stop', '--wait');
    await eventually('the event', async () => {
      const text = await platform.kubectl(
        'get',
        'events',
        '--field-selector=involvedObject.name=stop',
      );
      assert.match(text, /FailedPreStopHook/);
    });
  });

  test('files of a ConfigMap change in a pod that runs', async () => {
    await platform.kubectl('create', 'configmap', 'settings', '--from-literal=key=one');
    const mount =
      ', env: [{name: DIR, value: /etc/settings}], volumeMounts: [{name: v, mountPath: /etc/settings}]';
    const script = 'trap "exit 0" TERM; while :; do cat $DIR/key; echo; sleep 0.1; done';
    const spec = `  volumes: [{name: v, configMap: {name: settings}}]
  containers: [${container('main', script, mount)}]`;
    await platform.apply(manifest('reads', spec));
    const reads = (text: RegExp): Promise<void> =>
      eventually(`it reads ${String(text)}`, async () => {
        assert.match(await platform.kubectl('logs', 'reads', '--tail=1'), text);
      });
    await reads(/^one$/m);
    await platform.kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"key":"two"}}');
    await reads(/^two$/m);
  });
});
