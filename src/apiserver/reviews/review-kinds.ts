/** Kinds that are asked and answered, never stored. */
export interface ReviewKind {
  readonly group: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
}

const authentication = 'authentication.k8s.io';
const authorization = 'authorization.k8s.io';

export const reviewKinds: readonly ReviewKind[] = [
  review(authentication, 'SelfSubjectReview'),
  review(authorization, 'SelfSubjectAccessReview'),
  review(authorization, 'SelfSubjectRulesReview'),
];

function review(group: string, kind: string): ReviewKind {
  const singular = kind.toLowerCase();
  return { group, kind, singular, plural: `${singular}s` };
}
