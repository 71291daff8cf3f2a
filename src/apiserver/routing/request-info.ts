/** What a path asks for, before it is known whether it exists. */
export type RequestInfo =
  | {
      readonly kind: 'resource';
      readonly group: string;
      readonly version: string;
      readonly namespace: string | undefined;
      readonly plural: string;
      readonly name: string | undefined;
      readonly subresource: string | undefined;
    }
  /** Lists of groups, versions or resources. */
  | { readonly kind: 'discovery'; readonly scope: DiscoveryScope }
  /** `/version`, `/healthz`, `/openapi/v3/…`: not under /api or /apis. */
  | { readonly kind: 'plain'; readonly segments: readonly string[] }
  | { readonly kind: 'malformed' };

export type DiscoveryScope =
  | { readonly kind: 'core' }
  | { readonly kind: 'groups' }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'version'; readonly group: string; readonly version: string };

/** Subresources of a namespace itself; anything else after a namespace is a resource in it. */
const namespaceSubresources = new Set(['status', 'finalize']);

/** Longest name that Kubernetes allows, of anything; bytes. */
const maxSegmentBytes = 253;

/** Takes a request path apart by the rules of Kubernetes' RequestInfoResolver. */
export function parsePath(path: string): RequestInfo {
  const segments = decodeSegments(path);
  if (segments === undefined) return { kind: 'malformed' };
  const [root, ...rest] = segments;
  if (root === 'api') {
    const [version, ...parts] = rest;
    if (version === undefined) return { kind: 'discovery', scope: { kind: 'core' } };
    return parseVersion('', version, parts);
  }
  if (root === 'apis') {
    const [group, version, ...parts] = rest;
    if (group === undefined) return { kind: 'discovery', scope: { kind: 'groups' } };
    if (version === undefined) return { kind: 'discovery', scope: { kind: 'group', group } };
    return parseVersion(group, version, parts);
  }
  return { kind: 'plain', segments };
}

function parseVersion(group: string, version: string, parts: readonly string[]): RequestInfo {
  const [first, second, third] = parts;
  if (first === undefined) {
    return { kind: 'discovery', scope: { kind: 'version', group, version } };
  }
  const target = { kind: 'resource', group, version } as const;
  const ofNamespace =
    parts.length < 3 || (parts.length === 3 && namespaceSubresources.has(third ?? ''));
  if (first === 'namespaces' && !ofNamespace) {
    const [plural = '', name, subresource, ...extra] = parts.slice(2);
    if (extra.length > 0) return { kind: 'malformed' };
    return { ...target, namespace: second, plural, name, subresource };
  }
  if (parts.length > 3) return { kind: 'malformed' };
  return { ...target, namespace: undefined, plural: first, name: second, subresource: third };
}

function decodeSegments(path: string): readonly string[] | undefined {
  try {
    const segments = path.split('/').slice(1);
    if (segments.at(-1) === '') segments.pop();
    const decoded = path.includes('%') ? segments.map(decodeURIComponent) : segments;
    return decoded.every(isSegment) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

/** No name has a slash, and none is so long that it could not be a key of the store. */
function isSegment(text: string): boolean {
  return Buffer.byteLength(text) <= maxSegmentBytes && !text.includes('/');
}
