import { type StatusCause, StatusError } from '../api/index.ts';
import { CommandError } from './command.ts';

/**
 * What to print for something that failed, in kubectl's words; `doing` ('error when creating
 * "f.yaml"') stands before the server's.
 */
export function failureText(error: unknown, doing?: string): string {
  if (error instanceof StatusError) return refusalText(error, doing);
  const text =
    error instanceof CommandError
      ? error.message
      : (unreachable(error) ?? String((error as Error)?.stack ?? error));
  return doing === undefined ? text : `error: ${doing}: ${text}`;
}

function refusalText(error: StatusError, doing: string | undefined): string {
  const { kind = '', name = '', causes = [] } = error.details ?? {};
  if (error.reason === 'Invalid' && kind !== '' && causes.length > 0) {
    return `The ${kind} "${name}" is invalid${causesText(causes)}`;
  }
  const reason = error.reason === '' ? '' : ` (${error.reason})`;
  const context = doing === undefined ? '' : `${doing}: `;
  return `Error from server${reason}: ${context}${error.message}`;
}

function causesText(causes: readonly StatusCause[]): string {
  const lines = causes.map(({ field = '', message = '' }) =>
    field === '' ? message : `${field}: ${message}`,
  );
  return lines.length === 1
    ? `: ${lines[0]}`
    : `: \n${lines.map((line) => `* ${line}`).join('\n')}`;
}

/** Words for an API server that does not answer. */
function unreachable(error: unknown): string | undefined {
  const cause = error as NodeJS.ErrnoException & { readonly cause?: NodeJS.ErrnoException };
  const code = cause?.code ?? cause?.cause?.code;
  if (code === undefined) return undefined;
  return `Cannot reach the API server: ${cause.message || code}; is the platform running ("nought up"), and is this the right kubeconfig?`;
}
