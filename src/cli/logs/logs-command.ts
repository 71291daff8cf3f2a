import { parseGoDuration, parseTime } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, type CommandIo, UsageError } from '../command.ts';
import { failureText } from '../failure.ts';
import { parseCount, parseFlags } from '../flags.ts';
import { openSession, type Session } from '../session.ts';
import { findPods, type LogSource } from './find-pods.ts';
import { followPods } from './follow-pods.ts';
import { LineWriter, streamLog } from './stream-log.ts';

const help = `Show what pods have printed.

Usage:
  nought logs (POD | KIND/NAME | -l SELECTOR) [flags]

A function (fn/NAME), or anything else that has pods, stands for all of them; with several, each line
says which one it is from. With -f a function is followed through zero: pods that start later are
shown too.

Flags:
  -f, --follow          go on with what comes
      --tail N          the last N lines only (default all; 10 with -l; -1 is all)
      --since TIME      not older than this (5m, 1h)
      --since-time T    not older than this time (RFC 3339)
      --timestamps      the time before each line
  -p, --previous        of the container's last run, if it was restarted
  -c, --container C     which container (default the first)
      --all-containers  all of them
  -l, --selector S      of all pods with these labels
      --prefix          say of each line which pod and container it is from
      --limit-bytes N   no more than this much
${clusterFlagsHelp}
  -h, --help            this text

Examples:
  nought logs fn/diff -f
  nought logs diff-7c6f9-x2x5k --tail=20
  nought logs -l nought.dev/function=diff --since=10m
`;

const options = {
  ...clusterFlagOptions,
  follow: { type: 'boolean', short: 'f' },
  tail: { type: 'string' },
  since: { type: 'string' },
  'since-time': { type: 'string' },
  timestamps: { type: 'boolean' },
  previous: { type: 'boolean', short: 'p' },
  container: { type: 'string', short: 'c' },
  'all-containers': { type: 'boolean' },
  selector: { type: 'string', short: 'l' },
  prefix: { type: 'boolean' },
  'limit-bytes': { type: 'string' },
} as const;

type Flags = ReturnType<typeof parseFlags<typeof options>>['values'];

const selectorTail = '10';

export const logsCommand: Command = {
  name: 'logs',
  summary: 'Show what pods have printed',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    const { selector, container } = values;
    if (positionals.length === 0 && selector === undefined) {
      throw new UsageError('Missing the pod: expected POD, KIND/NAME or -l SELECTOR');
    }
    if (positionals.length > 0 && selector !== undefined) {
      throw new UsageError('Cannot take both a name and a selector: give one of them');
    }
    const [target, named, ...more] = positionals;
    if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
    if (named !== undefined && container !== undefined) {
      throw new UsageError('Cannot take both -c and a container as an argument');
    }
    const query = logQuery(values, selector === undefined ? undefined : selectorTail);
    using session = await openSession(values, io);
    const source = await findPods(session, {
      target,
      selector,
      container: container ?? named,
      allContainers: values['all-containers'] === true,
    });
    const request: LogRequest = { source, query, prefix: values.prefix };
    if (values.follow === true && source.kind === 'pods' && source.lasting) {
      return followPods(session, io, { ...request, source });
    }
    return showAll(session, io, request);
  },
};

interface LogRequest {
  readonly source: LogSource;
  readonly query: Readonly<Record<string, string>>;
  readonly prefix: boolean | undefined;
}

/** One after the other, or (following) all at once. */
async function showAll(session: Session, io: CommandIo, request: LogRequest): Promise<number> {
  const { source, query } = request;
  const { logs } = source;
  if (logs.length === 0) {
    const lasting = source.kind === 'pods' && source.lasting;
    io.stderr.write(
      lasting
        ? `No pod is there now, and with the pods their logs go; -f waits for the next one\n`
        : `No resources found in ${session.namespace} namespace.\n`,
    );
    return 0;
  }
  const several = source.kind === 'pods' && source.lasting && logs.length > 1;
  const writer = new LineWriter(io.stdout);
  const show = async (log: (typeof logs)[number]): Promise<boolean> => {
    const prefix =
      request.prefix === true
        ? `[pod/${log.pod}/${log.container}] `
        : several && request.prefix !== false
          ? `[${log.pod}] `
          : '';
    try {
      await streamLog(session, { log, query, prefix }, writer);
      return true;
    } catch (error) {
      io.signal.throwIfAborted();
      io.stderr.write(`${failureText(error)}\n`);
      return false;
    }
  };
  if (query['follow'] === 'true') {
    return (await Promise.all(logs.map(show))).every(Boolean) ? 0 : 1;
  }
  let shown = true;
  for (const log of logs) shown = (await show(log)) && shown;
  return shown ? 0 : 1;
}

function logQuery(flags: Flags, usualTail: string | undefined): Readonly<Record<string, string>> {
  const { since, 'since-time': sinceTime, 'limit-bytes': limit } = flags;
  const tail = parseCount('--tail', flags.tail ?? usualTail ?? '-1', -1);
  if (since !== undefined && sinceTime !== undefined) {
    throw new UsageError('Cannot take both --since and --since-time');
  }
  if (sinceTime !== undefined && parseTime(sinceTime) === undefined) {
    throw new UsageError(`Cannot use --since-time "${sinceTime}": expected an RFC 3339 time`);
  }
  return {
    ...(flags.follow === true ? { follow: 'true' } : {}),
    ...(flags.previous === true ? { previous: 'true' } : {}),
    ...(flags.timestamps === true ? { timestamps: 'true' } : {}),
    ...(tail === -1 ? {} : { tailLines: String(tail) }),
    ...(since === undefined ? {} : { sinceSeconds: String(readSince(since)) }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(limit === undefined ? {} : { limitBytes: String(parseCount('--limit-bytes', limit, 1)) }),
  };
}

function readSince(text: string): number {
  try {
    const seconds = Math.ceil(parseGoDuration(text) / 1000);
    if (seconds > 0) return seconds;
  } catch {
    // Said below.
  }
  throw new UsageError(`Cannot use --since "${text}": expected a duration like 30s or 2m`);
}
