/** One exec, as the kubelet's path and query say it: `/exec/{namespace}/{pod}/{container}?command=…`. */
export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly terminal: boolean;
}

/** The request; undefined when it is for another path, or says nothing that could be run. */
export function parseExecRequest(url: URL): ExecRequest | undefined {
  const [root, namespace, pod, container, ...rest] = segmentsOf(url);
  if (root !== 'exec' || rest.length > 0) return undefined;
  if (namespace === undefined || pod === undefined || container === undefined) return undefined;
  const query = url.searchParams;
  const command = query.getAll('command');
  if (command.length === 0) return undefined;
  const asks = (name: string): boolean => query.get(name) === '1';
  return {
    namespace,
    pod,
    container,
    command,
    stdin: asks('input'),
    stdout: asks('output'),
    stderr: asks('error') && !asks('tty'),
    terminal: asks('tty'),
  };
}

function segmentsOf(url: URL): readonly string[] {
  try {
    return url.pathname.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return [];
  }
}
