import type { StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { portNameErrors } from '../validation-names.ts';
import { isPort, portRange } from './port.ts';

type Members = Readonly<Record<string, unknown>>;

export interface ProbedContainer {
  readonly livenessProbe?: Members;
  readonly readinessProbe?: Members;
  readonly startupProbe?: Members;
}

const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

export function validateProbes(container: ProbedContainer, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[name];
    if (probe === undefined) continue;
    const at = `${path}.${name}`;
    causes.push(...validateHandler(probe, at));
    for (const count of [
      'initialDelaySeconds',
      'timeoutSeconds',
      'periodSeconds',
      'successThreshold',
      'failureThreshold',
    ]) {
      const value = probe[count];
      if (typeof value === 'number' && value < 0) {
        const detail = 'must be greater than or equal to 0';
        causes.push(fieldError.invalid(`${at}.${count}`, value, detail));
      }
    }
    const grace = probe['terminationGracePeriodSeconds'];
    if (typeof grace === 'number' && grace <= 0) {
      const detail = 'must be greater than 0';
      causes.push(fieldError.invalid(`${at}.terminationGracePeriodSeconds`, grace, detail));
    }
    const threshold = probe['successThreshold'];
    if (name !== 'readinessProbe' && typeof threshold === 'number' && threshold !== 1) {
      causes.push(fieldError.invalid(`${at}.successThreshold`, threshold, 'must be 1'));
    }
  }
  return causes;
}

/** Exactly one handler of a probe or of a lifecycle hook, and the rules of that one. */
export function validateHandler(holder: Members, path: string): readonly StatusCause[] {
  const given = handlers.filter((name) => holder[name] !== undefined);
  const [first, ...others] = given;
  if (first === undefined) return [fieldError.required(path, 'must specify a handler type')];
  const causes = others.map((name) =>
    fieldError.forbidden(`${path}.${name}`, 'may not specify more than 1 handler type'),
  );
  const handler = holder[first] as Members;
  const at = `${path}.${first}`;
  if (first === 'exec') {
    const command = (handler['command'] ?? []) as readonly string[];
    if (command.length === 0) causes.push(fieldError.required(`${at}.command`));
  } else if (first !== 'sleep') {
    causes.push(...validatePort(handler['port'], `${at}.port`));
  }
  return causes;
}

function validatePort(port: unknown, path: string): readonly StatusCause[] {
  if (typeof port === 'number')
    return isPort(port) ? [] : [fieldError.invalid(path, port, portRange)];
  const name = typeof port === 'string' ? port : '';
  return portNameErrors(name).map((message) => fieldError.invalid(path, name, message));
}
