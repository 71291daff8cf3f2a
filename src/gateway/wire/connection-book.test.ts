import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, ConnectionBook } from './connection-book.ts';

test('ConnectionBook admits up to its limits, and again after a release', () => {
  const book = new ConnectionBook({ connections: 3, connectionsPerClient: 2 });
  assert.equal(book.admit('a'), undefined);
  assert.equal(book.admit('a'), undefined);
  assert.equal(book.admit('a'), 'client-limit');
  assert.equal(book.admit('b'), undefined);
  assert.equal(book.admit('c'), 'limit');
  assert.equal(book.open, 3);
  book.release('a');
  assert.equal(book.admit('c'), undefined);
  book.release('nobody');
  assert.equal(book.open, 3);
});

for (const [address, client] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64'],
] as const) {
  test(`clientOf() counts ${address} as ${client}`, () => {
    assert.equal(clientOf(address), client);
  });
}
