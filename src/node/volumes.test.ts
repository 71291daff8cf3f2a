import { after, before, describe, it } from 'node:test';
import type { ConfigMap, Container, Volume } from '../api/index.ts';
import { AgentUnderTest, conditionOf, shell } from './testing/agent-under-test.ts';
import { eventually } from './testing/eventually.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

describe('volumes of a running pod', () => {
  let agent: AgentUnderTest;
  before(async () => {
    agent = await AgentUnderTest.open();
  });
  after(() => agent[Symbol.asyncDispose]());

  function configure(
    name: string,
    data: Record<string, string>,
    more: Partial<ConfigMap> = {},
  ): void {
    const metadata = { name, namespace: 'default' };
    agent.api.put(`${configMaps}/${name}`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data,
      ...more,
    });
  }

  /** A container that writes what a command says to a file of the shared folder, again and again. */
  function tells(name: string, script: string, mounts: Container['volumeMounts']): Container {
    const to = `${agent.shared}/${name}`;
    return shell(
      `trap "exit 0" TERM; while :; do (${script}) > ${to}.new 2>&1; mv ${to}.new ${to}; sleep 0.05; done`,
      { env: [{ name: 'V', value: '/v' }], volumeMounts: mounts ?? [] },
    );
  }

  async function told(name: string, text: string): Promise<void> {
    let last = '';
    const same = (): boolean => (last = agent.read(name)) === text;
    await eventually(
      'the pod runs',
      () => conditionOf(agent.pod(name)?.status ?? {}, 'Ready') === 'True',
    );
    await eventually(`${name} tells ${text}`, () => {
      try {
        return same();
      } catch {
        return false;
      }
    }).catch((error: unknown) => {
      throw new Error(`It told: ${last}`, { cause: error });
    });
  }

  const at = [{ name: 'v', mountPath: '/v' }];

  it('files of a ConfigMap change together, come and go', async () => {
    configure('settings', { a: '1', b: '1' });
    const volumes: Volume[] = [{ name: 'v', configMap: { name: 'settings' } }];
    // What is read through `..data` at one time is of one state.
    const script = 'cd $V/..data && cat a b; cd $V && echo " $(ls)"';
    agent.create('live', tells('live', script, at), { volumes });
    await told('live', '11 a\nb\n');
    configure('settings', { a: '2', b: '2', c: '' });
    await told('live', '22 a\nb\nc\n');
    configure('settings', { a: '3', b: '3' });
    await told('live', '33 a\nb\n');
    agent.api.remove(`${configMaps}/settings`);
    await told('live', '33 a\nb\n');
    configure('settings', { a: '4', b: '4' });
    await told('live', '44 a\nb\n');
  });

  it('what is mounted by subPath stays as it is', async () => {
    configure('sub', { a: 'old' });
    const volumes: Volume[] = [{ name: 'v', configMap: { name: 'sub' } }];
    const mounts = [
      { name: 'v', mountPath: '/v' },
      { name: 'v', mountPath: '/one', subPath: 'a' },
    ];
    const container = tells('sub', 'cat $V/a $ONE', mounts);
    const env = [...(container.env ?? []), { name: 'ONE', value: '/one' }];
    agent.create('sub', { ...container, env }, { volumes });
    await told('sub', 'oldold');
    configure('sub', { a: 'new' });
    await told('sub', 'newold');
  });

  it('projected volumes tell labels and Secrets as they are now', async () => {
    const secret = (text: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'key', namespace: 'default' },
      data: { key: Buffer.from(text).toString('base64') },
    });
    const path = '/api/v1/namespaces/default/secrets/key';
    agent.api.put(path, secret('k1'));
    const downwardAPI = {
      items: [{ path: 'pod/labels', fieldRef: { fieldPath: 'metadata.labels' } }],
    };
    const sources = [{ secret: { name: 'key' } }, { downwardAPI }];
    const volumes: Volume[] = [{ name: 'v', projected: { sources } }];
    agent.create('both', tells('both', 'cat $V/key $V/pod/labels', at), { volumes });
    await told('both', 'k1');
    const label = (app: string): void =>
      agent.change('both', (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: { app } } }));
    label('x');
    await told('both', 'k1app="x"');
    agent.api.put(path, secret('k2'));
    await told('both', 'k2app="x"');
  });

  it('an agent that adopts a pod brings its volumes up to date', async () => {
    configure('away', { a: '1' });
    configure('fixed', { a: 'f' }, { immutable: true });
    const volumes: Volume[] = [
      { name: 'v', configMap: { name: 'away' } },
      { name: 'f', configMap: { name: 'fixed' } },
    ];
    await agent.stop();
    await agent.start(false);
    agent.create('adopted', tells('adopted', 'cat $V/a', at), { volumes });
    await told('adopted', '1');
    await agent.stop();
    configure('away', { a: '2' });
    await agent.start();
    await told('adopted', '2');
    configure('away', { a: '3' });
    await told('adopted', '3');
  });
});
