/** Where a request wants to go. */
export type Target =
  /** `/-/NAME`: the gateway itself. */
  | { readonly kind: 'own'; readonly name: string }
  | FunctionTarget
  /** Names no function: `/`, `/one`, … */
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly detail: string };

export type FunctionTarget =
  /** `GET /NS/NAME`. */
  | { readonly kind: 'check'; readonly function: string; readonly byHost: false }
  | {
      readonly kind: 'call';
      /** `NS/NAME`, or `NS/NAME@TAG` as the path has it; of a host its first label in place of the name. */
      readonly function: string;
      readonly byHost: boolean;
      /** Path and query for the pod. */
      readonly path: string;
    };

export interface TargetRequest {
  readonly method: string;
  /** Origin-form. */
  readonly target: string;
  readonly host: string;
  readonly websocket: boolean;
}

const dot = 46;
const colon = 58;

/** A dot segment, also percent-encoded: a server behind us might climb out of the prefix we strip. */
const dotSegment = /(?:^|[/\\])(?:\.|%2e){1,2}(?:$|[/\\?;]|%2f|%5c)/i;

/**
 * Finds the function of a request by its Host or its raw path; nothing is decoded or normalised.
 *
 * `domain` is the one whose hosts are `NAME.NS.domain`, in lower case.
 */
export function resolveTarget(request: TargetRequest, domain: string): Target {
  const { target, method } = request;
  const byHost = functionOfHost(request.host, domain);
  if (byHost !== undefined) return { kind: 'call', function: byHost, byHost: true, path: target };
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  const second = path.indexOf('/', 1);
  if (path.startsWith('/-/')) return { kind: 'own', name: path.slice(3) };
  if (second < 0 || second === 1 || second === path.length - 1) return { kind: 'none' };
  if ((path.includes('.') || path.includes('%')) && dotSegment.test(path)) {
    return { kind: 'malformed', detail: 'The path holds a segment "." or ".."' };
  }
  const third = path.indexOf('/', second + 1);
  if (third === second + 1) return { kind: 'none' };
  const name = third < 0 ? path.slice(1) : path.slice(1, third);
  if (third >= 0) {
    return { kind: 'call', function: name, byHost: false, path: target.slice(third) };
  }
  if ((method === 'GET' || method === 'HEAD') && !request.websocket) {
    return { kind: 'check', function: name, byHost: false };
  }
  const rest = query < 0 ? '/' : `/${target.slice(query)}`;
  return { kind: 'call', function: name, byHost: false, path: rest };
}

/** `NS/NAME` of `NAME.NS.domain`; undefined for any other host. */
function functionOfHost(host: string, domain: string): string | undefined {
  let portless = host.length;
  while (isDigit(host.charCodeAt(portless - 1))) portless -= 1;
  portless = host.charCodeAt(portless - 1) === colon ? portless - 1 : host.length;
  const end = host.charCodeAt(portless - 1) === dot ? portless - 1 : portless;
  const start = end - domain.length;
  if (host.charCodeAt(start - 1) !== dot) return undefined;
  const name = host.slice(0, end).toLowerCase();
  if (!name.endsWith(domain)) return undefined;
  const labels = name.slice(0, start - 1).split('.');
  const [first, second] = labels;
  return labels.length === 2 && first && second ? `${second}/${first}` : undefined;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
