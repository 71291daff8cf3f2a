import type { ResourceDescriptor, ResourceHooks, Verb } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { decodeFault } from '../schema/decode.ts';
import { definitionSchema } from '../schema/definitions.ts';

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

type Chosen = Pick<
  ResourceDescriptor,
  'group' | 'version' | 'kind' | 'plural' | 'namespaced' | 'columns'
> & {
  /** Full name of the kind's OpenAPI definition. */
  readonly definition: string;
} & Partial<
    Pick<
      ResourceDescriptor,
      | 'shortNames'
      | 'categories'
      | 'verbs'
      | 'status'
      | 'scale'
      | 'fieldLabels'
      | 'unconditionalUpdate'
      | 'createOnUpdate'
      | 'hooks'
    >
  >;

/** The descriptor of a kind of Kubernetes' own; what is left out is what most kinds have. */
export function builtin({ definition, ...chosen }: Chosen): ResourceDescriptor {
  return {
    origin: 'builtin',
    listKind: `${chosen.kind}List`,
    singular: chosen.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: allVerbs,
    status: false,
    scale: undefined,
    fieldLabels: {},
    unconditionalUpdate: true,
    createOnUpdate: false,
    strategicMerge: true,
    ...chosen,
    schema: definitionSchema(definition),
    hooks: guarded(definition, chosen.hooks ?? {}),
  };
}

/**
 * Hooks may trust the types of what they are given: an object that could not be decoded as its kind
 * passes through `prepare` as it is, for decodeProblem() and validation to name what is wrong.
 */
function guarded(definition: string, hooks: ResourceHooks): ResourceHooks {
  const { prepareForCreate, prepareForUpdate, ...rest } = hooks;
  const readable = (object: KubeObject): boolean =>
    decodeFault(definitionSchema(definition), object) === undefined;
  return {
    ...rest,
    ...(prepareForCreate && {
      prepareForCreate: (object) => (readable(object) ? prepareForCreate(object) : object),
    }),
    ...(prepareForUpdate && {
      prepareForUpdate: (object, old) =>
        readable(object) ? prepareForUpdate(object, old) : object,
    }),
  };
}
