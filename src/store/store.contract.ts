import { describe } from 'node:test';
import { commitTests } from './contract/commit.contract.ts';
import { compactTests } from './contract/compact.contract.ts';
import { modelTests } from './contract/model.contract.ts';
import type { OpenStore } from './contract/open-store.contract.ts';
import { readTests } from './contract/read.contract.ts';
import { watchTests } from './contract/watch.contract.ts';

/** What every store must do, whatever it stands on. */
export function describeStore(name: string, open: OpenStore): void {
  describe(`${name}: commit()`, () => commitTests(open));
  describe(`${name}: range() and get()`, () => readTests(open));
  describe(`${name}: watch()`, () => watchTests(open));
  describe(`${name}: compact()`, () => compactTests(open));
  describe(`${name}: model`, () => modelTests(open));
}
