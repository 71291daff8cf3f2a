import { metadataOf, tableOf, type Presentation } from '../codec/present.ts';
import { isRecord } from '../api-object.ts';
import type { Resource } from '../registry/resource.ts';
import type { Payload } from '../request.ts';
import { plainFrame, type WatchFrame } from '../storage/watch-frame.ts';

const initialEventsEndAnnotation = 'k8s.io/initial-events-end';

/** Makes a watch's events in the form that its client asked for. */
export class FrameView {
  readonly #presentation: Presentation;
  readonly #resource: Resource;
  /** Columns are told once per watch. */
  #columnsTold = false;

  constructor(presentation: Presentation, resource: Resource) {
    this.#presentation = presentation;
    this.#resource = resource;
  }

  frame(frame: WatchFrame): Payload {
    switch (this.#presentation.accepted.view.kind) {
      case 'object':
        return frame;
      case 'metadata':
        return plainFrame(frame.type, metadataOf(frame.stored.object));
      case 'table': {
        const { object } = frame.stored;
        const resourceVersion = object.metadata.resourceVersion ?? '';
        const table = tableOf(this.#presentation, this.#resource, [object], { resourceVersion });
        const told = this.#columnsTold;
        this.#columnsTold = true;
        return plainFrame(frame.type, told ? withoutColumns(table) : table);
      }
    }
  }

  bookmark(revision: number): Payload {
    return this.#bookmark(revision, {});
  }

  /** The bookmark that ends the initial events of a WatchList. */
  initialEventsEnd(revision: number): Payload {
    return this.#bookmark(revision, { annotations: { [initialEventsEndAnnotation]: 'true' } });
  }

  #bookmark(revision: number, extra: Readonly<Record<string, unknown>>): Payload {
    const resourceVersion = String(revision);
    const metadata = { resourceVersion, creationTimestamp: null, ...extra };
    const { view } = this.#presentation.accepted;
    const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
    if (view.kind === 'metadata') return plainFrame('BOOKMARK', partial);
    if (view.kind === 'table') {
      return plainFrame('BOOKMARK', {
        kind: 'Table',
        apiVersion: `meta.k8s.io/${view.version}`,
        metadata: { resourceVersion },
        columnDefinitions: null,
        rows: [{ cells: [], object: partial }],
      });
    }
    const { apiVersion, descriptor } = this.#resource;
    return plainFrame('BOOKMARK', { kind: descriptor.kind, apiVersion, metadata });
  }
}

function withoutColumns(table: unknown): unknown {
  return isRecord(table) ? { ...table, columnDefinitions: null } : table;
}
