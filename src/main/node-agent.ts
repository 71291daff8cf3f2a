import { names } from '../api/index.ts';
import { createClient, httpTransport } from '../client/index.ts';
import { systemClock } from '../lib/clock.ts';
import { randomIds } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import { openProcessRuntime, runNodeAgent, type RuntimeImage } from '../node/index.ts';
import { type ChildContext, runAsChild } from './child-main.ts';
import type { NodeAgentConfig, NodeAgentRun } from './config.ts';
import { compilePython, findPython } from './find-python.ts';
import { openLifetime } from './lifetime.ts';
import { nodeServerPath, packagePath } from './package-paths.ts';

/** The Kubernetes whose node behaviour the agent follows. */
const kubernetesVersion = 'v1.36.0';
const address = '127.0.0.1';
/** How long pods that a crash had left may take to end. */
const sweepGraceMs = 3000;

/** The process that starts and stops pods; it stays small, since starting one copies its page table. */
async function nodeAgent(config: NodeAgentConfig, context: ChildContext): Promise<void> {
  if (config.kind === 'run') await runPods(config, context);
  // An agent that is stopped while it starts has not taken over all pods of the life before.
  await sweep(config.folder, context.log);
  context.ready({});
}

/** Ends whatever pod of this home still runs. */
async function sweep(folder: string, log: Log): Promise<void> {
  await using runtime = await openProcessRuntime({ folder, images: {}, log });
  const sandboxes = await runtime.recover();
  const running = sandboxes.flatMap((sandbox) => sandbox.containers());
  await Promise.all(running.map((container) => container.stop(sweepGraceMs)));
}

async function runPods(config: NodeAgentRun, context: ChildContext): Promise<void> {
  const { log, signal, ready } = context;
  using transport = httpTransport({ ...config.api, userAgent: 'nought-node-agent' });
  // Last statuses are written after the signal.
  using lifetime = openLifetime();
  const python = await findPython(process.env['PATH'] ?? '');
  if (python === undefined) {
    log.warn('No Python 3.9 or newer in PATH: Python functions cannot run');
  }
  const compiled =
    python === undefined ? undefined : compilePython(python, packagePath('runtimes/python'));
  await runNodeAgent(
    {
      nodeName: config.nodeName,
      address,
      version: `${kubernetesVersion}-nought.${config.version}`,
      client: createClient(transport, lifetime.signal),
      runtime: await openProcessRuntime({
        folder: config.folder,
        images: runtimeImages(python),
        servingPort: names.functionPort,
        log,
      }),
      folder: config.folder,
      server: {
        port: 0,
        cert: config.pki.cert,
        key: config.pki.key,
        token: config.apiToken,
      },
      stopPods: true,
      ready: () => ready({}),
      clock: systemClock,
      ids: randomIds,
      log,
    },
    signal,
  );
  await compiled;
}

/** The package's own function servers, which stand for the runtime images. */
function runtimeImages(python: string | undefined): Record<string, RuntimeImage> {
  return {
    [names.image.node]: {
      engine: 'node',
      argv: [
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
        nodeServerPath(),
      ],
    },
    ...(python === undefined
      ? {}
      : {
          [names.image.python]: {
            engine: 'python',
            argv: [python, '-S', '-E', '-u', packagePath('runtimes/python/server.py')],
          },
        }),
  };
}

runAsChild('node-agent', nodeAgent);
