import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of the bench that runs until it is disposed of. */
export class BenchChild implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** One of the bench's own programs with its configuration. */
  static run(program: string, config: unknown): BenchChild {
    const path = fileURLToPath(new URL(program, import.meta.url));
    return new BenchChild(process.execPath, [path, JSON.stringify(config)]);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** The next line that it prints, as JSON. */
  async next<T>(): Promise<T> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('A process of the bench ended early');
    return JSON.parse(line.value) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { process: child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** The configuration of a program of the bench. */
export function benchConfig<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** Answers the parent. */
export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
