import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { parseExposition } from '../lib/testing/parse-exposition.ts';
import { HttpsClient } from './testing/https-client.ts';
import { openTestServer, strangerToken } from './testing/open-test-server.ts';

const under = await openTestServer({
  moreMetrics: () => '# HELP other_total x\n# TYPE other_total counter\nother_total 7\n',
});
after(() => under[Symbol.asyncDispose]());
const { http } = under;

test('/metrics counts requests by verb, resource and code, and has what others tell', async () => {
  await http.send({ path: '/api/v1/namespaces/default/configmaps' });
  await http.send({ path: '/api/v1/namespaces/default/configmaps/none' });
  await http.send({ path: '/api/v1/namespaces/default/whatever/made-up' });
  const answer = await http.send({ path: '/metrics' });
  assert.equal(answer.status, 200);
  const families = parseExposition(answer.text);
  const count = (labels: Readonly<Record<string, string>>): number | undefined =>
    families
      .get('apiserver_request_total')
      ?.samples.find((sample) =>
        Object.entries(labels).every(([name, wanted]) => sample.labels[name] === wanted),
      )?.value;
  assert.equal(count({ verb: 'LIST', resource: 'configmaps', code: '200' }), 1);
  assert.equal(count({ verb: 'GET', resource: 'configmaps', code: '404' }), 1);
  assert.equal(count({ resource: 'whatever' }), undefined);
  assert.equal(families.get('other_total')?.samples[0]?.value, 7);
  assert.ok(families.has('apiserver_longrunning_requests'));
});

test('/metrics is for those who may read it', async () => {
  assert.equal((await http.send({ path: '/metrics', headers: { authorization: '' } })).status, 401);
  using stranger = new HttpsClient(under.url, under.tls.cert, strangerToken);
  assert.equal((await stranger.send({ path: '/metrics' })).status, 403);
});
