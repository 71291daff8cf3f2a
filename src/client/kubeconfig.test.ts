import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadKubeconfig } from './kubeconfig.ts';

const pem = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';
const pemData = Buffer.from(pem).toString('base64');

/** A temporary home folder that holds the given files. */
async function homeWith(context: TestContext, files: Record<string, string>): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  context.after(() => rm(home, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(home, name)), { recursive: true });
    await writeFile(join(home, name), text);
  }
  return home;
}

const full = `
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c, user: u, namespace: team}}
- {name: two, context: {cluster: plain, user: files}}
clusters:
- {name: c, cluster: {server: "https://h:6443", certificate-authority-data: ${pemData}, tls-server-name: api}}
- {name: plain, cluster: {server: "https://h:1", insecure-skip-tls-verify: true}}
users:
- {name: u, user: {token: secret}}
- {name: files, user: {tokenFile: token.txt, client-certificate: pki/c.pem, client-key-data: ${pemData}}}
`;

test('loadKubeconfig() resolves the current context', async (t) => {
  const home = await homeWith(t, { '.kube/config': full });
  assert.deepEqual(await loadKubeconfig({ env: {}, home }), {
    access: {
      server: 'https://h:6443',
      insecureSkipTlsVerify: false,
      ca: pem,
      serverName: 'api',
      token: 'secret',
    },
    namespace: 'team',
    context: 'one',
    path: join(home, '.kube/config'),
  });
});

test('loadKubeconfig() resolves files relative to the kubeconfig', async (t) => {
  const home = await homeWith(t, { 'k/config': full, 'k/pki/c.pem': pem });
  const path = join(home, 'k/config');
  const config = await loadKubeconfig({ path, context: 'two', env: {}, home: '/nowhere' });
  assert.deepEqual(config.access, {
    server: 'https://h:1',
    insecureSkipTlsVerify: true,
    tokenFile: join(home, 'k/token.txt'),
    clientCert: pem,
    clientKey: pem,
  });
  assert.equal(config.namespace, 'default');
});

test('loadKubeconfig() prefers $KUBECONFIG, then the home of nought, then ~/.kube/config', async (t) => {
  const named = (server: string): string => `
current-context: x
contexts: [{name: x, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "http://${server}"}}]`;
  const home = await homeWith(t, {
    'env.yaml': named('env'),
    'own/kubeconfig': named('own'),
    '.nought/kubeconfig': named('nought'),
    '.kube/config': named('kube'),
  });
  const serverFor = async (env: Record<string, string>): Promise<string> =>
    (await loadKubeconfig({ env, home })).access.server;
  assert.equal(await serverFor({ KUBECONFIG: join(home, 'env.yaml') }), 'http://env');
  assert.equal(await serverFor({ NOUGHT_HOME: join(home, 'own') }), 'http://own');
  assert.equal(await serverFor({}), 'http://nought');
  assert.equal(await serverFor({ NOUGHT_HOME: join(home, 'none') }), 'http://kube');
});

test('loadKubeconfig() merges the files of $KUBECONFIG, the first to define a name wins', async (t) => {
  const home = await homeWith(t, {
    a: 'current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: first}}]',
    b: 'current-context: y\nclusters: [{name: c, cluster: {server: "http://s"}}]\nusers: [{name: u, user: {token: second}}]',
  });
  const env = { KUBECONFIG: [join(home, 'a'), join(home, 'missing'), join(home, 'b')].join(':') };
  const { access, context } = await loadKubeconfig({ env, home });
  assert.equal(access.token, 'first');
  assert.equal(access.server, 'http://s');
  assert.equal(context, 'x');
});

const broken: readonly (readonly [what: string, from: string, to: string, error: RegExp])[] = [
  [
    'exec plugins',
    '{token: secret}',
    '{exec: {command: x}}',
    /users\["u"\]\.user\.exec asks for a credential plugin/,
  ],
  [
    'impersonation',
    '{token: secret}',
    '{as: root}',
    /users\["u"\]\.user\.as asks for impersonation/,
  ],
  [
    'basic authentication',
    '{token: secret}',
    '{username: a, password: b}',
    /user\.username is not supported/,
  ],
  [
    'a certificate without its key',
    '{token: secret}',
    `{client-certificate-data: ${pemData}}`,
    /client-key is not set/,
  ],
  [
    'base64 that is no PEM',
    pemData,
    'AAAA',
    /certificate-authority-data is not a PEM text in base64/,
  ],
  [
    'an unknown context',
    'current-context: one',
    'current-context: three',
    /contexts has no entry "three"/,
  ],
  ['no context', 'current-context: one', '', /current-context is not set/],
  ['an unknown cluster', 'cluster: c,', 'cluster: d,', /clusters has no entry "d"/],
  ['an unknown user', 'user: u,', 'user: v,', /users has no entry "v"/],
  [
    'a server that is no URL',
    '"https://h:6443"',
    'here',
    /clusters\["c"\]\.cluster\.server is no URL: "here"/,
  ],
  ['a proxy', 'tls-server-name: api', 'proxy-url: "http://p"', /proxy-url is not supported/],
  [
    'a token that is no text',
    'token: secret',
    'token: 5',
    /users\["u"\]\.user\.token is not a text/,
  ],
  ['a file that is no YAML', 'apiVersion: v1', 'apiVersion: [', /Cannot read kubeconfig/],
];

for (const [what, from, to, error] of broken) {
  test(`loadKubeconfig() refuses ${what}, naming the file and the field`, async (t) => {
    const home = await homeWith(t, { '.kube/config': full.replace(from, to) });
    await assert.rejects(loadKubeconfig({ env: {}, home }), (thrown: Error) => {
      assert.match(thrown.message, error);
      assert(thrown.message.includes(join(home, '.kube/config')));
      return true;
    });
  });
}

test('loadKubeconfig() says where it looked when there is no file', async (t) => {
  const home = await homeWith(t, {});
  await assert.rejects(
    loadKubeconfig({ env: {}, home }),
    /Cannot find a kubeconfig: tried .*\.nought.*\.kube/,
  );
  const path = join(home, 'none');
  await assert.rejects(loadKubeconfig({ path, env: {}, home }), /Cannot read kubeconfig ".*none"/);
});
