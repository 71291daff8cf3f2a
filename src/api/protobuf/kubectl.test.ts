import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { decodeProtobuf } from './decode-protobuf.ts';
import { type Kubectl, openKubectl } from './testing/kubectl.ts';

/** Commands of kubectl that send protobuf and can print the same object as JSON. */
const commands = [
  'create configmap c --from-literal=a=b --from-literal=empty=',
  'create configmap c --append-hash --from-literal=k=ü☃',
  'create secret generic s --from-literal=password=hunter2 --from-literal=empty=',
  'create secret generic s --type=example.com/kind',
  'create secret docker-registry r --docker-username=u --docker-password=p --docker-email=e',
  'create namespace n',
  'create serviceaccount a',
  'create deployment d --image=nginx:1 --image=redis --replicas=0',
  'create deployment d --image=nginx --port=80 -- sh -c true',
  'create quota q --hard=pods=10,requests.cpu=500m,limits.memory=1.5Gi --scopes=BestEffort',
  'create quota q',
  'create job j --image=busybox -- echo hi',
  'create cronjob j --image=busybox --schedule=@hourly --restart=OnFailure',
  'create service clusterip s --tcp=80:8080 --tcp=443',
  'create service nodeport s --tcp=5678:http --node-port=31000',
  'create service externalname s --external-name=example.com',
  'create clusterrole r --verb=get --non-resource-url=/healthz',
  'create rolebinding b --clusterrole=admin --user=u --group=g --serviceaccount=ns:sa',
  'create clusterrolebinding b --clusterrole=admin --user=u',
  'create poddisruptionbudget b --selector=app=x --min-available=50%',
  'create priorityclass p --value=1000 --global-default --description=x',
  'create ingress i --rule=example.com/path*=svc:80,tls=secret --class=c',
] as const;

suite('decodeProtobuf() reads what the real kubectl sends', () => {
  let kubectl: Kubectl | undefined;
  before(async () => {
    kubectl = await openKubectl();
  });
  after(() => kubectl?.[Symbol.asyncDispose]());

  for (const command of commands) {
    test(command, async (t) => {
      if (kubectl === undefined) {
        t.skip('there is no kubectl for this platform');
        return;
      }
      const args = command.split(' ');
      const split = args.indexOf('--') === -1 ? args.length : args.indexOf('--');
      const withFlags = (...flags: string[]): string[] => args.toSpliced(split, 0, ...flags);
      const printed = JSON.parse(
        await kubectl.print(withFlags('--dry-run=client', '-o', 'json')),
      ) as unknown;
      const request = await kubectl.capture(args);
      assert.equal(request.contentType, 'application/vnd.kubernetes.protobuf');
      const { apiVersion, kind, object } = decodeProtobuf(request.body);
      assert.deepEqual({ apiVersion, kind, ...object }, printed);
    });
  }

  test('create token a --audience=x --duration=1h', async (t) => {
    if (kubectl === undefined) {
      t.skip('there is no kubectl for this platform');
      return;
    }
    const args = ['create', 'token', 'a', '--audience=x', '--duration=1h'];
    const { body } = await kubectl.capture(args);
    assert.deepEqual(decodeProtobuf(body), {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      object: {
        metadata: {},
        spec: { audiences: ['x'], expirationSeconds: 3600 },
        status: { token: '' },
      },
    });
  });

  test('auth whoami', async (t) => {
    if (kubectl === undefined) {
      t.skip('there is no kubectl for this platform');
      return;
    }
    const { body } = await kubectl.capture(['auth', 'whoami']);
    assert.deepEqual(decodeProtobuf(body), {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'SelfSubjectReview',
      object: { metadata: {}, status: { userInfo: {} } },
    });
  });
});
