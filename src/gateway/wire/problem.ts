import type { Answer } from './exchange.ts';

/** What the gateway itself has to say against a request: RFC 9457 problem details. */
export interface Problem {
  readonly status: number;
  /** Last segment of the problem's `type`; stable, for programs. */
  readonly kind: string;
  readonly title: string;
  /** What is wrong with this request and what to do about it. */
  readonly detail: string;
  /** Seconds after which the same request may succeed. */
  readonly retryAfterS?: number;
  /** More field lines, each with CRLF. */
  readonly lines?: string;
  /** Members of the problem document beside those of RFC 9457. */
  readonly extra?: Readonly<Record<string, string | number>>;
}

/** URI of the problem type `kind`. */
function problemType(kind: string): string {
  return `https://nought.dev/problems/${kind}`;
}

/** The answer that carries a problem. */
export function problemAnswer(problem: Problem, lines: string): Answer {
  const { status, kind, title, detail, retryAfterS, extra } = problem;
  const body = { type: problemType(kind), title, status, detail, ...extra };
  const retry = retryAfterS === undefined ? '' : `Retry-After: ${retryAfterS}\r\n`;
  return {
    status,
    lines: `Content-Type: application/problem+json\r\nCache-Control: no-store\r\n${retry}${problem.lines ?? ''}${lines}`,
    body: Buffer.from(`${JSON.stringify(body)}\n`),
  };
}

const refusalTitles: Readonly<Record<number, readonly [kind: string, title: string]>> = {
  405: ['method-not-allowed', 'Method not allowed'],
  408: ['request-timeout', 'Request came too slowly'],
  413: ['body-too-large', 'Body too large'],
  414: ['head-too-large', 'Request line too long'],
  417: ['expectation-failed', 'Expectation failed'],
  431: ['head-too-large', 'Header section too large'],
  501: ['not-implemented', 'Not implemented'],
  505: ['version-not-supported', 'HTTP version not supported'],
};

/** The problem of a message that breaks the protocol or its limits. */
export function refusal(status: number, detail: string): Problem {
  const [kind, title] = refusalTitles[status] ?? ['malformed-request', 'Malformed request'];
  return { status, kind, title, detail };
}

/** The problem of a body over the limit. */
export function bodyTooLarge(limit: number): Problem {
  return refusal(
    413,
    `The body is larger than the gateway's limit of ${limit} bytes; send less, or send a reference to where the data lies`,
  );
}

/** The problem of a body of which so many bytes came within the time. */
export function bodyTooSlow(came: number, ms: number): Problem {
  const what = came === 0 ? 'No byte' : `Only ${came} bytes`;
  return refusal(408, `${what} of the body came within ${ms / 1000} s`);
}
