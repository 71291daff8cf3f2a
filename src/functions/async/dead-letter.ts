import { createHash } from 'node:crypto';
import {
  type Condition,
  type FunctionObject,
  type InvocationField,
  type InvocationObject,
  newInvocation,
} from '../../api/index.ts';

/** The name of the Function that is still to get the dead letter; undefined when there is none, or no more. */
export function owedDeadLetter({ spec, status }: InvocationObject): string | undefined {
  if (spec.deadLetter === undefined || status?.phase !== 'Failed') return undefined;
  return deadLettered(status.conditions)?.status === 'True' ? undefined : spec.deadLetter;
}

export function deadLettered(conditions: readonly Condition[] = []): Condition | undefined {
  return conditions.find(({ type }) => type === 'DeadLettered');
}

/** The conditions with `DeadLettered` set. */
export function withDeadLettered(
  { status }: InvocationObject,
  told: Pick<Condition, 'status' | 'reason' | 'message' | 'lastTransitionTime'>,
): readonly Condition[] {
  const others = (status?.conditions ?? []).filter(({ type }) => type !== 'DeadLettered');
  return [...others, { type: 'DeadLettered', ...told }];
}

const hashLength = 28;

/**
 * The call of `fn` about an invocation that has failed for good.
 *
 * Its name follows from the failed one's uid, so that it is made once however often it is tried, and
 * nobody can guess it. It has no dead letter of its own: two functions cannot play one back and forth.
 *
 * The request is that of the failed invocation, body as it was, as a CloudEvent in binary mode
 * (CloudEvents HTTP binding 1.0, section 3.1) whose attributes say what went wrong.
 */
export function deadLetterOf(failed: InvocationObject, fn: FunctionObject): InvocationObject {
  const { body, headers = [] } = failed.spec.request;
  const kept = headers.filter(({ name }) => !/^(?:ce-|idempotency-key$)/i.test(name));
  return newInvocation({
    fn,
    name: deadLetterName(failed, fn),
    deadLetter: undefined,
    request: {
      method: 'POST',
      path: '/',
      headers: [...kept, ...eventFields(failed)],
      ...(body === undefined ? {} : { body }),
    },
  });
}

function deadLetterName({ metadata }: InvocationObject, fn: FunctionObject): string {
  const hash = createHash('sha256').update(`dead letter of ${metadata.uid}`).digest('hex');
  return `${fn.metadata.name.slice(0, 200)}-${hash.slice(0, hashLength)}`;
}

function eventFields(failed: InvocationObject): readonly InvocationField[] {
  const { metadata, spec, status = {} } = failed;
  const { error, response, conditions = [] } = status;
  const attributes = {
    specversion: '1.0',
    id: metadata.uid ?? '',
    type: 'dev.nought.invocation.failed',
    source: `/namespaces/${metadata.namespace ?? ''}/functions/${spec.functionRef.name}`,
    subject: metadata.name,
    time: status.finishTime ?? '',
    attempts: String(status.attempts ?? 0),
    reason: conditions.find(({ type }) => type === 'Failed')?.reason ?? '',
    errortitle: error?.title ?? '',
    errordetail: error?.detail ?? '',
    errorstatus: response === undefined ? '' : String(response.status),
    requestmethod: spec.request.method,
    requestpath: spec.request.path,
  };
  return Object.entries(attributes)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ({ name: `ce-${name}`, value: encoded(value) }));
}

/** A CloudEvents attribute as a field value (CloudEvents HTTP binding 1.0, section 3.1.3.2). */
function encoded(text: string): string {
  return text.toWellFormed().replace(/[^\x21-\x7e]|["%]/gu, (one) => encodeURIComponent(one));
}
