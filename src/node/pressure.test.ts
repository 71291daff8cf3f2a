import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { type HostRoom, hostRoom, NodePressure } from './pressure.ts';

const gibibyte = 2 ** 30;
const roomy: HostRoom = {
  memory: { free: 4 * gibibyte, total: 8 * gibibyte },
  disk: { free: 50 * gibibyte, total: 100 * gibibyte },
  inodes: { free: 50_000, total: 100_000 },
  processes: { free: 30_000, total: 32_768 },
};
const words = (room: HostRoom): readonly string[] => [
  ...new NodePressure().observe(room, 0).values(),
];

describe('NodePressure', () => {
  it('tells what is short: memory, disk, processes', () => {
    assert.deepEqual(words(roomy), ['enough', 'enough', 'enough']);
    const memory = { free: 0.3 * gibibyte, total: 8 * gibibyte };
    assert.deepEqual(words({ ...roomy, memory }), ['short', 'enough', 'enough']);
    const small = { free: 0.09 * gibibyte, total: gibibyte };
    assert.deepEqual(words({ ...roomy, memory: small }), ['short', 'enough', 'enough']);
    const disk = { free: 0.9 * gibibyte, total: 100 * gibibyte };
    assert.deepEqual(words({ ...roomy, disk }), ['enough', 'short', 'enough']);
    const inodes = { free: 4000, total: 100_000 };
    assert.deepEqual(words({ ...roomy, inodes }), ['enough', 'short', 'enough']);
    const processes = { free: 3000, total: 32_768 };
    assert.deepEqual(words({ ...roomy, processes }), ['enough', 'enough', 'short']);
  });

  it('does not call a large disk short that has gigabytes left, nor a small one', () => {
    const large = { free: 2 * gibibyte, total: 4000 * gibibyte };
    const small = { free: 0.2 * gibibyte, total: gibibyte };
    for (const disk of [large, small]) assert.equal(words({ ...roomy, disk })[1], 'enough');
  });

  it('says nothing of what the host does not tell', () => {
    const room = { ...roomy, disk: undefined, inodes: undefined, processes: undefined };
    assert.deepEqual(words(room), ['enough', 'unknown', 'unknown']);
  });

  it('holds a shortage for a minute after it was seen last', () => {
    const pressure = new NodePressure();
    const short = { ...roomy, memory: { free: 0, total: gibibyte } };
    const at = (room: HostRoom, now: number) => pressure.observe(room, now).get('MemoryPressure');
    assert.equal(at(short, 0), 'short');
    assert.equal(at(roomy, 30_000), 'short');
    assert.equal(at(short, 50_000), 'short');
    assert.equal(at(roomy, 109_999), 'short');
    assert.equal(at(roomy, 110_000), 'enough');
  });

  it('hostRoom() finds this host to have memory and a disk', async () => {
    const { memory, disk } = await hostRoom(tmpdir());
    assert.ok((memory?.free ?? 0) > 0 && (memory?.total ?? 0) >= (memory?.free ?? 0));
    assert.ok((disk?.total ?? 0) > 0);
  });
});
