/**
 * What callers notice while things happen: 1,000 calls a second for a minute each. A suite of its own,
 * `npm run test:load`; NOUGHT_LOAD_SECONDS makes it shorter.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually, functionManifest, type Platform, startPlatform } from '../testing/platform.ts';
import type { CallerOrder, CallerResult } from './caller-protocol.ts';

const seconds = Number(process.env['NOUGHT_LOAD_SECONDS'] ?? 60);
const rate = 1000;
const pauseMs = 5000;
const caller = fileURLToPath(new URL('caller.ts', import.meta.url));
const echo = 'export default async (input) => { await null; return input; };';

/** Calls while `act` is repeated with pauses, for the time of one scenario. */
async function underLoad(
  platform: Platform,
  act: (round: number) => Promise<void>,
  order: Partial<CallerOrder> = {},
): Promise<CallerResult> {
  const full: CallerOrder = {
    url: `${platform.gatewayUrl}/default/app`,
    body: '{"x":1}',
    rate,
    ...order,
  };
  const child = spawn(process.execPath, [caller, JSON.stringify(full)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = once(child, 'close');
  const end = performance.now() + seconds * 1000;
  try {
    for (let round = 1; performance.now() < end; round += 1) {
      await act(round);
      // The pace of the scenario, not a wait for something.
      await delay(Math.min(pauseMs, Math.max(0, end - performance.now())));
    }
  } finally {
    child.stdin.end();
    await closed;
  }
  return JSON.parse(output) as CallerResult;
}

function report(name: string, result: CallerResult): void {
  const { sent, statuses, failed, latencies, failures } = result;
  console.log(`${name}: ${JSON.stringify({ sent, statuses, failed, latencies })}`);
  for (const { at, what, detail } of failures.slice(0, 3)) {
    console.log(`  ${new Date(at).toISOString()} ${what} ${detail.trim()}`);
  }
}

function assertNoneFailed(name: string, result: CallerResult): void {
  report(name, result);
  // A machine that is busy with other things sends fewer; hardly any would prove nothing.
  assert.ok(result.sent >= rate * seconds * 0.5, `only ${result.sent} calls were sent`);
  assert.equal(result.failed, 0, JSON.stringify(result.failures.slice(0, 5)));
}

async function deploy(platform: Platform, code = echo, more = ''): Promise<void> {
  await platform.apply(functionManifest('app', 'node', code, more));
  await platform.kubectl('wait', '--for=condition=Ready', 'fn/app', '--timeout=30s');
}

async function podNames(platform: Platform): Promise<readonly string[]> {
  const names = await platform.kubectl(
    'get',
    'pods',
    '-l',
    'nought.dev/function=app',
    '-o',
    'name',
  );
  return names.split('\n').filter((name) => name !== '');
}

/** Ids of the processes that serve the function; the shims around them are not among them. */
function servers(platform: Platform): readonly number[] {
  return platform.podProcesses().filter((pid) => {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.some((word) => word.endsWith('server.cjs'));
  });
}

describe(`under ${rate} calls a second`, () => {
  test('none fails while the code is updated every 5 s', async () => {
    await using platform = await startPlatform();
    await deploy(platform);
    const result = await underLoad(platform, (round) =>
      platform.apply(functionManifest('app', 'node', `${echo} // ${round}`)),
    );
    assertNoneFailed('rolling updates', result);
  });

  test('none fails while the function is scaled from 1 pod to 10 and back', async () => {
    await using platform = await startPlatform();
    await deploy(platform);
    const result = await underLoad(platform, async (round) => {
      const min = round % 2 === 1 ? 10 : 1;
      const patch = JSON.stringify({ spec: { scaling: { min } } });
      await platform.kubectl('patch', 'fn/app', '--type=merge', '-p', patch);
    });
    assertNoneFailed('scaling', result);
  });

  test('none fails while pods are deleted in order', async () => {
    await using platform = await startPlatform();
    await deploy(platform, echo, '  scaling: {min: 2}');
    const result = await underLoad(platform, async () => {
      const [name] = await podNames(platform);
      assert.ok(name !== undefined);
      await platform.kubectl('delete', name, '--wait=false');
    });
    assertNoneFailed('pods deleted', result);
  });

  test('none fails while the control plane is killed and comes back', async () => {
    await using platform = await startPlatform();
    await deploy(platform);
    const result = await underLoad(platform, async () => {
      const pid = platform.processId('control-plane');
      process.kill(pid, 'SIGKILL');
      await eventually('the control plane is back', async () => {
        assert.notEqual(platform.processId('control-plane'), pid);
        await platform.kubectl('get', 'fn/app');
      });
    });
    assertNoneFailed('control plane killed', result);
  });

  test('only calls on its connections fail when one of two gateways is killed', async () => {
    await using platform = await startPlatform('--gateways', '2');
    await deploy(platform);
    const result = await underLoad(platform, async () => {
      const pid = platform.processId('gateway');
      process.kill(pid, 'SIGKILL');
      await eventually('the gateway is back', () => {
        assert.equal(platform.processIds('gateway').length, 2);
        assert.ok(!platform.processIds('gateway').includes(pid));
      });
    });
    report('a gateway killed', result);
    for (const { what, detail } of result.failures) assert.equal(what, 'broken', detail);
  });

  test('only calls that are in it fail when a pod is killed', async () => {
    await using platform = await startPlatform();
    await deploy(platform, echo, '  scaling: {min: 2}');
    let kills = 0;
    const result = await underLoad(platform, async () => {
      const [pid] = servers(platform);
      if (pid === undefined) return;
      kills += 1;
      process.kill(pid, 'SIGKILL');
    });
    report('pods killed', result);
    for (const { what, detail } of result.failures) assert.equal(what, '502', detail);
    // So many are in one pod at that rate, with room for a hiccup of the machine.
    assert.ok(result.failed <= kills * 20, `${result.failed} of ${kills} kills`);
  });

  test('ten times the capacity is told 503 at once, and the capacity is used', async () => {
    await using platform = await startPlatform();
    const slow = 'export default (input) => new Promise((done) => setTimeout(done, 100, input));';
    await deploy(platform, slow, '  scaling: {min: 1, max: 1, hardConcurrency: 10}');
    const capacity = 10 / 0.1;
    const gateway = platform.processId('gateway');
    const before = residentBytes(gateway);
    let most = 0;
    const result = await underLoad(platform, async () => {
      most = Math.max(most, residentBytes(gateway));
    });
    report(`overload (memory ${mib(before)} to at most ${mib(most)} MiB)`, result);
    assert.deepEqual(Object.keys(result.statuses).toSorted(), ['200', '503']);
    const answered = (result.statuses['200'] ?? 0) / result.seconds;
    assert.ok(answered >= 0.9 * capacity, `${answered} answers a second`);
    assert.ok((result.latencies['503']?.p99 ?? 0) <= 50, JSON.stringify(result.latencies));
    assert.ok(most < 300 * 2 ** 20, `the gateway takes ${mib(most)} MiB`);
  });
});

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
