import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState } from '../api/index.ts';
import { crashedPod, pod, readyPod, replicaSet } from './testing/objects.ts';
import { troubleOf } from './trouble.ts';

const set = replicaSet({ revision: 'a' });

function waiting(state: ContainerState) {
  const container = { name: 'function', ready: false, restartCount: 0, image: '', imageID: '' };
  return pod('p', { phase: 'Pending', containerStatuses: [{ ...container, state }] });
}

test('troubleOf() reads a load error with its file and line, even beside other troubles', () => {
  const message = '{"kind":"LoadError","message":"no such export","file":"lib/a.js","line":7}\n';
  const pods = [waiting({ waiting: { reason: 'ErrImagePull' } }), crashedPod('p', message)];
  const trouble = troubleOf(set, pods);
  assert.deepEqual(trouble, { reason: 'LoadFailed', message: 'lib/a.js:7: no such export' });
});

test('troubleOf() takes a message that only looks like a load error as words', () => {
  for (const message of ['{"kind":"LoadError"', '{"kind":"Other","x":"\\"LoadError\\""}', 'null']) {
    assert.equal(troubleOf(set, [crashedPod('p', message)])?.reason, 'CrashLoopBackOff');
  }
});

test('troubleOf() tells what a pod waits for, but not how every pod starts', () => {
  const missing = { reason: 'CreateContainerConfigError', message: 'secret "s" not found' };
  const trouble = troubleOf(set, [waiting({ waiting: missing })]);
  assert.deepEqual(trouble, { reason: 'ConfigError', message: 'secret "s" not found' });
  assert.equal(troubleOf(set, [waiting({ waiting: { reason: 'ContainerCreating' } })]), undefined);
  assert.equal(troubleOf(set, [pod('p')]), undefined);
});

test('troubleOf() names memory as the cause of an out-of-memory kill', () => {
  const trouble = troubleOf(set, [crashedPod('p', '', 'OOMKilled')]);
  assert.equal(trouble?.reason, 'OOMKilled');
  assert.match(trouble?.message ?? '', /limits.memory/);
});

test('troubleOf() tells of pods that cannot be made, unless some serve', () => {
  const message = 'pods "f" is forbidden: exceeded quota: q';
  const refused = replicaSet({
    revision: 'a',
    conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }],
  });
  assert.equal(troubleOf(refused, [])?.reason, 'QuotaExceeded');
  assert.equal(troubleOf(refused, [readyPod('p')]), undefined);
});
