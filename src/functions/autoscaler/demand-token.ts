import { isStatus, names } from '../../api/index.ts';
import { type Client, refs } from '../../client/index.ts';
import type { Ids } from '../../lib/ids.ts';

const tokenBytes = 32;

/** The token that gateways show the autoscaler; made on first use, with the namespace it lives in. */
export async function demandToken(client: Client, ids: Ids): Promise<string> {
  const secrets = client.resource(refs.secrets);
  const key = { namespace: names.systemNamespace, name: names.autoscaler };
  const found = await secrets.find(key);
  const token = found?.data?.['token'];
  if (token !== undefined && token !== '') return Buffer.from(token, 'base64').toString('utf8');
  if (found !== undefined)
    throw new Error(`Cannot use Secret "${key.name}": it has no key "token"`);
  await ensureNamespace(client);
  const fresh = ids.secret(tokenBytes);
  try {
    await secrets.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: key,
      type: 'Opaque',
      data: { token: Buffer.from(fresh).toString('base64') },
    });
    return fresh;
  } catch (error) {
    // Another autoscaler was first: its token is the one.
    if (!isStatus(error, 'AlreadyExists')) throw error;
    return await demandToken(client, ids);
  }
}

async function ensureNamespace(client: Client): Promise<void> {
  try {
    const metadata = { name: names.systemNamespace };
    await client
      .resource(refs.namespaces)
      .create({ apiVersion: 'v1', kind: 'Namespace', metadata });
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
}
