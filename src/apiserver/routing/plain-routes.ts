import { expositionType } from '../../lib/exposition.ts';
import { healthAnswer, type HealthCheck } from '../discovery/health.ts';
import { openApiDocument, openApiIndex } from '../discovery/openapi.ts';
import { versionInfo } from '../discovery/version.ts';
import type { Engine } from '../engine.ts';
import { methodNotAllowed, unknownPath } from '../refusals.ts';
import { jsonAnswer, type Answer, type ServerRequest } from '../request.ts';

/** Paths that everyone may read without a token. */
const openPaths = new Set(['/healthz', '/livez', '/readyz', '/version']);

export function isOpenPath(path: string): boolean {
  return openPaths.has(path);
}

/** Everything that is not under /api or /apis. Throws StatusError 404, 405. */
export function plainPath(
  engine: Engine,
  request: ServerRequest,
  segments: readonly string[],
  own: { readonly softwareVersion: string; readonly metrics: () => string },
): Answer | Promise<Answer> {
  if (request.method !== 'GET') throw methodNotAllowed(`the method ${request.method}`);
  const [root, ...rest] = segments;
  switch (root) {
    case undefined:
      return jsonAnswer(200, { paths: rootPaths(engine) });
    case 'version':
      if (rest.length === 0) return jsonAnswer(200, versionInfo(own.softwareVersion));
      break;
    case 'healthz':
    case 'livez':
    case 'readyz':
      return health(engine, request, root, rest);
    case 'metrics': {
      if (rest.length > 0) break;
      const text = own.metrics();
      return { kind: 'text', status: 200, text, contentType: expositionType, headers: {} };
    }
    case 'openapi': {
      const [version, ...path] = rest;
      // There is no v2: clients that find v3 do not need it.
      if (version !== 'v3') break;
      return path.length === 0
        ? openApiIndex(engine.registry, request)
        : openApiDocument(engine.registry, path.join('/'), request);
    }
    default:
      break;
  }
  throw unknownPath();
}

function rootPaths({ registry }: Engine): readonly string[] {
  const groups = registry
    .groups()
    .flatMap(({ group, versions }) =>
      versions.map(({ version }) =>
        group === '' ? `/api/${version}` : `/apis/${group}/${version}`,
      ),
    );
  return [
    '/api',
    '/apis',
    ...groups,
    '/healthz',
    '/livez',
    '/metrics',
    '/openapi/v3',
    '/readyz',
    '/version',
  ];
}

function health(
  engine: Engine,
  request: ServerRequest,
  root: string,
  [name, ...extra]: readonly string[],
): Promise<Answer> {
  const all: readonly HealthCheck[] = [
    { name: 'ping', passes: () => true },
    { name: 'store', passes: () => readsStore(engine) },
    { name: 'watch', passes: () => engine.hub.isFollowing },
  ];
  const checks = name === undefined ? all : all.filter((check) => check.name === name);
  if (checks.length === 0 || extra.length > 0) throw unknownPath();
  return healthAnswer(root, request.query, checks);
}

async function readsStore({ store, log }: Engine): Promise<boolean> {
  try {
    await store.get('/registry/');
    return true;
  } catch (error) {
    log.error('The store cannot be read', { error: String(error) });
    return false;
  }
}
