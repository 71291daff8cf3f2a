import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUpFlags, UsageError } from './up-flags.ts';

test('parseUpFlags() has the defaults of the contract', () => {
  assert.deepEqual(parseUpFlags([]), {
    home: undefined,
    port: 6443,
    gatewayPort: 8080,
    store: 'lmdb',
    gateways: 1,
    warmPool: 32,
    accessLog: undefined,
    metricsPort: undefined,
  });
});

test('parseUpFlags() takes each flag', () => {
  const flags = [
    '--home',
    '/h',
    '--port',
    '0',
    '--gateway-port=0',
    '--store',
    'memory',
    '--gateways',
    '3',
    '--runtime',
    'process',
    '--warm-pool',
    '5',
    '--access-log',
    'combined',
    '--metrics-port',
    '9100',
  ];
  assert.deepEqual(parseUpFlags(flags), {
    home: '/h',
    port: 0,
    gatewayPort: 0,
    store: 'memory',
    gateways: 3,
    warmPool: 5,
    accessLog: 'combined',
    metricsPort: 9100,
  });
  assert.equal(parseUpFlags(['--help']), 'help');
});

for (const [args, words] of [
  [['--port', '70000'], /--port "70000": expected a number from 0 to 65535/],
  [['--port', '-1'], /--port/],
  [['--gateways', '0'], /--gateways "0": expected a number from 1 to 64/],
  [['--store', 'floppy'], /--store "floppy": expected lmdb or memory/],
  [['--warm-pool', 'on'], /--warm-pool "on": expected a number from 0 to 1000/],
  [['--access-log', 'xml'], /--access-log "xml": expected json or combined/],
  [['--metrics-port', 'x'], /--metrics-port "x"/],
  [['--runtime', 'magic'], /--runtime "magic": expected process/],
  [['--home', ''], /--home/],
  [['--homme', '/h'], /--homme/],
  [['now'], /now/],
] as const) {
  test(`parseUpFlags() refuses ${args.join(' ')} by name`, () => {
    assert.throws(
      () => parseUpFlags(args),
      (error) => error instanceof UsageError && words.test(error.message),
    );
  });
}
