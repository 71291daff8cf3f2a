import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PoolMembers } from './pool-members.ts';

const node = { pool: 'default/node', graceSeconds: 35 };

test('put() names the pools for which something has changed', () => {
  const members = new PoolMembers();
  assert.deepEqual(members.put('default/a', node), ['default/node']);
  assert.deepEqual(members.put('default/a', { ...node }), []);
  const python = { ...node, pool: 'default/python' };
  assert.deepEqual(members.put('default/a', python), ['default/node', 'default/python']);
  assert.deepEqual(members.put('default/a', undefined), ['default/python']);
  assert.deepEqual(members.put('default/a', undefined), []);
});

test('graceSeconds() is the longest of the pool’s functions, and none without any', () => {
  const members = new PoolMembers();
  members.put('default/a', node);
  members.put('default/b', { ...node, graceSeconds: 65 });
  members.put('default/c', node);
  assert.equal(members.graceSeconds('default/node'), 65);
  members.put('default/b', undefined);
  members.put('default/a', undefined);
  assert.equal(members.graceSeconds('default/node'), 35);
  members.put('default/c', undefined);
  assert.equal(members.graceSeconds('default/node'), undefined);
});
