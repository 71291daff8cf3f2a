import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import {
  findTool,
  kubeconfigText,
  runTool,
  type CommandOptions,
  type CommandResult,
} from '../../lib/testing/kubectl.ts';
import { openMemoryStore, type Store } from '../../store/index.ts';
import { openApiServer, type ApiServer, type ApiServerOptions } from '../index.ts';
import { makeCertificate, type TestCertificate } from '../../lib/testing/certificates.ts';
import { HttpsClient } from './https-client.ts';

export interface TestServer extends AsyncDisposable {
  readonly server: ApiServer;
  readonly store: Store;
  readonly http: HttpsClient;
  readonly url: string;
  readonly tls: TestCertificate;
  /** Runs the real kubectl and expects it to succeed; its standard output. */
  readonly kubectl: (args: string, stdin?: string) => Promise<string>;
  /** Runs the real kubectl whatever comes of it. */
  readonly tryKubectl: (args: string, options?: KubectlOptions) => Promise<CommandResult>;
}

export type KubectlOptions = Pick<CommandOptions, 'stdin' | 'signal' | 'onOutput'>;

const adminToken = 'the-token-of-the-admin';
export const strangerToken = 'the-token-of-a-stranger';

/** False where the real kubectl cannot run. */
export const haveKubectl = (await findTool('kubectl')) !== undefined;

/** A server over the in-memory store, listening on a free port, with its housekeeping running. */
export async function openTestServer(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
  const store = options.store ?? openMemoryStore();
  const tls = await makeCertificate();
  const server = await openApiServer({
    store,
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    tokens: new Map([
      [adminToken, { name: 'admin', groups: ['system:masters'] }],
      [strangerToken, { name: 'stranger', groups: [] }],
    ]),
    ...options,
  });
  await server.bootstrap();
  const { url } = await server.listen({ host: '127.0.0.1', port: 0, tls });
  const stopping = new AbortController();
  const running = server.run(stopping.signal);
  const home = await mkdtemp(join(tmpdir(), 'nought-apiserver-'));
  const kubeconfig = join(home, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigText({ url, ca: tls.cert, token: adminToken }));
  const http = new HttpsClient(url, tls.cert, adminToken);
  const tryKubectl = async (args: string, extra: KubectlOptions = {}): Promise<CommandResult> => {
    const binary = await findTool('kubectl');
    assert.ok(binary !== undefined, 'kubectl cannot run here');
    return runTool(binary, splitArgs(args), { kubeconfig, home, ...extra });
  };
  return {
    server,
    store,
    http,
    url,
    tls,
    tryKubectl,
    kubectl: async (args, stdin = '') => {
      const { code, stdout, stderr } = await tryKubectl(args, { stdin });
      assert.equal(code, 0, `kubectl ${args} failed: ${stderr}`);
      return stdout;
    },
    [Symbol.asyncDispose]: async () => {
      http[Symbol.dispose]();
      stopping.abort();
      await running;
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(home, { recursive: true });
    },
  };
}

/** Splits at spaces outside of single quotes. */
function splitArgs(text: string): readonly string[] {
  return [...text.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}

/** Settles as the promise does, or fails after a while: a test never hangs. */
export async function within<T>(promise: Promise<T>, what: string, ms = 10_000): Promise<T> {
  const late = new AbortController();
  const timeout = systemClock.sleep(ms, late.signal).then(() => assert.fail(`Too late: ${what}`));
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    timeout.catch(() => undefined);
    late.abort();
  }
}
