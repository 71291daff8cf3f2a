import { isRecord, member } from '../api-object.ts';
import { decodeBody } from '../codec/decode-body.ts';
import type { Attributes } from '../auth/authorizer.ts';
import type { Engine } from '../engine.ts';
import { badRequest } from '../refusals.ts';
import { jsonAnswer, type Answer, type ServerRequest } from '../request.ts';
import type { ReviewKind } from './review-kinds.ts';

/** POST of a review about the caller himself: `kubectl auth whoami` and `auth can-i`. */
export function reviewSelf(engine: Engine, request: ServerRequest, review: ReviewKind): Answer {
  const { value } = decodeBody(request, { protobuf: true, maxDepth: engine.limits.jsonDepth });
  if (!isRecord(value)) throw badRequest(`Cannot decode the body as a ${review.kind}`);
  const spec = member(value, 'spec') ?? {};
  return jsonAnswer(201, {
    kind: review.kind,
    apiVersion: `${review.group}/v1`,
    metadata: { creationTimestamp: null },
    ...(review.kind === 'SelfSubjectReview' ? {} : { spec }),
    status: statusOf(engine, request, review, spec),
  });
}

function statusOf(
  engine: Engine,
  { user }: ServerRequest,
  { kind }: ReviewKind,
  spec: unknown,
): unknown {
  switch (kind) {
    case 'SelfSubjectReview':
      return { userInfo: { username: user.name, groups: user.groups } };
    case 'SelfSubjectAccessReview': {
      const { allowed, reason } = engine.authorizer(user, attributesOf(spec));
      return { allowed, ...(reason === '' ? {} : { reason }) };
    }
    default: {
      const all = engine.authorizer(user, attributesOf({ resourceAttributes: everything })).allowed;
      const anything = ['*'];
      return {
        resourceRules: all ? [{ verbs: anything, apiGroups: anything, resources: anything }] : [],
        nonResourceRules: all ? [{ verbs: anything, nonResourceURLs: anything }] : [],
        incomplete: false,
      };
    }
  }
}

const everything = { verb: '*', group: '*', version: '*', resource: '*' };

function attributesOf(spec: unknown): Attributes {
  const path = member(spec, 'nonResourceAttributes');
  if (path !== undefined) {
    return { kind: 'path', verb: text(path, 'verb') ?? '', path: text(path, 'path') ?? '' };
  }
  const asked = member(spec, 'resourceAttributes');
  return {
    kind: 'resource',
    verb: text(asked, 'verb') ?? '',
    group: text(asked, 'group') ?? '',
    version: text(asked, 'version') ?? '',
    plural: text(asked, 'resource') ?? '',
    subresource: text(asked, 'subresource'),
    namespace: text(asked, 'namespace'),
    name: text(asked, 'name'),
  };
}

function text(value: unknown, name: string): string | undefined {
  const found = member(value, name);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
