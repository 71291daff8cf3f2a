import type { Event } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { cellText, Columns } from '../output/columns.ts';
import { readTargets } from '../resources/arguments.ts';
import { listObjects } from '../resources/choose-objects.ts';
import { type Kind, Kinds, resourcePath } from '../resources/kinds.ts';
import { openSession, type Session } from '../session.ts';
import { eventAge, lastSeen } from './event-text.ts';

const help = `Show what has happened, the latest last.

Usage:
  nought events [flags]

Flags:
      --for KIND/NAME     about this object alone
      --types LIST        of these types alone: Normal,Warning
  -w, --watch             then show what comes
  -A, --all-namespaces    of all namespaces
      --no-headers        rows alone
${clusterFlagsHelp}
  -h, --help              this text

Examples:
  nought events --for fn/diff
  nought events -A --types=Warning -w
`;

const options = {
  ...clusterFlagOptions,
  for: { type: 'string' },
  types: { type: 'string' },
  watch: { type: 'boolean', short: 'w' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  'no-headers': { type: 'boolean' },
} as const;

/** Known without discovery. */
export const eventKind: Kind = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  categories: [],
  namespaced: true,
  verbs: ['get', 'list', 'watch'],
  subresources: [],
};

export const eventsCommand: Command = {
  name: 'events',
  summary: 'Show what has happened',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    if (positionals.length > 0) throw new UsageError(`Unexpected argument "${positionals[0]}"`);
    const types = (values.types ?? '').split(',').filter((type) => type !== '');
    using session = await openSession(values, io);
    const everywhere = values['all-namespaces'] === true;
    const namespace = everywhere ? undefined : session.namespace;
    const fields = values.for === undefined ? undefined : await objectFields(session, values.for);
    const filter = { namespace, fields };
    const { items, resourceVersion } = await listObjects(session, eventKind, filter);
    const isWanted = ({ type = 'Normal' }: Event): boolean =>
      types.length === 0 || types.some((each) => each.toLowerCase() === type.toLowerCase());
    const events = (items as readonly Event[])
      .filter(isWanted)
      .toSorted((a, b) => lastSeen(a) - lastSeen(b));
    const watch = values.watch === true;
    if (events.length === 0 && !watch) {
      const where = namespace === undefined ? '' : ` in ${namespace} namespace`;
      io.stderr.write(`No events found${where}.\n`);
      return 0;
    }
    const columns = new Columns(io.stdout);
    const headers = ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
    const row = (event: Event): readonly string[] => eventRow(event, everywhere);
    const withHeaders = values['no-headers'] !== true;
    columns.write([
      ...(withHeaders ? [everywhere ? ['NAMESPACE', ...headers] : headers] : []),
      ...events.map(row),
    ]);
    if (!watch) return 0;
    const path = resourcePath(eventKind, { namespace });
    const query = { resourceVersion, ...(fields === undefined ? {} : { fieldSelector: fields }) };
    for await (const { type, object } of session.watch({ path, query })) {
      const event = object as Event;
      if ((type === 'ADDED' || type === 'MODIFIED') && isWanted(event)) columns.write([row(event)]);
    }
    return 0;
  },
};

function eventRow(event: Event, everywhere: boolean): readonly string[] {
  const { kind = '', name = '' } = event.involvedObject;
  return [
    ...(everywhere ? [event.metadata.namespace ?? ''] : []),
    eventAge(event, Date.now()),
    event.type ?? '',
    event.reason ?? '',
    `${kind}/${name}`,
    cellText(event.message ?? ''),
  ];
}

async function objectFields(session: Session, word: string): Promise<string> {
  if (!word.includes('/')) throw new UsageError(`Cannot use --for "${word}": expected KIND/NAME`);
  const [target] = readTargets([word], await Kinds.load(session));
  return `involvedObject.kind=${target?.kind.kind},involvedObject.name=${target?.name}`;
}
