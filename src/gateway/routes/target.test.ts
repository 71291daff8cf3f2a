import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { resolveTarget, type Target } from './target.ts';

function resolve(target: string, method = 'POST', host = '127.0.0.1:8080'): Target {
  return resolveTarget({ target, method, host, websocket: false }, 'localhost');
}

describe('resolveTarget', () => {
  const cases: readonly [target: string, method: string, host: string, expected: Target][] = [
    ['/ns/fn', 'POST', '', { kind: 'call', function: 'ns/fn', byHost: false, path: '/' }],
    ['/ns/fn?a', 'POST', '', { kind: 'call', function: 'ns/fn', byHost: false, path: '/?a' }],
    [
      '/ns/fn?a=/../b',
      'POST',
      '',
      { kind: 'call', function: 'ns/fn', byHost: false, path: '/?a=/../b' },
    ],
    ['/ns/fn/', 'GET', '', { kind: 'call', function: 'ns/fn', byHost: false, path: '/' }],
    ['/ns/fn//a', 'GET', '', { kind: 'call', function: 'ns/fn', byHost: false, path: '//a' }],
    ['/ns/fn/a/b?c', 'GET', '', { kind: 'call', function: 'ns/fn', byHost: false, path: '/a/b?c' }],
    ['/ns/fn', 'GET', '', { kind: 'check', function: 'ns/fn', byHost: false }],
    ['/ns/fn?a', 'HEAD', '', { kind: 'check', function: 'ns/fn', byHost: false }],
    ['/ns/fn@t', 'GET', '', { kind: 'check', function: 'ns/fn@t', byHost: false }],
    ['/ns/fn@t/a', 'GET', '', { kind: 'call', function: 'ns/fn@t', byHost: false, path: '/a' }],
    ['/', 'GET', '', { kind: 'none' }],
    ['/ns', 'POST', '', { kind: 'none' }],
    ['/ns/', 'POST', '', { kind: 'none' }],
    ['//fn', 'POST', '', { kind: 'none' }],
    ['/ns//a', 'POST', '', { kind: 'none' }],
    ['/-/healthz', 'GET', '', { kind: 'own', name: 'healthz' }],
    [
      '/-/healthz',
      'GET',
      'fn.ns.localhost',
      { kind: 'call', function: 'ns/fn', byHost: true, path: '/-/healthz' },
    ],
    [
      '/a?b',
      'GET',
      'FN.ns.LOCALHOST:8080',
      { kind: 'call', function: 'ns/fn', byHost: true, path: '/a?b' },
    ],
    [
      '/a',
      'GET',
      'fn.ns.localhost.',
      { kind: 'call', function: 'ns/fn', byHost: true, path: '/a' },
    ],
    ['/a', 'GET', 'ns.localhost', { kind: 'none' }],
    ['/a', 'GET', 'x.fn.ns.localhost', { kind: 'none' }],
    ['/a', 'GET', '.ns.localhost', { kind: 'none' }],
    ['/a', 'GET', 'fn.nslocalhost', { kind: 'none' }],
    ['/a', 'GET', '[::1]:80', { kind: 'none' }],
  ];
  for (const [target, method, host, expected] of cases) {
    test(`${method} ${target} ${host}`, () => {
      assert.deepEqual(resolve(target, method, host), expected);
    });
  }

  for (const path of [
    '/ns/fn/..',
    '/ns/../x/y',
    '/ns/fn/./a',
    '/ns/fn/%2e%2E/a',
    '/ns/fn/.%2e',
    '/ns/fn/..%2fa',
    '/ns/fn/a\\..\\b',
    '/ns/fn/..;x',
  ]) {
    test(`refuses ${path}`, () => {
      assert.equal(resolve(path).kind, 'malformed');
    });
  }

  test('property: what is stripped is exactly the function, and the rest is untouched', () => {
    const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const rest = fc.stringMatching(/^[A-Za-z0-9/%_~+]{0,20}(\?[!-~]{0,10})?$/);
    fc.assert(
      fc.property(name, name, rest, (namespace, fn, tail) => {
        assert.deepEqual(resolve(`/${namespace}/${fn}/${tail}`), {
          kind: 'call',
          function: `${namespace}/${fn}`,
          byHost: false,
          path: `/${tail}`,
        });
      }),
    );
  });

  test('property: any target of visible characters is resolved to something', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-"$-~]{0,30}$/), (text) => {
        const target = resolve(`/${text}`);
        if (target.kind === 'call') assert.ok(target.path.startsWith('/'));
      }),
    );
  });
});
