import { type FunctionObject, formatAge, type TrafficStatus } from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import type { Command } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { Columns } from '../output/columns.ts';
import { openSession } from '../session.ts';
import { functionName, readRevisions, type Revision } from './function-revisions.ts';

const help = `List the revisions of a function, newest first, and how its calls are shared.

Usage:
  nought revisions NAME [flags]

Flags:
${clusterFlagsHelp}
  -h, --help            this text

AGE is since the spec last asked for the revision; LATEST marks the newest one that has proven itself.

Examples:
  nought revisions diff
`;

export const revisionsCommand: Command = {
  name: 'revisions',
  summary: 'List the revisions of a function, and how its calls are shared',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, clusterFlagOptions);
    const name = functionName(positionals);
    using session = await openSession(values, io);
    const { namespace } = session;
    const fn = await session.client.resource(refs.functions).get({ namespace, name });
    const revisions = await readRevisions(session, fn);
    if (revisions.length === 0) {
      io.stderr.write(`Function "${name}" has no revisions yet\n`);
      return 0;
    }
    new Columns(io.stdout).write(revisionRows(fn, revisions, Date.now()));
    return 0;
  },
};

/** The table's rows, heading first. */
export function revisionRows(
  { status = {} }: FunctionObject,
  revisions: readonly Revision[],
  nowMs: number,
): readonly (readonly string[])[] {
  const plain = [{ revision: status.revision, weight: 100, replicas: 0, readyReplicas: 0 }];
  const traffic: readonly Partial<TrafficStatus>[] = status.traffic ?? plain;
  const sum = traffic.reduce((total, { weight = 0 }) => total + weight, 0);
  const rows = revisions.map((revision) => {
    const places = traffic.filter((place) => place.revision === revision.name);
    const weight = places.reduce((total, place) => total + (place.weight ?? 0), 0);
    const tags = places.flatMap(({ tag }) => tag ?? []);
    return [
      revision.name,
      revision.name === status.revision ? 'yes' : '',
      weight === 0 ? '' : `${Math.round((weight * 100) / sum)}%`,
      tags.length === 0 ? '<none>' : tags.join(','),
      `${revision.readyReplicas}/${revision.replicas}`,
      formatAge(nowMs - revision.requestedMs),
      revision.failure === undefined ? '' : `given up: ${revision.failure}`,
    ];
  });
  return [['REVISION', 'LATEST', 'TRAFFIC', 'TAGS', 'READY', 'AGE', 'NOTE'], ...rows];
}
