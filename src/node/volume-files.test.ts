import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { placeSwitchedFiles, switchFiles, type VolumeFile } from './volume-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'nought-volume-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Files by their path; a name is a folder everywhere or nowhere. */
const states = fc.dictionary(
  fc.constantFrom('a', 'b', 'c/d', 'c/e', 'f/g/h'),
  fc.string({ maxLength: 3 }),
);

function filesOf(state: Readonly<Record<string, string>>): readonly VolumeFile[] {
  return Object.entries(state).map(([path, data]) => ({ path, data, executable: false }));
}

/** What whoever looks into the volume sees. */
function seen(root: string, below = ''): Record<string, string> {
  const all: Record<string, string> = {};
  for (const name of readdirSync(join(root, below))) {
    if (below === '' && name.startsWith('..')) continue;
    const path = join(below, name);
    if (statSync(join(root, path)).isDirectory()) Object.assign(all, seen(root, path));
    else all[path] = readFileSync(join(root, path), 'utf8');
  }
  return all;
}

describe('switchFiles()', () => {
  it('shows the files of the latest state and no others, and leaves nothing behind', () => {
    let count = 0;
    fc.assert(
      fc.property(states, fc.array(states, { maxLength: 5 }), fc.boolean(), (first, more, keep) => {
        const target = join(folder, String(count++));
        placeSwitchedFiles(target, filesOf(first), undefined);
        assert.deepEqual(seen(target), { ...first });
        for (const state of more) {
          switchFiles(target, filesOf(state), { owner: undefined, keep });
          assert.deepEqual(seen(target), { ...state });
        }
        if (keep) return;
        const hidden = readdirSync(target).filter((name) => name.startsWith('..'));
        assert.deepEqual(
          hidden.toSorted(),
          [readlinkSync(join(target, '..data')), '..data'].toSorted(),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('does nothing when the files are the same, and keeps old ones on demand', () => {
    const target = join(folder, 'same');
    const [one, two] = [filesOf({ a: '1' }), filesOf({ a: '2' })];
    placeSwitchedFiles(target, one, undefined);
    const old = join(target, readlinkSync(join(target, '..data')), 'a');
    assert.equal(switchFiles(target, one, { owner: undefined, keep: true }), false);
    assert.equal(switchFiles(target, two, { owner: undefined, keep: true }), true);
    assert.equal(readFileSync(old, 'utf8'), '1');
    assert.equal(readFileSync(join(target, 'a'), 'utf8'), '2');
  });
});
