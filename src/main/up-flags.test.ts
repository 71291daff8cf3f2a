import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUpFlags } from './up-flags.ts';
import { UsageError } from './usage-error.ts';

test('parseUpFlags() has the defaults of the contract', () => {
  assert.deepEqual(parseUpFlags([]), {
    home: undefined,
    port: 6443,
    gatewayPort: 8080,
    clients: { tls: undefined, limits: {} },
    store: 'lmdb',
    gateways: 1,
    warmPool: 32,
    hpaSyncPeriodMs: 15_000,
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
    '--gateway-tls-port=8443',
    '--gateway-tls-cert',
    '/tls.crt',
    '--gateway-tls-key',
    '/tls.key',
    '--max-body-bytes',
    '1000000',
    '--max-connections-per-client',
    '100',
    '--store',
    'memory',
    '--gateways',
    '3',
    '--runtime',
    'process',
    '--warm-pool',
    '5',
    '--horizontal-pod-autoscaler-sync-period=1m30s',
    '--access-log',
    'combined',
    '--metrics-port',
    '9100',
  ];
  assert.deepEqual(parseUpFlags(flags), {
    home: '/h',
    port: 0,
    gatewayPort: 0,
    clients: {
      tls: { port: 8443, files: { certFile: '/tls.crt', keyFile: '/tls.key' } },
      limits: { bodyBytes: 1_000_000, connectionsPerClient: 100 },
    },
    store: 'memory',
    gateways: 3,
    warmPool: 5,
    hpaSyncPeriodMs: 90_000,
    accessLog: 'combined',
    metricsPort: 9100,
  });
  assert.equal(parseUpFlags(['--help']), 'help');
});

for (const [args, words] of [
  [['--port', '70000'], /--port "70000": expected a number from 0 to 65535/],
  [['--port', '-1'], /--port/],
  [['--gateways', '0'], /--gateways "0": expected a number from 1 to 64/],
  [['--gateway-tls-cert', 'a', '--gateway-tls-port', '1'], /--gateway-tls-cert: .* go together/],
  [['--gateway-tls-key', 'a', '--gateway-tls-port', '1'], /--gateway-tls-key: .* go together/],
  [['--gateway-tls-cert', 'a', '--gateway-tls-key', 'b'], /--gateway-tls-port is missing/],
  [['--max-body-bytes', '8Mi'], /--max-body-bytes "8Mi": expected a number from 1/],
  [['--max-connections-per-client', '0'], /--max-connections-per-client "0"/],
  [['--store', 'floppy'], /--store "floppy": expected lmdb or memory/],
  [['--warm-pool', 'on'], /--warm-pool "on": expected a number from 0 to 1000, or off$/],
  [
    ['--horizontal-pod-autoscaler-sync-period', '0.5s'],
    /--horizontal-pod-autoscaler-sync-period "0.5s": expected a duration from 1s to 24h/,
  ],
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
