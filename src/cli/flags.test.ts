import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './command.ts';
import { parseCount, parseFlags } from './flags.ts';

const options = {
  output: { type: 'string', short: 'o' },
  wait: { type: 'boolean' },
  'no-headers': { type: 'boolean' },
  filename: { type: 'string', short: 'f', multiple: true },
} as const;

function refusal(args: readonly string[]): string {
  try {
    parseFlags(args, options);
  } catch (error) {
    assert(error instanceof UsageError);
    return error.message;
  }
  return 'none';
}

test('parseFlags() reads every spelling that kubectl reads', () => {
  for (const args of [
    ['-o', 'json'],
    ['-ojson'],
    ['-o=json'],
    ['--output=json'],
    ['--output', 'json'],
  ]) {
    assert.equal(parseFlags(args, options).values.output, 'json', args.join(' '));
  }
  assert.equal(parseFlags(['--wait=false'], options).values.wait, false);
  assert.equal(parseFlags(['--wait=true'], options).values.wait, true);
  assert.equal(parseFlags(['--no-headers'], options).values['no-headers'], true);
  assert.deepEqual(parseFlags(['-f', 'a', 'x', '-f', 'b'], options).values.filename, ['a', 'b']);
});

test('parseFlags() leaves words behind -- alone', () => {
  assert.deepEqual(parseFlags(['a', '--', '--wait=false'], options).positionals, [
    'a',
    '--wait=false',
  ]);
});

test('parseFlags() names an unknown flag and the one that was meant', () => {
  assert.equal(refusal(['--outptu=json']), 'Unknown flag "--outptu"; did you mean "--output"?');
  assert.equal(refusal(['--bogus']), 'Unknown flag "--bogus"');
  assert.equal(refusal(['-x']), 'Unknown flag "-x"');
  assert.equal(refusal(['-o']), 'The flag "--output" needs a value');
});

test('parseCount() takes whole numbers alone', () => {
  assert.equal(parseCount('--tail', '-1', -1), -1);
  for (const text of ['', '1.5', 'x', '-2', '1e3']) {
    assert.throws(() => parseCount('--tail', text, -1), UsageError, text);
  }
});
