import { stringify as yamlText } from 'yaml';
import { toTable, type KubeObject } from '../../api/index.ts';
import type { ApiObject } from '../api-object.ts';
import type { Resource } from '../registry/resource.ts';
import { jsonType, payloadAnswer, valuePayload, type Answer, type Payload } from '../request.ts';
import { badRequest } from '../refusals.ts';
import { negotiate, type Accepted, type View } from './accept.ts';

/** An object with its forms: a Stored, or one that was made for this answer. */
export interface Item extends Payload {
  readonly object: ApiObject;
}

export function itemOf(object: ApiObject): Item {
  return { ...valuePayload(object), object };
}

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** How one request wants to see objects. */
export interface Presentation {
  readonly accepted: Accepted;
  readonly includeObject: IncludeObject;
  readonly now: number;
}

/** Reads Accept and includeObject. Throws StatusError 406, 400. */
export function presentationOf(accept: string, query: URLSearchParams, now: number): Presentation {
  const accepted = negotiate(accept);
  const includeObject = query.get('includeObject') ?? 'Metadata';
  if (includeObject !== 'None' && includeObject !== 'Metadata' && includeObject !== 'Object') {
    throw badRequest(`unrecognized includeObject value: "${includeObject}"`);
  }
  return { accepted, includeObject, now };
}

/** An answer with one object. */
export function objectAnswer(
  presentation: Presentation,
  resource: Resource,
  { item, status, warnings = [] }: ObjectAnswer,
): Answer {
  const { accepted } = presentation;
  const payload = viewObject(presentation, resource, item);
  return encodeAnswer(accepted, status, payload, warnings);
}

interface ObjectAnswer {
  readonly item: Item;
  readonly status: number;
  readonly warnings?: readonly string[];
}

/** The object in the form that was asked for; `listMeta` of a table is the object's version. */
function viewObject(presentation: Presentation, resource: Resource, item: Item): Payload {
  const { view } = presentation.accepted;
  switch (view.kind) {
    case 'object':
      return item;
    case 'table': {
      const resourceVersion = item.object.metadata.resourceVersion ?? '';
      return valuePayload(tableOf(presentation, resource, [item.object], { resourceVersion }));
    }
    case 'metadata':
      return valuePayload(metadataOf(item.object));
  }
}

/** An answer with a list of objects. */
export function listAnswer(
  presentation: Presentation,
  resource: Resource,
  items: readonly Item[],
  listMeta: ListMeta,
): Answer {
  const { accepted } = presentation;
  return encodeAnswer(accepted, 200, viewList(presentation, resource, items, listMeta), []);
}

function viewList(
  presentation: Presentation,
  resource: Resource,
  items: readonly Item[],
  listMeta: ListMeta,
): Payload {
  const { view } = presentation.accepted;
  switch (view.kind) {
    case 'object':
      return listPayload(resource, items, listMeta);
    case 'table': {
      const objects = items.map(({ object }) => object);
      return valuePayload(tableOf(presentation, resource, objects, listMeta));
    }
    case 'metadata':
      return valuePayload({
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata: listMeta,
        items: items.map(({ object }) => metadataOf(object)),
      });
  }
}

function listPayload(resource: Resource, items: readonly Item[], metadata: ListMeta): Payload {
  const head = { kind: resource.descriptor.listKind, apiVersion: resource.apiVersion, metadata };
  return {
    value: () => ({ ...head, items: items.map((item) => item.value()) }),
    bytes: () => {
      const parts: Uint8Array[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
      for (const [index, item] of items.entries()) {
        if (index > 0) parts.push(comma);
        parts.push(item.bytes());
      }
      parts.push(listEnd);
      return Buffer.concat(parts);
    },
  };
}

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}');

/** A Table of objects. */
export function tableOf(
  { accepted, includeObject, now }: Presentation,
  resource: Resource,
  objects: readonly KubeObject[],
  listMeta: ListMeta,
): unknown {
  const table = toTable(resource.descriptor, {
    objects,
    listMeta: { ...listMeta },
    includeObject,
    now,
  });
  return withTableVersion(accepted.view, table);
}

function withTableVersion(view: View, table: unknown): unknown {
  if (view.kind !== 'table' || view.version === 'v1' || typeof table !== 'object') return table;
  return { ...table, apiVersion: `meta.k8s.io/${view.version}` };
}

/** The PartialObjectMetadata of an object. */
export function metadataOf(object: KubeObject): unknown {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: object.metadata,
  };
}

function encodeAnswer(
  accepted: Accepted,
  status: number,
  payload: Payload,
  warnings: readonly string[],
): Answer {
  if (accepted.encoding === 'json') {
    return payloadAnswer(status, payload, { contentType: jsonType, warnings });
  }
  return payloadAnswer(
    status,
    {
      value: () => payload.value(),
      bytes: () => Buffer.from(yamlText(payload.value(), { aliasDuplicateObjects: false })),
    },
    { contentType: 'application/yaml', warnings },
  );
}
