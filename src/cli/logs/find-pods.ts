import {
  isJsonObject,
  type KubeObject,
  names,
  type Pod,
  selectorFromObject,
} from '../../api/index.ts';
import { CommandError } from '../command.ts';
import { readTargets } from '../resources/arguments.ts';
import { listObjects, namespaceFor } from '../resources/choose-objects.ts';
import { type Kind, Kinds, resourcePath } from '../resources/kinds.ts';
import type { Session } from '../session.ts';
import type { ContainerLog } from './stream-log.ts';

/** Known without discovery, so that the log of a pod costs one request less. */
export const podKind: Kind = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  verbs: ['get', 'list', 'watch'],
  subresources: ['log'],
};

/** Which container of a pod is meant. */
export interface ContainerChoice {
  readonly container: string | undefined;
  readonly allContainers: boolean;
}

export interface LogTarget extends ContainerChoice {
  /** `POD` or `KIND/NAME`. */
  readonly target: string | undefined;
  readonly selector: string | undefined;
}

/** The logs that a command line means: of one pod, or of all that a selector takes. */
export type LogSource =
  | { readonly kind: 'pod'; readonly logs: readonly ContainerLog[] }
  | {
      readonly kind: 'pods';
      readonly logs: readonly ContainerLog[];
      readonly selector: string;
      /** They belong to one object that outlives them. */
      readonly lasting: boolean;
      readonly choice: ContainerChoice;
    };

export async function findPods(session: Session, wanted: LogTarget): Promise<LogSource> {
  const { target, selector } = wanted;
  if (target === undefined) return bySelector(session, selector ?? '', false, wanted);
  if (!target.includes('/')) return { kind: 'pod', logs: await ofPod(session, target, wanted) };
  const [one] = readTargets([target], await Kinds.load(session));
  const { kind, name = '' } = one ?? { kind: podKind };
  if (kind.group === '' && kind.plural === 'pods') {
    return { kind: 'pod', logs: await ofPod(session, name, wanted) };
  }
  const path = resourcePath(kind, { namespace: namespaceFor(session, kind), name });
  const owner = (await session.send({ path })) as KubeObject;
  return bySelector(session, podsSelector(owner), true, wanted);
}

async function ofPod(
  session: Session,
  name: string,
  choice: ContainerChoice,
): Promise<readonly ContainerLog[]> {
  const path = resourcePath(podKind, { namespace: session.namespace, name });
  return containerLogs((await session.send({ path })) as Pod, choice);
}

async function bySelector(
  session: Session,
  selector: string,
  lasting: boolean,
  { container, allContainers }: ContainerChoice,
): Promise<LogSource> {
  const choice = { container, allContainers };
  const { items } = await listObjects(session, podKind, { namespace: session.namespace, selector });
  const logs = (items as readonly Pod[]).flatMap((pod) => containerLogs(pod, choice));
  return { kind: 'pods', logs, selector, lasting, choice };
}

/** The containers of a pod that are meant; throws CommandError for one that it does not have. */
export function containerLogs(pod: Pod, choice: ContainerChoice): readonly ContainerLog[] {
  const { name: podName, namespace = '', annotations = {} } = pod.metadata;
  const containers = (pod.spec.containers ?? []).map(({ name }) => name);
  const all = [
    ...((pod.spec as { initContainers?: readonly { name: string }[] }).initContainers ?? []).map(
      ({ name }) => name,
    ),
    ...containers,
  ];
  const usual = annotations['kubectl.kubernetes.io/default-container'] ?? containers[0] ?? '';
  const chosen = choice.allContainers ? all : [choice.container ?? usual];
  return chosen.map((container) => {
    if (!all.includes(container)) {
      throw new CommandError(
        `error: container ${container} is not valid for pod ${podName} out of: ${all.join(', ')}`,
      );
    }
    return { namespace, pod: podName, container };
  });
}

/** The label selector of an object's pods: all revisions of a function, else what its spec says. */
function podsSelector(owner: KubeObject): string {
  const { kind, apiVersion, metadata } = owner;
  if (kind === 'Function' && apiVersion.startsWith(`${names.group}/`)) {
    return `${names.label.function}=${metadata.name}`;
  }
  const { spec } = owner as KubeObject & { readonly spec?: unknown };
  const selector = isJsonObject(spec) ? spec['selector'] : undefined;
  if (isJsonObject(selector)) {
    const isLabels = Object.values(selector).every((value) => typeof value === 'string');
    const asObject = isLabels ? { matchLabels: selector } : selector;
    return selectorFromObject(asObject).toString();
  }
  throw new CommandError(`error: no pods belong to ${kind} "${metadata.name}"`);
}
