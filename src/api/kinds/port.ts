const maxPort = 65_535;

/** What is said of a number that is no port. */
export const portRange = `must be between 1 and ${maxPort}, inclusive`;

export function isPort(port: number): boolean {
  return port >= 1 && port <= maxPort;
}
