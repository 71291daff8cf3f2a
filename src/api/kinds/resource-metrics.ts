import type { PrinterColumn, ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { parseQuantity, Quantity, type QuantityFormat } from '../quantity.ts';
import type { Schema } from '../schema.ts';
import { column, nameColumn } from './columns.ts';

/** What a node or a container uses: CPU as an average over the window, memory at its end. */
export interface ResourceUsage {
  readonly cpu: string;
  readonly memory: string;
}

interface Metrics extends KubeObject {
  /** End of the window, RFC 3339. */
  readonly timestamp: string;
  /** As Go writes durations: `15.002s`. */
  readonly window: string;
}

/** A NodeMetrics of metrics.k8s.io/v1beta1. */
export interface NodeMetrics extends Metrics {
  readonly usage: ResourceUsage;
}

/** A PodMetrics of metrics.k8s.io/v1beta1. */
export interface PodMetrics extends Metrics {
  readonly containers: readonly { readonly name: string; readonly usage: ResourceUsage }[];
}

const text: Schema = { type: 'string' };
const usage: Schema = {
  type: 'object',
  description: 'CPU in cores, averaged over the window; memory that is in use, in bytes',
  additionalProperties: text,
};
const container: Schema = { type: 'object', properties: { name: text, usage } };

/** The kinds of metrics.k8s.io: computed when they are asked for, never stored. */
export const resourceMetricsDescriptors: readonly ResourceDescriptor[] = [
  descriptor('NodeMetrics', 'nodes', { usage }),
  descriptor('PodMetrics', 'pods', { containers: { type: 'array', items: container } }),
];

function descriptor(
  kind: string,
  plural: string,
  properties: Readonly<Record<string, Schema>>,
): ResourceDescriptor {
  return {
    origin: 'custom',
    group: 'metrics.k8s.io',
    version: 'v1beta1',
    kind,
    listKind: `${kind}List`,
    plural,
    singular: '',
    shortNames: [],
    categories: [],
    namespaced: kind === 'PodMetrics',
    verbs: ['get', 'list'],
    status: false,
    scale: undefined,
    schema: {
      type: 'object',
      properties: {
        apiVersion: text,
        kind: text,
        metadata: { type: 'object' },
        timestamp: { ...text, format: 'date-time' },
        window: text,
        ...properties,
      },
    },
    columns: [
      nameColumn,
      total('CPU', 'cpu', 'DecimalSI'),
      total('Memory', 'memory', 'BinarySI'),
      column(
        'Window',
        'string',
        'The time that the CPU was averaged over',
        (object) => (object as Metrics).window,
      ),
    ],
    fieldLabels: {},
    unconditionalUpdate: false,
    createOnUpdate: false,
    strategicMerge: false,
    hooks: {},
  };
}

function total(name: string, resource: keyof ResourceUsage, format: QuantityFormat): PrinterColumn {
  const description = `${name} in use, of all containers together`;
  return column(name, 'string', description, (object) => {
    const metrics = object as Partial<NodeMetrics & PodMetrics>;
    const used = metrics.containers?.map((one) => one.usage) ?? [metrics.usage];
    return used
      .reduce(
        (sum, one) => sum.add(parseQuantity(one?.[resource] ?? '0')),
        new Quantity(0n, format),
      )
      .canonical();
  });
}
