import { StatusError } from '../../api/index.ts';
import { StoreBusyError } from '../../store/index.ts';
import { forbidden, type Attributes } from '../auth/authorizer.ts';
import { AggregatedDiscovery, wantsAggregated } from '../discovery/aggregated.ts';
import { legacyDiscovery } from '../discovery/legacy.ts';
import type { Engine } from '../engine.ts';
import { metricsGroup, ResourceMetrics } from '../metrics/resource-metrics.ts';
import { methodNotAllowed, tooManyRequests, unknownPath } from '../refusals.ts';
import { type RequestKind, RequestMetrics } from '../request-metrics.ts';
import { jsonAnswer, type Answer, type ServerRequest } from '../request.ts';
import { reviewKinds } from '../reviews/review-kinds.ts';
import { reviewSelf } from '../reviews/self-reviews.ts';
import { type StreamTarget, streamTarget } from '../subresources/pod-stream.ts';
import { isTrue } from '../verbs/list-options.ts';
import type { WatchCount } from '../verbs/watch.ts';
import { parsePath, type DiscoveryScope, type RequestInfo } from './request-info.ts';
import { callResource } from './resource-routes.ts';
import { isOpenPath, plainPath } from './plain-routes.ts';

/** Where a request to upgrade leads, or the answer that refuses it. */
export type Connection =
  | { readonly kind: 'target'; readonly target: StreamTarget }
  | { readonly kind: 'refused'; readonly answer: Answer };

type ResourceInfo = Extract<RequestInfo, { kind: 'resource' }>;

/** Answers requests: from path and method to the handler, with every failure made into a Status. */
export class Dispatcher {
  readonly #engine: Engine;
  readonly #aggregated: AggregatedDiscovery;
  readonly #softwareVersion: string;
  readonly #watches: WatchCount = { open: 0 };
  readonly #metrics = new RequestMetrics();
  readonly #resourceMetrics: ResourceMetrics | undefined;

  constructor(engine: Engine, softwareVersion: string) {
    this.#engine = engine;
    this.#aggregated = new AggregatedDiscovery(engine.registry);
    this.#softwareVersion = softwareVersion;
    const { nodeLogs } = engine;
    this.#resourceMetrics = nodeLogs && new ResourceMetrics(engine, nodeLogs);
  }

  /** Never rejects; what fails is answered with the Status that fits. */
  async answer(request: ServerRequest): Promise<Answer> {
    const { clock } = this.#engine;
    const startedAt = clock.monotonic();
    const info = parsePath(request.path);
    let answer: Answer;
    try {
      answer = await this.#route(request, info);
    } catch (error) {
      answer = this.#refusal(request, error);
    }
    const status = 'status' in answer ? answer.status : 200;
    this.#metrics.answered(
      this.#kindOf(request, info),
      status,
      (clock.monotonic() - startedAt) / 1000,
    );
    return answer;
  }

  /**
   * Finds out where a stream into a pod leads; never rejects. Whatever the method is, the caller must
   * be allowed to create one.
   */
  async connect(request: ServerRequest): Promise<Connection> {
    const { clock, registry } = this.#engine;
    const startedAt = clock.monotonic();
    const info = parsePath(request.path);
    let connection: Connection;
    try {
      if (info.kind !== 'resource' || info.name === undefined) throw unknownPath();
      const { group, version, plural, namespace, name, subresource = '' } = info;
      this.#authorize(request, { ...attributesOf(request, info), verb: 'create' });
      const resource = registry.find(group, version, plural);
      if (resource === undefined || namespace === undefined) throw unknownPath();
      const call = { engine: this.#engine, request, resource, namespace, name };
      connection = { kind: 'target', target: await streamTarget(call, subresource) };
    } catch (error) {
      connection = { kind: 'refused', answer: this.#refusal(request, error) };
    }
    const { answer } = connection.kind === 'refused' ? connection : { answer: undefined };
    const status = answer === undefined ? 101 : 'status' in answer ? answer.status : 200;
    const kind = { ...this.#kindOf(request, info), verb: 'CONNECT' };
    this.#metrics.answered(kind, status, (clock.monotonic() - startedAt) / 1000);
    return connection;
  }

  async #route(request: ServerRequest, info: RequestInfo): Promise<Answer> {
    switch (info.kind) {
      case 'malformed':
        throw unknownPath();
      case 'plain':
        this.#authorizePath(request);
        return plainPath(this.#engine, request, info.segments, {
          softwareVersion: this.#softwareVersion,
          metrics: () => this.#metrics.text(this.#watches.open) + this.#engine.moreMetrics(),
        });
      case 'discovery':
        this.#authorizePath(request);
        return this.#discover(request, info.scope);
      case 'resource':
        return this.#resource(request, info);
    }
  }

  #discover(request: ServerRequest, scope: DiscoveryScope): Answer {
    if (request.method !== 'GET') throw methodNotAllowed(`the method ${request.method}`);
    const root = scope.kind === 'core' ? 'api' : scope.kind === 'groups' ? 'apis' : undefined;
    const version = wantsAggregated(request.accept);
    if (root !== undefined && version !== undefined) {
      return this.#aggregated.answer(root, version, request.ifNoneMatch);
    }
    const document = legacyDiscovery(this.#engine.registry, scope);
    if (document === undefined) throw unknownPath();
    return jsonAnswer(200, document, { headers: { vary: 'Accept' } });
  }

  #resource(request: ServerRequest, info: ResourceInfo): Answer | Promise<Answer> {
    const { group, version, plural } = info;
    this.#authorize(request, attributesOf(request, info));
    const review = reviewKinds.find((one) => one.group === group && one.plural === plural);
    if (review !== undefined && version === 'v1' && info.name === undefined) {
      if (request.method !== 'POST') throw methodNotAllowed(`the method ${request.method}`);
      return reviewSelf(this.#engine, request, review);
    }
    const resource = this.#engine.registry.find(group, version, plural);
    if (resource === undefined) throw unknownPath();
    if (group === metricsGroup && this.#resourceMetrics !== undefined) {
      return this.#resourceMetrics.answer({ request, resource, info });
    }
    return callResource(this.#engine, { request, resource, info, watches: this.#watches });
  }

  /** Only kinds that are served have a name of their own: anyone may ask for any other. */
  #kindOf({ method, query }: ServerRequest, info: RequestInfo): RequestKind {
    if (info.kind !== 'resource') return { verb: method, group: '', resource: '' };
    const { group, version, plural, name } = info;
    const known = this.#engine.registry.find(group, version, plural) !== undefined;
    const of = known ? { group, resource: plural } : { group: '', resource: '' };
    if (method !== 'GET') return { verb: method, ...of };
    if (isTrue(query.get('watch'))) return { verb: 'WATCH', ...of };
    return { verb: name === undefined ? 'LIST' : 'GET', ...of };
  }

  #authorizePath(request: ServerRequest): void {
    if (isOpenPath(request.path)) return;
    this.#authorize(request, {
      kind: 'path',
      verb: request.method.toLowerCase(),
      path: request.path,
    });
  }

  #authorize({ user }: ServerRequest, attributes: Attributes): void {
    const { allowed, reason } = this.#engine.authorizer(user, attributes);
    if (!allowed) throw forbidden(user, attributes, reason);
  }

  #refusal(request: ServerRequest, error: unknown): Answer {
    const status = this.#statusOf(request, error);
    const { retryAfterSeconds } = status.details ?? {};
    const headers: Record<string, string> = {};
    if (retryAfterSeconds !== undefined) headers['retry-after'] = String(retryAfterSeconds);
    return jsonAnswer(status.code, status.toStatus(), { headers });
  }

  #statusOf(request: ServerRequest, error: unknown): StatusError {
    if (error instanceof StatusError) return error;
    if (error instanceof StoreBusyError) return tooManyRequests(error.message, 1);
    if (request.signal.aborted) {
      return new StatusError(504, 'Timeout', 'The request was given up before it was answered');
    }
    const { method, path } = request;
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#engine.log.error('A request failed for a reason of the server', { method, path, detail });
    const message = error instanceof Error ? error.message : String(error);
    return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
      details: { causes: [{ message }] },
    });
  }
}

/** The verb of RBAC that a request stands for. */
function attributesOf({ method, query }: ServerRequest, info: ResourceInfo): Attributes {
  return {
    kind: 'resource',
    verb: verbOf(method, info.name === undefined, isTrue(query.get('watch'))),
    group: info.group,
    version: info.version,
    plural: info.plural,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
  };
}

function verbOf(method: string, collection: boolean, watch: boolean): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return collection ? 'deletecollection' : 'delete';
    default:
      return watch ? 'watch' : collection ? 'list' : 'get';
  }
}
