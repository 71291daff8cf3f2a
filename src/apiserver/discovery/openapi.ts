import { createHash } from 'node:crypto';
import { openApiDefinitions } from '../../api/index.ts';
import { unknownPath } from '../refusals.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { jsonAnswer, textAnswer, type Answer, type ServerRequest } from '../request.ts';
import { openApiPaths } from './openapi-paths.ts';

const documentCacheControl = 'public, max-age=31536000, immutable';

interface GroupDocument {
  /** `api/v1`, `apis/apps/v1`. */
  readonly path: string;
  readonly hash: string;
  readonly resources: readonly Resource[];
}

/** /openapi/v3: which documents there are, each under a URL that names its content. */
export function openApiIndex(registry: Registry, { ifNoneMatch }: ServerRequest): Answer {
  const documents = groupDocuments(registry);
  const paths = Object.fromEntries(
    documents.map(({ path, hash }) => [
      path,
      { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` },
    ]),
  );
  const etag = `"${digest(documents.map(({ path, hash }) => `${path} ${hash}`))}"`;
  const headers = { etag, 'cache-control': 'no-cache, private' };
  if (ifNoneMatch === etag) return textAnswer(304, '', { headers });
  return jsonAnswer(200, { paths }, { headers });
}

/** /openapi/v3/PATH: the kinds of one group and version. Throws StatusError 404. */
export function openApiDocument(registry: Registry, path: string, request: ServerRequest): Answer {
  const document = groupDocuments(registry).find((one) => one.path === path);
  if (document === undefined) throw unknownPath();
  const etag = `"${document.hash}"`;
  const current = request.query.get('hash') === document.hash;
  const headers = {
    etag,
    vary: 'Accept',
    'cache-control': current ? documentCacheControl : 'no-cache, private',
  };
  if (request.ifNoneMatch === etag) return textAnswer(304, '', { headers });
  return jsonAnswer(200, makeDocument(document), { headers });
}

function groupDocuments(registry: Registry): readonly GroupDocument[] {
  return registry.groups().flatMap(({ group, versions }) =>
    versions.map(({ version, resources }) => ({
      path: group === '' ? `api/${version}` : `apis/${group}/${version}`,
      hash: digest(
        resources.map(({ descriptor, fingerprint }) => `${descriptor.plural} ${fingerprint}`),
      ),
      resources,
    })),
  );
}

/** Made when it is asked for: clients keep it by its hash, so the server need not. */
function makeDocument({ resources }: GroupDocument): unknown {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, unknown> = {};
  for (const { descriptor } of resources) {
    Object.assign(schemas, openApiDefinitions(descriptor));
    Object.assign(paths, openApiPaths(descriptor));
  }
  return {
    openapi: '3.0.0',
    info: { title: 'nought', version: 'v1' },
    paths,
    components: { schemas },
  };
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32).toUpperCase();
}
