import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shell } from '../runtime.contract.ts';
import { hostCommand, imageName } from './command.ts';
import { hostPaths } from './host-paths.ts';

const surroundings = {
  path: '/usr/bin:/bin',
  home: '/',
  temporary: '/tmp',
  terminationLog: '/pods/1/termination-log',
  address: '127.1.2.3',
  ownUser: false,
};
const node = { argv: ['/usr/bin/node', 'server.cjs'], engine: 'node' } as const;

it('imageName() takes off tag and digest, and leaves ports of registries', () => {
  assert.equal(imageName('nought.dev/runtime-node:1.2'), 'nought.dev/runtime-node');
  assert.equal(imageName('host:5000/a/b'), 'host:5000/a/b');
  assert.equal(imageName('host:5000/a/b:tag@sha256:123'), 'host:5000/a/b');
});

it('hostPaths() replaces whole path prefixes only, the longest first', () => {
  const toHost = hostPaths([
    { mountPath: '/data', hostPath: '/h/data', readOnly: true },
    { mountPath: '/data/cache/', hostPath: '/h/cache', readOnly: false },
  ]);
  assert.equal(toHost('/data'), '/h/data');
  assert.equal(toHost('/data/x'), '/h/data/x');
  assert.equal(toHost('/data/cache/x'), '/h/cache/x');
  assert.equal(toHost('/database'), '/database');
  assert.equal(toHost('see /data'), 'see /data');
});

describe('hostCommand()', () => {
  const spec = shell('', { command: [], env: new Map([['PORT', '8080']]) });

  it('gives a runtime image its heap, its socket and its termination log', () => {
    const limited = {
      ...spec,
      memoryBytes: 512 * 2 ** 20,
      env: new Map([
        ['PORT', '9090'],
        ['NOUGHT_TERMINATION_LOG', '/dev/termination-log'],
      ]),
    };
    const command = hostCommand(limited, node, surroundings);
    assert.deepEqual(command.argv, ['/usr/bin/node', '--max-old-space-size=409', 'server.cjs']);
    assert.deepEqual(command.listen, { host: '127.1.2.3', port: 9090 });
    assert.equal(command.env.get('NOUGHT_TERMINATION_LOG'), '/pods/1/termination-log');
  });

  it('leaves listening to code of the signature http', () => {
    const env = new Map([
      ['PORT', '8080'],
      ['NOUGHT_SIGNATURE', 'http'],
    ]);
    assert.equal(hostCommand({ ...spec, env }, node, surroundings).listen, undefined);
  });

  it('runs a command of the host even where the image has a runtime', () => {
    const command = hostCommand({ ...spec, command: ['sh'], args: ['-c'] }, node, surroundings);
    assert.match(command.argv[0] ?? '', /bin\/sh$/);
    assert.deepEqual(command.argv.slice(1), ['-c']);
    assert.equal(command.listen, undefined);
  });

  it('names a workingDir that the host does not have', () => {
    const broken = { ...spec, workingDir: '/no/such/folder' };
    assert.throws(() => hostCommand(broken, node, surroundings), /"\/no\/such\/folder"/);
  });
});
