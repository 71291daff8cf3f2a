import type { Container, Pod } from '../api/index.ts';
import type { Configuration } from './configuration.ts';
import { limitOf, type NodeFacts } from './downward.ts';
import { resolveEnvironment } from './environment.ts';
import { expand } from './expand.ts';
import type { ContainerSpec, Sandbox } from './runtime.ts';
import { mountsOf } from './volumes.ts';

/** The pod at the moment of a start. */
export interface SlotPod {
  readonly pod: Pod;
  readonly sandbox: Sandbox;
  readonly volumes: ReadonlyMap<string, string>;
  readonly facts: NodeFacts;
}

export interface ContainerSpecRequest {
  readonly container: Container;
  readonly configuration: Configuration;
  readonly attempt: number;
}

/** One start of a container with everything looked up; throws ConfigError when something is missing. */
export async function containerSpec(
  { pod, sandbox, volumes, facts }: SlotPod,
  { container, configuration, attempt }: ContainerSpecRequest,
): Promise<ContainerSpec> {
  const env = await resolveEnvironment({ pod, container, facts, configuration });
  const words = (list: readonly string[] | undefined): readonly string[] =>
    (list ?? []).map((word) => expand(word, env));
  const cpu = limitOf(container, 'cpu');
  return {
    name: container.name,
    attempt,
    image: container.image ?? '',
    command: words(container.command),
    args: words(container.args),
    env,
    workingDir: container.workingDir,
    mounts: await mountsOf(container, volumes, sandbox.owner),
    ports: (container.ports ?? []).map((each) => each.containerPort),
    memoryBytes: limitOf(container, 'memory'),
    milliCpu: cpu === undefined ? undefined : Math.round(cpu * 1000),
    hostname: pod.spec.hostname ?? pod.metadata.name,
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    messageFromLogs: container.terminationMessagePolicy === 'FallbackToLogsOnError',
  };
}
