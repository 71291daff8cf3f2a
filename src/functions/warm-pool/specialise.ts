import { connect } from 'node:net';
import { names } from '../../api/index.ts';

export interface SpecialiseRequest {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly body: Buffer;
  /** How long the pod may take to show that it is there at all. */
  readonly aliveMs: number;
  /** How long it may take to load the code. */
  readonly loadMs: number;
}

export type SpecialiseOutcome =
  /** The handler is loaded: the pod takes calls. */
  | { readonly kind: 'loaded' }
  /** It answered, but not with that: what it is now is not known. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  /** Nothing listens there, or the connection broke. */
  | { readonly kind: 'gone'; readonly message: string }
  /** It took the connection and did nothing in time. */
  | { readonly kind: 'silent' };

const headLimit = 16 * 1024;
const statusLine = /^HTTP\/1\.[01] (\d{3})/;

/**
 * Gives a booted pod its code: one POST on a connection of its own (`names.specialisePath`).
 *
 * The request expects `100 Continue`, which a function server sends before it loads anything: so a pod
 * that hangs is told apart from one whose code takes long to load.
 */
export function specialise(
  request: SpecialiseRequest,
  signal: AbortSignal,
): Promise<SpecialiseOutcome> {
  const { host, port, secret, body, aliveMs, loadMs } = request;
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    let answer = '';
    const settle = (outcome: SpecialiseOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.destroy();
      resolve(outcome);
    };
    const late = (): void => settle({ kind: 'silent' });
    const abort = (): void => settle({ kind: 'gone', message: 'It was called off' });
    let timer = setTimeout(late, aliveMs);
    let alive = false;
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', ({ message }) => settle({ kind: 'gone', message }));
    socket.on('close', () => settle(finalOf(answer) ?? { kind: 'gone', message: 'It hung up' }));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const outcome = finalOf(answer);
      // The words of a refusal follow its head: they are complete when the pod closes.
      if (outcome?.kind === 'loaded' || answer.length > headLimit) {
        settle(outcome ?? { kind: 'refused', status: 0, message: 'It answered at length' });
      } else if (!alive) {
        alive = true;
        clearTimeout(timer);
        timer = setTimeout(late, loadMs);
      }
    });
    if (signal.aborted) abort();
    socket.write(
      `POST ${names.specialisePath} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${secret}\r\n` +
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`,
    );
    socket.write(body);
  });
}

/** What the answer says once its head is complete; interim answers say nothing. */
function finalOf(answer: string): SpecialiseOutcome | undefined {
  let rest = answer;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const status = Number(statusLine.exec(rest)?.[1] ?? 0);
    const body = rest.slice(end + 4);
    if (status === 204) return { kind: 'loaded' };
    if (status < 100 || status > 199) return { kind: 'refused', status, message: body };
    rest = body;
  }
}
