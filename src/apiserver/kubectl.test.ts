import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { haveKubectl, openTestServer, within } from './testing/open-test-server.ts';
import { pod, widget, widgetCrd } from './testing/fixtures.ts';

const under = await openTestServer();
after(() => under[Symbol.asyncDispose]());
const { kubectl, tryKubectl, http } = under;
const needsKubectl = { skip: !haveKubectl };

const apply = (object: unknown, args = '') => kubectl(`apply -f - ${args}`, JSON.stringify(object));

test(
  'kubectl apply creates, leaves alone and changes a built-in object',
  needsKubectl,
  async () => {
    const object = pod('applied', { labels: { app: 'a' } });
    assert.equal(await apply(object), 'pod/applied created\n');
    assert.equal(await apply(object), 'pod/applied unchanged\n');
    assert.equal(await apply(pod('applied', { labels: { app: 'b' } })), 'pod/applied configured\n');
    assert.equal(await kubectl('get pod applied -o jsonpath={.metadata.labels}'), '{"app":"b"}');
  },
);

test(
  'kubectl get prints tables, wide, names, YAML, JSON and by selector',
  needsKubectl,
  async () => {
    await apply(pod('shown', { labels: { show: 'me' } }));
    assert.match(
      await kubectl('get pods -l show=me'),
      /^NAME {4}READY {3}STATUS {4}RESTARTS {3}AGE\nshown {3}0\/1 {5}Pending {3}0 +\d+s\n$/,
    );
    assert.match(await kubectl('get pods -o wide -l show=me'), /NOMINATED NODE/);
    assert.equal(await kubectl('get pods -o name -l show=me'), 'pod/shown\n');
    assert.match(await kubectl('get pod shown -o yaml'), /^ {2}name: shown$/m);
    assert.equal(JSON.parse(await kubectl('get pod shown -o json')).metadata.name, 'shown');
    assert.equal(
      await kubectl('get pods -A --field-selector=metadata.name=shown --no-headers -o name'),
      'pod/shown\n',
    );
    assert.match(await kubectl('get pods -A --chunk-size=1'), /shown/);
    assert.match(await kubectl('get pods --sort-by=.metadata.name'), /shown/);
    const missing = await tryKubectl('get pod nobody');
    assert.equal(missing.stderr, 'Error from server (NotFound): pods "nobody" not found\n');
  },
);

test('kubectl get -w shows changes as they happen', needsKubectl, async () => {
  await apply(pod('watched'));
  const stop = new AbortController();
  const seen = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  let text = '';
  const watching = tryKubectl('get pod watched -w --no-headers', {
    signal: stop.signal,
    onOutput: (output) => {
      text += output;
      started.resolve();
      if (text.includes('Running')) seen.resolve();
    },
  });
  await within(started.promise, 'the first line');
  const patch = { status: { phase: 'Running' } };
  const path = '/api/v1/namespaces/default/pods/watched/status';
  await http.sendJson('PATCH', path, patch, 'application/merge-patch+json');
  await within(seen.promise, 'the change');
  stop.abort();
  await watching;
});

test('kubectl create sends protobuf and finds its objects again', needsKubectl, async () => {
  assert.equal(await kubectl('create namespace made'), 'namespace/made created\n');
  await kubectl('create configmap cm --from-literal=a=b -n made');
  await kubectl('create secret generic s --from-literal=a=b -n made');
  await kubectl('create serviceaccount sa -n made');
  assert.equal(await kubectl('get cm cm -n made -o jsonpath={.data.a}'), 'b');
  assert.equal(await kubectl('get secret s -n made -o jsonpath={.type}/{.data.a}'), 'Opaque/Yg==');
  const again = await tryKubectl('create configmap cm -n made');
  assert.match(again.stderr, /configmaps "cm" already exists/);
});

test('kubectl label, annotate, patch and replace', needsKubectl, async () => {
  await apply(pod('handled'));
  await kubectl('label pod handled a=b');
  await kubectl('annotate pod handled c=d');
  await kubectl(`patch pod handled -p '{"metadata":{"labels":{"e":"f"}}}'`);
  await kubectl('label pod handled a-');
  assert.equal(await kubectl('get pod handled -o jsonpath={.metadata.labels}'), '{"e":"f"}');
  const text = await kubectl('get pod handled -o json');
  assert.equal(await kubectl('replace -f -', text.replace('"e"', '"g"')), 'pod/handled replaced\n');
  const wrong = await tryKubectl(
    `patch pod handled --type=json -p '[{"op":"remove","path":"/x"}]'`,
  );
  assert.match(wrong.stderr, /there is nothing at "\/x"/);
});

test('kubectl describe shows an object and its events', needsKubectl, async () => {
  await apply(pod('described'));
  const { uid } = JSON.parse(await kubectl('get pod described -o json')).metadata;
  await apply({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'event', namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'described', uid },
    reason: 'Happened',
    message: 'something took place',
    type: 'Normal',
    count: 1,
    source: { component: 'test' },
  });
  const text = await kubectl('describe pod described');
  assert.match(text, /^Name: +described$/m);
  assert.match(text, /Happened .* something took place/);
  assert.match(await kubectl('events'), /something took place/);
  assert.match(await kubectl('describe ns default'), /Status: +Active/);
});

test(
  'kubectl works with a custom kind: wait, get, scale, describe, explain',
  needsKubectl,
  async () => {
    await apply(widgetCrd());
    await kubectl('wait --for=condition=Established crd/widgets.example.com --timeout=10s');
    assert.equal(await apply(widget('w')), 'widget.example.com/w created\n');
    assert.equal(await apply(widget('w', { size: 6 })), 'widget.example.com/w configured\n');
    assert.equal(await kubectl('get wd'), 'NAME   SIZE\nw      6\n');
    assert.match(await kubectl('get all'), /widget.example.com\/w/);
    assert.equal(await kubectl('scale widget w --replicas=4'), 'widget.example.com/w scaled\n');
    assert.equal(await kubectl('get wd w -o jsonpath={.spec.replicas}'), '4');
    assert.match(await kubectl('describe wd w'), /Replicas: +4/);
    assert.match(await kubectl('explain wd.spec.size'), /How large it is/);
    await kubectl('wait --for=jsonpath={.spec.size}=6 wd/w --timeout=10s');
    const strategic = await tryKubectl(`patch wd w -p '{"spec":{"size":1}}'`);
    assert.match(strategic.stderr, /is not supported by example.com\/v1, Kind=Widget/);
    const unknown = await tryKubectl('apply -f -', {
      stdin: JSON.stringify(widget('u', { bogus: 1 })),
    });
    assert.match(unknown.stderr, /strict decoding error: unknown field "spec.bogus"/);
    const wrong = await tryKubectl('apply -f -', {
      stdin: JSON.stringify(widget('u', { size: 'large' })),
    });
    assert.match(wrong.stderr, /spec.size: Invalid value: "string"/);
    await kubectl('delete crd widgets.example.com --timeout=10s');
    assert.match((await tryKubectl('get wd')).stderr, /the server could not find the requested/);
  },
);

test('kubectl delete waits for the end, and a force deletion does not', needsKubectl, async () => {
  await apply(pod('bye'));
  assert.equal(
    await kubectl('delete pod bye --timeout=10s'),
    'pod "bye" deleted from default namespace\n',
  );
  await apply(pod('stuck'));
  await http.sendJson('POST', '/api/v1/namespaces/default/pods/stuck/binding', {
    target: { name: 'n' },
  });
  const late = await tryKubectl('delete pod stuck --timeout=1s');
  assert.notEqual(late.code, 0);
  await kubectl('delete pod stuck --force --grace-period=0');
  assert.equal((await tryKubectl('get pod stuck')).code, 1);
  await apply(pod('swept', { labels: { sweep: 'yes' } }));
  await kubectl('delete pods -l sweep=yes --timeout=10s');
});

test('kubectl api-resources, api-versions, version, auth and raw paths', needsKubectl, async () => {
  const resources = await kubectl('api-resources --no-headers');
  for (const word of ['configmaps', 'leases', 'replicasets', 'customresourcedefinitions']) {
    assert.match(resources, new RegExp(`^${word} `, 'm'));
  }
  assert.match(await kubectl('api-versions'), /^coordination.k8s.io\/v1$/m);
  assert.match(await kubectl('version'), /Server Version: v1\.36\.0\+nought/);
  assert.match(await kubectl('auth whoami'), /Username +admin/);
  assert.equal(await kubectl('auth can-i create pods'), 'yes\n');
  assert.equal(await kubectl('get --raw /healthz'), 'ok');
  assert.match(await kubectl('explain pods.spec.containers'), /FIELDS:/);
});

test('kubectl diff and dry runs change nothing', needsKubectl, async () => {
  await apply(pod('kept', { labels: { a: '1' } }));
  const revision = under.store.revision();
  const changed = JSON.stringify(pod('kept', { labels: { a: '2' } }));
  assert.match(
    await kubectl('apply --dry-run=server -f -', changed),
    /configured \(server dry run\)/,
  );
  const diff = await tryKubectl('diff -f -', { stdin: changed });
  assert.equal(diff.code, 1, diff.stderr);
  assert.match(diff.stdout, /\+ {4}a: "2"/);
  await kubectl('delete pod kept --dry-run=server');
  assert.equal(under.store.revision(), revision);
});
