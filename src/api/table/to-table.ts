import type { PrinterColumn, ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';

export interface TableOptions {
  readonly objects: readonly KubeObject[];
  /** `metadata` of the table: that of the list, or the resourceVersion of a single object. */
  readonly listMeta: Readonly<Record<string, unknown>>;
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
}

interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: unknown;
}

/** meta.k8s.io/v1 Table: what `kubectl get` prints. */
export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: 'meta.k8s.io/v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly columnDefinitions: readonly TableColumn[];
  readonly rows: readonly TableRow[];
}

/** The table of some objects of one kind. */
export function toTable(descriptor: ResourceDescriptor, options: TableOptions): Table {
  const { columns } = descriptor;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.listMeta,
    columnDefinitions: columns.map(definitionOf),
    rows: options.objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, options.now)),
      ...includedObject(object, options.includeObject),
    })),
  };
}

function definitionOf({ name, type, format, description, priority }: PrinterColumn): TableColumn {
  return { name, type, format, description, priority };
}

function includedObject(object: KubeObject, include: TableOptions['includeObject']): object {
  switch (include) {
    case 'None':
      return {};
    case 'Object':
      return { object };
    case 'Metadata':
      return {
        object: {
          kind: 'PartialObjectMetadata',
          apiVersion: 'meta.k8s.io/v1',
          metadata: object.metadata,
        },
      };
    default:
      return include satisfies never;
  }
}
