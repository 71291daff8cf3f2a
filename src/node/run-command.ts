import type { Readable } from 'node:stream';
import type { CommandEnd } from './handler-call.ts';
import type { RuntimeContainer } from './runtime.ts';

/** Of what a command writes this much is kept, as the kubelet keeps of a probe's output. */
const maxOutputBytes = 10 * 1024;

/** Runs a command in a container, and takes the beginning of what it writes. */
export async function runCommand(
  container: RuntimeContainer,
  command: readonly string[],
  signal: AbortSignal,
): Promise<CommandEnd> {
  const spec = { command, stdin: false, terminal: false };
  const exec = await container.exec(spec, signal);
  const chunks: Buffer[] = [];
  let bytes = 0;
  const take = (chunk: Buffer): void => {
    const kept = chunk.subarray(0, maxOutputBytes - bytes);
    bytes += kept.length;
    if (kept.length > 0) chunks.push(kept);
  };
  const written = [exec.stdout, exec.stderr].map((stream) => consume(stream, take));
  const { exitCode } = await exec.exited;
  await Promise.all(written);
  signal.throwIfAborted();
  return { exitCode, output: Buffer.concat(chunks).toString('utf8') };
}

/** Resolves when all was read. */
function consume(stream: Readable, take: (chunk: Buffer) => void): Promise<void> {
  stream.on('data', take);
  return new Promise((resolve) => {
    stream.once('close', () => resolve());
    stream.once('error', () => resolve());
  });
}
