import type { Event } from '../core.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { builtin } from './builtin.ts';
import { column, nameColumn, since, textLabel, wideColumn } from './columns.ts';

/** Members of events that come through the events.k8s.io side. */
type AnyEvent = Event & {
  readonly eventTime?: string;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
};

const objectMembers = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
] as const;

export const eventDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.core.v1.Event',
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  createOnUpdate: true,
  columns: [
    column('Last Seen', 'string', 'Time since it was last seen', (object, now) =>
      since(lastSeen(asEvent(object)), now),
    ),
    column('Type', 'string', 'Normal or Warning', (object) => asEvent(object).type ?? ''),
    column(
      'Reason',
      'string',
      'Why it happened, in one word',
      (object) => asEvent(object).reason ?? '',
    ),
    column('Object', 'string', 'What it is about', (object) => {
      const { kind = '', name = '' } = asEvent(object).involvedObject;
      return name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
    }),
    wideColumn(
      'Subobject',
      'string',
      'Which part of the object',
      (object) => asEvent(object).involvedObject.fieldPath ?? '',
    ),
    wideColumn('Source', 'string', 'Who reported it', (object) => source(asEvent(object))),
    column('Message', 'string', 'What happened', (object) =>
      (asEvent(object).message ?? '').trim(),
    ),
    wideColumn('First Seen', 'string', 'Time since it was first seen', (object, now) =>
      since(firstSeen(asEvent(object)), now),
    ),
    wideColumn('Count', 'string', 'How often it was seen', (object) => {
      const { series, count } = asEvent(object);
      return String(series?.count || count || 1);
    }),
    { ...nameColumn, priority: 1 },
  ],
  fieldLabels: {
    ...Object.fromEntries(
      objectMembers.map((member) => [
        `involvedObject.${member}`,
        textLabel<Event>((event) => event.involvedObject[member]),
      ]),
    ),
    reason: textLabel<Event>((event) => event.reason),
    reportingComponent: textLabel<Event>((event) => event.reportingComponent),
    source: textLabel<Event>((event) => event.source?.component || event.reportingComponent),
    type: textLabel<Event>((event) => event.type),
  },
  hooks: { validate: validateEvent },
});

/** An event lives beside its object; about cluster-wide objects, in the namespace `default`. */
function validateEvent(object: KubeObject): readonly StatusCause[] {
  const about = asEvent(object).involvedObject.namespace ?? '';
  const { namespace = '' } = object.metadata;
  const fits = about === '' ? namespace === '' || namespace === 'default' : about === namespace;
  return fits
    ? []
    : [fieldError.invalid('involvedObject.namespace', about, 'does not match event.namespace')];
}

function firstSeen(event: AnyEvent): string | undefined {
  return event.firstTimestamp ?? event.eventTime;
}

function lastSeen(event: AnyEvent): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event);
}

function source(event: AnyEvent): string {
  const component = event.source?.component || event.reportingComponent || '';
  const host = event.source?.host || event.reportingInstance || '';
  return host === '' ? component : `${component}, ${host}`;
}

function asEvent(object: KubeObject): AnyEvent {
  return object as AnyEvent;
}
