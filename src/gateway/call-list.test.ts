import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { CallList } from './call-list.ts';

test('CallList holds what was added and not removed, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 19 })), (picks) => {
      const list = new CallList();
      const swept: number[] = [];
      const calls = Array.from({ length: 20 }, (_, id) => ({
        slot: -1,
        sweep: () => swept.push(id),
      }));
      const present = new Set<number>();
      for (const id of picks) {
        const call = calls[id];
        assert.ok(call !== undefined);
        if (present.delete(id)) list.remove(call);
        else {
          present.add(id);
          list.add(call);
        }
      }
      list.sweep(0);
      assert.deepEqual(
        swept.toSorted((a, b) => a - b),
        [...present].toSorted((a, b) => a - b),
      );
      assert.equal(list.size, present.size);
    }),
  );
});
