import type { Socket } from 'node:net';

/** Writes a head, which may be empty, and what follows it: with one call of the system where it can be. */
export function writeAll(socket: Socket, head: string, parts: readonly Buffer[]): void {
  const [only] = parts;
  if (head === '' && parts.length === 1 && only !== undefined) {
    socket.write(only);
    return;
  }
  socket.cork();
  if (head !== '') socket.write(head, 'latin1');
  for (const part of parts) socket.write(part);
  socket.uncork();
}
