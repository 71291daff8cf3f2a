import type { KubeObject, StatusCause } from './object.ts';
import type { Schema } from './schema.ts';

export type Verb =
  | 'create'
  | 'delete'
  | 'deletecollection'
  | 'get'
  | 'list'
  | 'patch'
  | 'update'
  | 'watch';

/** A column of the server's tables (metav1.TableColumnDefinition), with how to compute its cell. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: number;
  /** The cell; `now` is milliseconds since the epoch, for ages. */
  readonly cell: (object: KubeObject, now: number) => string | number | boolean | null;
}

/** JSON paths (`.spec.replicas`) of a kind's scale subresource. */
export interface ScalePaths {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  /** Where the label selector is kept, as a string or a LabelSelector object. */
  readonly labelSelector: string | undefined;
}

/**
 * All that the API server knows of one kind in one version: drives routes, discovery, validation,
 * defaulting, printing and patching. Built-in kinds are constants; a CRD makes one per version.
 */
export interface ResourceDescriptor {
  readonly origin: 'builtin' | 'custom';
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  /** The status subresource: the main endpoint ignores `status`, the subresource all else. */
  readonly status: boolean;
  readonly scale: ScalePaths | undefined;
  readonly schema: Schema;
  readonly columns: readonly PrinterColumn[];
  /** Field selectors beside metadata.name and metadata.namespace: label → value as a string. */
  readonly fieldLabels: Readonly<Record<string, (object: KubeObject) => string>>;
  /** PUT without a resourceVersion is taken as it is. */
  readonly unconditionalUpdate: boolean;
  /** PUT of an object that does not exist creates it. */
  readonly createOnUpdate: boolean;
  readonly strategicMerge: boolean;
  readonly hooks: ResourceHooks;
}

/**
 * Rules of one kind that its schema cannot say. All are pure; objects are not changed in place.
 * Causes have upstream's words and `field` paths.
 */
export interface ResourceHooks {
  /** What is wrong with a name of this kind; without it, what is wrong with a DNS subdomain. */
  readonly nameErrors?: (name: string) => readonly string[];
  /** Defaults that depend on other fields, and fields that a client may not set. */
  readonly prepareForCreate?: (object: KubeObject) => KubeObject;
  readonly prepareForUpdate?: (object: KubeObject, old: KubeObject) => KubeObject;
  readonly validate?: (object: KubeObject) => readonly StatusCause[];
  readonly validateUpdate?: (object: KubeObject, old: KubeObject) => readonly StatusCause[];
}
