import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { commands } from './commands.ts';
import { runCommand } from './run-command.ts';

async function run(...args: readonly string[]) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const { signal } = new AbortController();
  const io = { stdin, stdout, stderr, env: {}, cwd: '/', home: '/nonexistent', signal };
  const code = await runCommand(args, io);
  stdout.end();
  stderr.end();
  return { code, out: await text(stdout), err: await text(stderr) };
}

test('runCommand() names an unknown command and the one that was meant', async () => {
  const { code, err } = await run('aply');
  assert.equal(code, 2);
  assert.match(err, /^Unknown command "aply"; did you mean "apply"\?\n/);
});

test('runCommand() lists every command, and none that is not there', async () => {
  const { code, out } = await run('--help');
  assert.equal(code, 0);
  for (const { name, summary } of commands)
    assert.match(out, new RegExp(`  ${name} +${summary}\n`));
  for (const missing of ['attach', 'autoscale'])
    assert.doesNotMatch(out, new RegExp(`  ${missing} `));
});

for (const { name } of commands) {
  test(`${name} --help has usage, flags and examples, no line too long for a terminal`, async () => {
    const { code, out } = await run(name, '--help');
    assert.equal(code, 0);
    assert.match(out, new RegExp(`\nUsage:\n {2}nought ${name}`));
    assert.match(out, /\nFlags:\n/);
    assert.match(out, /-h, --help +this text\n/);
    assert.match(out, /\nExamples:\n/);
    for (const line of out.split('\n')) assert(line.length <= 108, line);
  });

  test(`${name} with an unknown flag ends with 2 and the usage line`, async () => {
    const { code, out, err } = await run(name, '--bogus');
    assert.equal(code, 2);
    assert.equal(out, '');
    assert.match(err, new RegExp(`--bogus.*\nUsage: nought ${name}`));
  });
}

test('every command says where it has looked for a cluster', async () => {
  for (const args of [['get', 'pods'], ['logs', 'x'], ['delete', 'pod', 'x'], ['events']]) {
    const { code, err } = await run(...args);
    assert.equal(code, 1);
    assert.match(err, /Cannot find a kubeconfig: tried .*\/nonexistent\/\.nought\/kubeconfig/);
  }
});

const wrong: readonly (readonly string[])[] = [
  ['apply'],
  ['apply', '-f', 'x', '--dry-run=maybe'],
  ['get'],
  ['get', 'pods', '-o', 'bogus'],
  ['get', 'pods', '-o', 'jsonpath={.a'],
  ['wait', 'pod/x'],
  ['wait', 'pod/x', '--for=nothing'],
  ['wait', 'pod/x', '--for=delete', '--timeout=soon'],
  ['top'],
  ['top', 'functions'],
  ['top', 'pods', '--sort-by=age'],
  ['top', 'pods', 'x', '-l', 'a=b'],
  ['logs'],
  ['logs', 'x', '--tail=many'],
  ['logs', 'x', '--since=yesterday'],
  ['scale', 'fn/x'],
  ['scale', 'fn/x', '--replicas=-1'],
  ['delete', 'pod', 'x', '--cascade=up'],
  ['label', 'pod', 'x'],
  ['events', 'x'],
];

for (const args of wrong) {
  test(`"${args.join(' ')}" is refused before anything is sent`, async () => {
    const { code, err } = await run(...args);
    assert.equal(code, 2);
    assert.match(err, /\nUsage: nought /);
  });
}

test('--version prints the version without a cluster', async () => {
  const { code, out } = await run('--version');
  assert.equal(code, 0);
  assert.match(out, /^Client Version: v\d+\.\d+\.\d+\n$/);
});
