import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BenchChild } from './child.ts';

const run = promisify(execFile);
const startMs = 5000;

export interface Nginx extends AsyncDisposable {
  /** As it comes: bodies over a few KB are read whole first, and kept in files. */
  readonly port: number;
  /** Bodies are passed on as they come, both ways. */
  readonly streamingPort: number;
  /** One process: it accepts and proxies by itself. */
  readonly pid: number;
}

/** nginx as a reverse proxy of `/default/echo` to the upstream; undefined where it is not installed. */
export async function startNginx(upstreamPort: number): Promise<Nginx | undefined> {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;
  const found = await run('sh', ['-c', 'command -v nginx'], { env: { PATH: path } }).catch(
    () => undefined,
  );
  if (found === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'nought-bench-nginx-'));
  const port = await freePort();
  const streamingPort = await freePort();
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(folder, { port, streamingPort, upstreamPort }));
  const args = ['-c', file, '-p', folder, '-e', join(folder, 'error.log')];
  const child = new BenchChild(found.stdout.trim(), args);
  const end = performance.now() + startMs;
  while (!(await answers(port))) {
    if (performance.now() > end) throw new Error(`nginx does not listen on port ${port}`);
    await sleep(20);
  }
  return {
    port,
    streamingPort,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      await child[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function configuration(
  folder: string,
  ports: Pick<Nginx, 'port' | 'streamingPort'> & { readonly upstreamPort: number },
): string {
  const streaming =
    'proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_buffers 8 32k; proxy_buffer_size 32k;';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n  ');
  return `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary}
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  upstream pods {
    server 127.0.0.1:${ports.upstreamPort};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  client_max_body_size 0;
  ${serverBlock(ports.port, '')}
  ${serverBlock(ports.streamingPort, streaming)}
}
`;
}

function serverBlock(port: number, directives: string): string {
  return `server {
    listen 127.0.0.1:${port};
    ${directives}
    location /default/echo {
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Id $request_id;
      proxy_pass http://pods/;
    }
  }`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
