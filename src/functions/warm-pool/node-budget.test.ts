import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, Node } from '../../api/index.ts';
import type { Informer } from '../../client/index.ts';
import { nodeBudget } from './node-budget.ts';

function node(name: string, memory: string, conditions: Readonly<Record<string, string>>): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    status: {
      allocatable: { cpu: '2', memory },
      conditions: Object.entries(conditions).map(
        ([type, status]) => ({ type, status }) as Condition,
      ),
    },
  };
}

function budgetOf(nodes: readonly Node[], synced = true): ReturnType<typeof nodeBudget> {
  const informer: Pick<Informer<Node>, 'hasSynced' | 'list'> = {
    hasSynced: () => synced,
    list: () => nodes,
  };
  return nodeBudget(informer);
}

test('nodeBudget() is a fifth of the memory of nodes that are ready and not short of it', () => {
  const good = node('good', '10Gi', { Ready: 'True', MemoryPressure: 'False' });
  const away = node('away', '10Gi', { Ready: 'Unknown' });
  const short = node('short', '10Gi', { Ready: 'True', MemoryPressure: 'True' });
  const cordoned = { ...good, spec: { unschedulable: true } };
  assert.deepEqual(budgetOf([good, away, short, cordoned]), {
    pods: 32,
    boots: 2,
    pressed: new Set(['short']),
  });
  assert.equal(budgetOf([good, good]).pods, 64);
  assert.deepEqual(budgetOf([short]), { pods: 0, boots: 1, pressed: new Set(['short']) });
});

test('nodeBudget() sets no limit while nothing is known of the nodes', () => {
  assert.equal(budgetOf([], false).pods, Infinity);
});
