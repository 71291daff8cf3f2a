import { readdir, readFile, readlink } from 'node:fs/promises';

const listenState = '0A';

/**
 * Whether one of the processes holds what listens on address:port, or on that port of all
 * addresses. Without /proc the answer is yes.
 */
export async function holdsListener(
  pids: readonly number[],
  address: string,
  port: number,
): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const inodes = await listenerInodes(address, port);
  if (inodes.size === 0) return false;
  for (const pid of pids) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && inodes.has(inode)) return true;
    }
  }
  return false;
}

/** The sockets that the kernel would give a connection to; one on the very address comes first. */
async function listenerInodes(address: string, port: number): Promise<ReadonlySet<string>> {
  const exact = new Set<string>();
  const wildcard = new Set<string>();
  // Addresses are in hexadecimal, each 32 bits in the host's (little endian) order.
  const own = address
    .split('.')
    .toReversed()
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [local, hexPort] = (fields[1] ?? '').split(':');
      const inode = fields[9];
      if (local === undefined || inode === undefined || fields[3] !== listenState) continue;
      if (Number.parseInt(hexPort ?? '', 16) !== port) continue;
      if (local.endsWith(own)) exact.add(inode);
      else if (/^0+$/.test(local)) wildcard.add(inode);
    }
  }
  return exact.size > 0 ? exact : wildcard;
}
