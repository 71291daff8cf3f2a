/** Words for a server that cannot listen: the address, why, and what to do about it. */
export function listenError(error: unknown, host: string, port: number): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return new Error(
        `Cannot listen on ${host}:${port}: the port is in use. Stop the process that has it, or choose another port (0 picks a free one)`,
        { cause: error },
      );
    case 'EACCES':
      return new Error(
        `Cannot listen on ${host}:${port}: permission denied. Choose a port above 1023, or run with the right to bind it`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
      return new Error(
        `Cannot listen on ${host}:${port}: this machine does not have that address. Choose one that it has`,
        { cause: error },
      );
    default:
      return new Error(`Cannot listen on ${host}:${port}`, { cause: error });
  }
}
