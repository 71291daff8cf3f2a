import {
  type Event,
  type FunctionObject,
  isStatus,
  type KubeObject,
  names,
  type Pod,
  type Secret,
} from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { eventKind } from '../events/events-command.ts';
import { failureText } from '../failure.ts';
import { parseFlags } from '../flags.ts';
import { podKind } from '../logs/find-pods.ts';
import { readTargets, type Target } from '../resources/arguments.ts';
import { listObjects, namespaceFor } from '../resources/choose-objects.ts';
import { apiVersionOf, type Kind, Kinds, resourcePath } from '../resources/kinds.ts';
import { openSession, type Session } from '../session.ts';
import { describeFunction } from './describe-function.ts';
import { describeObject, eventLines } from './describe-object.ts';
import { describePod } from './describe-pod.ts';
import type { Report } from './report.ts';

const help = `Show objects in full, and what has happened to them.

Usage:
  nought describe (KIND | KIND NAME... | KIND/NAME...) [flags]

A NAME that no object has stands for all whose names begin with it.

Flags:
  -l, --selector S          objects with these labels
  -A, --all-namespaces      in all namespaces
      --show-events=false   without what has happened
${clusterFlagsHelp}
  -h, --help                this text

Examples:
  nought describe fn diff
  nought describe pod diff
`;

const options = {
  ...clusterFlagOptions,
  selector: { type: 'string', short: 'l' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  'show-events': { type: 'boolean' },
} as const;

export const describeCommand: Command = {
  name: 'describe',
  summary: 'Show objects in full, and what has happened to them',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    if (positionals.length === 0) {
      throw new UsageError('Missing the resource: expected a kind like "functions" or KIND/NAME');
    }
    using session = await openSession(values, io);
    const { selector } = values;
    const everywhere = values['all-namespaces'] === true;
    let failed = false;
    let count = 0;
    for (const target of readTargets(positionals, await Kinds.load(session))) {
      try {
        const { kind, name } = target;
        if (name !== undefined && selector !== undefined) {
          throw new UsageError('Cannot take both names and a selector: give one of them');
        }
        const namespace = everywhere ? undefined : namespaceFor(session, kind);
        for (const object of await find(session, target, { namespace, selector })) {
          const report = await describe(session, kind, object);
          if (values['show-events'] !== false) {
            eventLines(report, await eventsOf(session, object), Date.now());
          }
          io.stdout.write(`${count === 0 ? '' : '\n\n'}${report.toString()}`);
          count += 1;
        }
      } catch (error) {
        io.signal.throwIfAborted();
        if (error instanceof UsageError) throw error;
        io.stderr.write(`${failureText(error)}\n`);
        failed = true;
      }
    }
    if (count === 0 && !failed) {
      const where = everywhere ? '' : ` in ${session.namespace} namespace.`;
      io.stderr.write(`No resources found${where}\n`);
    }
    return failed ? 1 : 0;
  },
};

async function find(
  session: Session,
  { kind, name }: Target,
  filter: { readonly namespace: string | undefined; readonly selector: string | undefined },
): Promise<readonly KubeObject[]> {
  if (name === undefined) return (await listObjects(session, kind, filter)).items;
  if (filter.namespace === undefined && kind.namespaced) {
    throw new UsageError('Cannot get an object by name across all namespaces: name one with -n');
  }
  try {
    const path = resourcePath(kind, { namespace: filter.namespace, name });
    return [(await session.send({ path })) as KubeObject];
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
    const { items } = await listObjects(session, kind, filter);
    const near = items.filter(({ metadata }) => metadata.name.startsWith(name));
    if (near.length === 0) throw error;
    return near;
  }
}

async function describe(session: Session, kind: Kind, object: KubeObject): Promise<Report> {
  const { name, namespace } = object.metadata;
  switch (`${apiVersionOf(kind)} ${kind.kind}`) {
    case 'v1 Pod':
      return describePod(object as Pod);
    case `${names.group}/v1 Function`: {
      const selector = `${names.label.function}=${name}`;
      const { items } = await listObjects(session, podKind, { namespace, selector });
      return describeFunction(object as FunctionObject, items as readonly Pod[]);
    }
    case 'v1 Secret':
      return describeObject(withSizes(object));
    default:
      return describeObject({ ...object, apiVersion: apiVersionOf(kind), kind: kind.kind });
  }
}

/** A secret whose values are not shown, but how long they are. */
function withSizes(secret: Secret): Secret {
  const data = Object.entries(secret.data ?? {}).map(([key, value]) => [
    key,
    `${Buffer.from(value, 'base64').length} bytes`,
  ]);
  return { ...secret, apiVersion: 'v1', kind: 'Secret', data: Object.fromEntries(data) };
}

async function eventsOf(session: Session, { metadata }: KubeObject): Promise<readonly Event[]> {
  const { name, namespace = 'default', uid = '' } = metadata;
  const fields = `involvedObject.name=${name},involvedObject.uid=${uid}`;
  const { items } = await listObjects(session, eventKind, { namespace, fields });
  return items as readonly Event[];
}
