import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PodSpec } from '../../api/index.ts';
import { nodeWith, type NodeTraits, podWith } from '../testing/pods.ts';
import { type Host, isTolerated, placePod } from './place-pod.ts';
import { podRequests } from './resources.ts';

function host(traits: NodeTraits, requested: Readonly<Record<string, number>> = {}): Host {
  return { node: nodeWith(traits), requested: new Map(Object.entries(requested)) };
}

function asking(requests: Readonly<Record<string, string>>): Partial<PodSpec> {
  return { containers: [{ name: 'c', resources: { requests } }] };
}

test('placePod() spreads: the node with the larger share left wins, then the name', () => {
  const pod = podWith({ spec: asking({ cpu: '500m' }) });
  const hosts = [
    host({ name: 'b' }, { cpu: 2000, pods: 1 }),
    host({ name: 'a' }, { cpu: 1000, pods: 1 }),
  ];
  assert.deepEqual(placePod(pod, hosts), { kind: 'node', name: 'a' });
  assert.deepEqual(placePod(podWith({}), [host({ name: 'y' }), host({ name: 'x' })]), {
    kind: 'node',
    name: 'x',
  });
});

test('pods that ask for nothing are spread, too', () => {
  const hosts = [host({ name: 'a' }, { pods: 3 }), host({ name: 'b' }, { pods: 2 })];
  assert.deepEqual(placePod(podWith({}), hosts), { kind: 'node', name: 'b' });
});

test('placePod() says why no node fits, in upstream words', () => {
  const spec = { ...asking({ cpu: '2', memory: '1Gi' }), nodeSelector: { disk: 'ssd' } };
  const labels = { disk: 'ssd' };
  const hosts = [
    host({ name: 'cordoned', labels, spec: { unschedulable: true } }),
    host({
      name: 'tainted',
      labels,
      spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] },
    }),
    host({ name: 'down', labels, ready: 'False' }),
    host({ name: 'lost', labels, ready: 'Unknown' }),
    host({ name: 'elsewhere' }),
    host({ name: 'small', labels, cpu: '1', memory: '512Mi' }),
    host({ name: 'busy', labels }, { cpu: 3000 }),
    host({ name: 'full', labels, pods: '1' }, { pods: 1 }),
  ];
  assert.deepEqual(placePod(podWith({ spec }), hosts), {
    kind: 'none',
    message:
      "0/8 nodes are available: 1 Insufficient memory, 1 Too many pods, 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 1 node(s) were unschedulable, 2 Insufficient cpu.",
  });
  assert.deepEqual(placePod(podWith({}), []), {
    kind: 'none',
    message: 'no nodes available to schedule pods',
  });
});

test('placePod() never gives a node more than it has, and always finds room that is there', () => {
  const cpus = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(
      cpus,
      fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 4 }),
      (asked, sizes) => {
        const free = sizes.slice();
        for (const tenths of asked) {
          const pod = podWith({ spec: asking({ cpu: `${tenths}00m` }) });
          const hosts = sizes.map((size, index) =>
            host(
              { name: `n${index}`, cpu: `${size}00m` },
              { cpu: (size - (free[index] ?? 0)) * 100 },
            ),
          );
          const placement = placePod(pod, hosts);
          const largest = Math.max(...free);
          if (placement.kind === 'node') {
            const index = Number(placement.name.slice(1));
            free[index] = (free[index] ?? 0) - tenths;
            assert.equal((free[index] ?? 0) >= 0, true);
          } else {
            assert.equal(largest < tenths, true);
          }
        }
      },
    ),
  );
});

test('podRequests() takes the larger of init containers and containers, sidecars with both', () => {
  const cpu = (value: string) => ({ resources: { requests: { cpu: value } } });
  const spec = {
    overhead: { cpu: '50m' },
    initContainers: [
      { name: 'first', ...cpu('1') },
      { name: 'sidecar', restartPolicy: 'Always', ...cpu('200m') },
      { name: 'second', ...cpu('3') },
    ],
    containers: [
      { name: 'a', ...cpu('500m') },
      { name: 'b', resources: { limits: { cpu: '1', memory: '1Ki' } } },
    ],
  };
  const requests = podRequests(podWith({ spec }));
  assert.equal(requests.get('cpu'), 3250);
  assert.equal(requests.get('memory'), 1024);
  assert.equal(requests.get('pods'), 1);
});

test('isTolerated() follows the rules for keys, operators and effects', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  assert.equal(isTolerated(taint, [{ operator: 'Exists' }]), true);
  assert.equal(isTolerated(taint, [{ key: 'k', operator: 'Exists' }]), true);
  assert.equal(isTolerated(taint, [{ key: 'k', value: 'v' }]), true);
  assert.equal(isTolerated(taint, [{ key: 'k', value: 'v', effect: 'NoSchedule' }]), true);
  assert.equal(isTolerated(taint, [{ key: 'k', value: 'w' }]), false);
  assert.equal(isTolerated(taint, [{ key: 'k' }]), false);
  assert.equal(isTolerated(taint, [{ value: 'v' }]), false);
  assert.equal(isTolerated(taint, [{ key: 'k', value: 'v', effect: 'NoExecute' }]), false);
});
