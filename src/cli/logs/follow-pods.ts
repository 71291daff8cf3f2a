import { isStatus, type Pod } from '../../api/index.ts';
import type { CommandIo } from '../command.ts';
import { failureText } from '../failure.ts';
import { resourcePath } from '../resources/kinds.ts';
import type { Session } from '../session.ts';
import { containerLogs, type LogSource, podKind } from './find-pods.ts';
import { LineWriter, streamLog } from './stream-log.ts';

export interface FollowRequest {
  readonly source: Extract<LogSource, { kind: 'pods' }>;
  readonly query: Readonly<Record<string, string>>;
  readonly prefix: boolean | undefined;
}

/**
 * Follows the logs of an object's pods, those that start later included, until interrupted.
 *
 * 1. Each run of a container is followed once, from its start (the first ones as the flags say).
 * 2. All lines have the pod before them: there is no telling how many there will be.
 */
export async function followPods(
  session: Session,
  io: CommandIo,
  { source, query, prefix }: FollowRequest,
): Promise<number> {
  const writer = new LineWriter(io.stdout);
  const following = new Set<string>();
  const streams = new Set<Promise<void>>();
  const { tailLines: _, ...fromStart } = query;
  let caughtUp = false;

  const follow = (pod: Pod): void => {
    const statuses = pod.status?.containerStatuses ?? [];
    for (const log of containerLogs(pod, source.choice)) {
      const status = statuses.find(({ name }) => name === log.container);
      const started =
        status?.state?.running !== undefined || status?.state?.terminated !== undefined;
      const run = `${pod.metadata.uid} ${log.container} ${status?.restartCount ?? 0}`;
      if (!started || following.has(run)) continue;
      following.add(run);
      const text = prefix === true ? `pod/${log.pod}/${log.container}` : log.pod;
      const what = {
        log,
        query: caughtUp ? fromStart : query,
        prefix: prefix === false ? '' : `[${text}] `,
      };
      const stream = streamLog(session, what, writer).catch((error: unknown) => {
        if (!session.signal.aborted) io.stderr.write(`${failureText(error)}\n`);
      });
      streams.add(stream);
      void stream.finally(() => streams.delete(stream));
    }
  };

  const path = resourcePath(podKind, { namespace: session.namespace });
  const labelSelector = source.selector;
  while (!session.signal.aborted) {
    try {
      const list = (await session.send({ path, query: { labelSelector } })) as {
        readonly items: readonly Pod[];
        readonly metadata: { readonly resourceVersion: string };
      };
      list.items.forEach(follow);
      caughtUp = true;
      const { resourceVersion } = list.metadata;
      const watch = { path, query: { labelSelector, resourceVersion } };
      for await (const { type, object } of session.watch(watch)) {
        if (type === 'ADDED' || type === 'MODIFIED') follow(object as Pod);
      }
    } catch (error) {
      if (session.signal.aborted) break;
      if (!isStatus(error, 'Expired', 'Gone')) throw error;
    }
  }
  await Promise.all(streams);
  session.signal.throwIfAborted();
  return 0;
}
