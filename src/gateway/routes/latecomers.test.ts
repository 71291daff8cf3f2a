import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionObject } from '../../api/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { MemoryInformer } from '../testing/memory-informer.ts';
import { functionObject } from '../testing/objects.ts';
import { Latecomers } from './latecomers.ts';

function bench(exists: (name: string) => Promise<FunctionObject | undefined>): {
  readonly functions: MemoryInformer<FunctionObject>;
  readonly latecomers: Latecomers;
  readonly asked: readonly string[];
} {
  const functions = new MemoryInformer<FunctionObject>();
  const asked: string[] = [];
  const find = ({ name }: { readonly name: string }): Promise<FunctionObject | undefined> => {
    asked.push(name);
    return exists(name);
  };
  const signal = new AbortController().signal;
  return {
    functions,
    asked,
    latecomers: new Latecomers({ functions, find, clock: systemClock, signal }),
  };
}

test('lookup() waits until the watch tells of a function that the API server has', async () => {
  const object = functionObject();
  const { name, namespace } = object.metadata;
  const { functions, latecomers } = bench(() => Promise.resolve(object));
  let settled = false;
  const lookup = latecomers.lookup(`${namespace}/${name}`)?.then(() => (settled = true));
  await new Promise(setImmediate);
  assert.equal(settled, false);
  functions.put(object);
  await lookup;
  assert.equal(settled, true);
});

test('lookup() waits until the watch tells of a tag that the API server has in the spec', async () => {
  const traffic = [{ latest: true, tag: 'now' }];
  const object = functionObject({ spec: { traffic } });
  const { functions, latecomers } = bench(() => Promise.resolve(object));
  functions.put(object);
  let settled = false;
  const lookup = latecomers.lookup('default/diff@now')?.then(() => (settled = true));
  await new Promise(setImmediate);
  assert.equal(settled, false);
  functions.put(functionObject({ spec: { traffic }, traffic }));
  await lookup;
  await latecomers.lookup('default/diff@other');
  assert.equal(latecomers.lookup('default/diff@a@b'), undefined);
});

test('lookup() settles for what does not exist, and while the API server is away', async () => {
  await bench(() => Promise.resolve(undefined)).latecomers.lookup('default/nobody');
  await bench(() => Promise.reject(new Error('away'))).latecomers.lookup('default/nobody');
});

test('lookup() asks once for callers of one name, for few names at once, and never for a malformed one', async () => {
  const answer = Promise.withResolvers<undefined>();
  const { latecomers, asked } = bench(() => answer.promise);
  assert.equal(latecomers.lookup('default/a'), latecomers.lookup('default/a'));
  assert.equal(latecomers.lookup('default/..'), undefined);
  assert.equal(latecomers.lookup('default/A%2fb'), undefined);
  const lookups = Array.from({ length: 100 }, (_, index) => latecomers.lookup(`default/f${index}`));
  assert.ok(lookups.some((lookup) => lookup === undefined));
  assert.ok(asked.length < 20);
  answer.resolve(undefined);
  for (const lookup of lookups) await lookup;
});
