import { StatusError } from '../../api/index.ts';
import { qualifiedResource } from '../refusals.ts';
import type { User } from '../request.ts';

/** What a request is about to do, in RBAC's terms. */
export type Attributes =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly plural: string;
      readonly subresource: string | undefined;
      readonly namespace: string | undefined;
      readonly name: string | undefined;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** The one place that decides who may do what. */
export type Authorizer = (user: User, attributes: Attributes) => Decision;

const mastersGroup = 'system:masters';
export const authenticatedGroup = 'system:authenticated';
const discoveryRoots = ['/api', '/apis', '/openapi', '/version', '/healthz', '/livez', '/readyz'];
const selfReviews = new Set([
  'selfsubjectreviews',
  'selfsubjectaccessreviews',
  'selfsubjectrulesreviews',
]);

/**
 * `system:masters` may do everything; whoever is known may discover what there is and ask about
 * himself (the ClusterRoles system:discovery and system:basic-user).
 */
export const mastersOnly: Authorizer = (user, attributes) => {
  if (user.groups.includes(mastersGroup)) return { allowed: true, reason: '' };
  const known = user.groups.includes(authenticatedGroup);
  if (known && isDiscovery(attributes)) return { allowed: true, reason: '' };
  return { allowed: false, reason: '' };
};

function isDiscovery(attributes: Attributes): boolean {
  if (attributes.kind === 'resource') {
    return attributes.verb === 'create' && selfReviews.has(attributes.plural);
  }
  return discoveryRoots.some(
    (root) => attributes.path === root || attributes.path.startsWith(`${root}/`),
  );
}

/** The refusal of what was not allowed. */
export function forbidden(user: User, attributes: Attributes, reason: string): StatusError {
  const why = reason === '' ? '' : `: ${reason}`;
  if (attributes.kind === 'path') {
    const { verb, path } = attributes;
    const text = `forbidden: User "${user.name}" cannot ${verb} path "${path}"${why}`;
    return new StatusError(403, 'Forbidden', text, { details: {} });
  }
  const { verb, group, plural, subresource, namespace, name } = attributes;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const scope =
    namespace === undefined ? ' at the cluster scope' : ` in the namespace "${namespace}"`;
  const what = qualifiedResource({ group, plural });
  const subject = name === undefined ? what : `${what} "${name}"`;
  const text = `${subject} is forbidden: User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}"${scope}${why}`;
  return new StatusError(403, 'Forbidden', text, {
    details: {
      ...(name === undefined ? {} : { name }),
      ...(group === '' ? {} : { group }),
      kind: plural,
    },
  });
}
