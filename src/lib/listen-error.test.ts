import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { listenError } from './listen-error.ts';

test('listenError() names the address, why it cannot be had, and what to do', async () => {
  await using holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  assert.ok(address !== null && typeof address === 'object');
  const second = createServer().listen(address.port, '127.0.0.1');
  const [inUse] = (await once(second, 'error').catch((error: unknown) => [error])) as [unknown];
  assert.match(
    listenError(inUse, '127.0.0.1', address.port).message,
    new RegExp(
      `^Cannot listen on 127\\.0\\.0\\.1:${address.port}: the port is in use\\. .*another port`,
    ),
  );
  const denied = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
  assert.match(
    listenError(denied, '0.0.0.0', 80).message,
    /0\.0\.0\.0:80: permission denied\. Choose a port above 1023/,
  );
  const elsewhere = Object.assign(new Error('listen EADDRNOTAVAIL'), { code: 'EADDRNOTAVAIL' });
  assert.match(listenError(elsewhere, '192.0.2.1', 80).message, /does not have that address/);
});
