import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { Addresses } from './addresses.ts';

describe('Addresses', { skip: process.platform !== 'linux' }, () => {
  it('take() gives different addresses in 127/8, none of the host nor of the broadcast', async () => {
    for (const start of [0, 0.37, 0.999999999]) {
      const addresses = new Addresses(start);
      const taken = await Promise.all(Array.from({ length: 300 }, () => addresses.take([])));
      assert.equal(new Set(taken).size, taken.length);
      for (const address of taken) {
        assert.match(address, /^127\.\d+\.\d+\.\d+$/);
        assert.doesNotMatch(address, /^127\.(0|255)\.|\.(0|255)$/);
      }
    }
  });

  it('take() leaves out what is held and what a port cannot be bound on', async () => {
    const [first = '', second = '', third = ''] = await sample(3);
    const server = createServer().listen({ host: second, port: 0 });
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const addresses = new Addresses(0.5);
    addresses.hold(first);
    assert.equal(await addresses.take([address.port]), third);
    server.close();
  });

  it('a freed address is not the next one to be given', async () => {
    const addresses = new Addresses(0.2);
    const first = await addresses.take([]);
    addresses.free(first);
    assert.notEqual(await addresses.take([]), first);
  });

  async function sample(count: number): Promise<readonly string[]> {
    const addresses = new Addresses(0.5);
    const taken: string[] = [];
    for (let index = 0; index < count; index++) taken.push(await addresses.take([]));
    return taken;
  }
});
