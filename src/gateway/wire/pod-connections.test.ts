import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { PodConnections } from './pod-connections.ts';
import { RecentClock } from './recent-clock.ts';

test('idle() keeps the newest connection when there are as many as may be, for the next POST', async () => {
  await using server = createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const clock = new RecentClock({ ...systemClock, monotonic: () => 0 });
  const { port } = server.address() as AddressInfo;
  const pool = new PodConnections({ host: '127.0.0.1', port }, clock);
  const connections = Array.from({ length: 129 }, () => pool.take('new'));
  while (!connections.every((connection) => connection.usable)) await new Promise(setImmediate);
  const newest = connections.pop();
  assert.ok(newest !== undefined);
  for (const connection of connections) pool.idle(connection);
  // By now a pod might be closing those: a request that must not be sent twice trusts none of them.
  clock.recent = 5000;
  pool.idle(newest);
  assert.equal(pool.take('fresh'), newest);
  assert.equal(pool.idleCount, 127);
  newest.destroy();
  pool.close();
});
