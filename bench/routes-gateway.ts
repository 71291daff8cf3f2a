/**
 * A gateway alone in its process, on a real API server. Prints its port and what it keeps in memory:
 * `{"port":N,"heapBytes":N}`.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createClient, httpTransport } from '../src/client/index.ts';
import { runGateway } from '../src/gateway/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { randomIds } from '../src/lib/ids.ts';
import { silentLog } from '../src/lib/log.ts';
import { benchConfig, say } from './child.ts';

export interface ApiAccess {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
}

/** Time for what was garbage at the start, and for code to be compiled, to settle. */
const settleMs = 1500;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort(new Error('SIGTERM')));
using transport = httpTransport(benchConfig<ApiAccess>());
await runGateway(
  {
    client: createClient(transport, new AbortController().signal),
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    gateway: 'bench',
    onListening: ({ port }) => {
      setTimeout(() => {
        for (let round = 0; round < 3; round += 1) collectGarbage();
        say({ port, heapBytes: process.memoryUsage().heapUsed });
      }, settleMs);
    },
    limits: { drainGraceMs: 100 },
  },
  stop.signal,
);
process.exit(0);
