import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { entryPath, packagePath } from './package-paths.ts';
import type { Endpoints, UpIo } from './up.ts';

/** What `npm start` shows: the examples applied, one called, and what to try next. */
export async function demonstrate(endpoints: Endpoints, io: UpIo): Promise<void> {
  const run = (...args: readonly string[]): Promise<boolean> => runShown(args, endpoints, io);
  io.out('');
  const shown =
    (await run('apply', '-f', packagePath('examples'))) &&
    (await run('wait', '--for=condition=Ready', 'function/diff', '--timeout=60s')) &&
    (await run('execute', 'default/diff', '{"x":1,"y":2}'));
  if (io.signal.aborted) return;
  if (!shown) {
    io.error('The demonstration did not get through; the platform itself is running.');
    return;
  }
  for (const line of whatNext(endpoints)) io.out(line);
}

function whatNext({ gateway, kubeconfig }: Endpoints): readonly string[] {
  return [
    '',
    'Now try, in another terminal:',
    `  curl ${gateway}/default/diff -d '{"x":5,"y":3}'`,
    `  KUBECONFIG=${kubeconfig} kubectl execute default/greet '{"name":"Ada"}'`,
    `  KUBECONFIG=${kubeconfig} kubectl get functions,pods -w     # goes to zero after a minute without calls`,
    'Without kubectl, npx nought has its everyday verbs: npx nought --help',
    '',
  ];
}

async function runShown(args: readonly string[], endpoints: Endpoints, io: UpIo): Promise<boolean> {
  if (io.signal.aborted) return false;
  io.out(`$ nought ${args.map((arg) => (/^[\w./=:-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ')}`);
  const child = spawn(process.execPath, [entryPath('nought'), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, KUBECONFIG: endpoints.kubeconfig, NOUGHT_GATEWAY: endpoints.gateway },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}
