import type { ResourceDescriptor } from '../../api/index.ts';

const listParameters = [
  'allowWatchBookmarks:boolean',
  'continue:string',
  'fieldSelector:string',
  'labelSelector:string',
  'limit:integer',
  'resourceVersion:string',
  'resourceVersionMatch:string',
  'sendInitialEvents:boolean',
  'timeoutSeconds:integer',
  'watch:boolean',
];
const writeParameters = ['dryRun:string', 'fieldManager:string', 'fieldValidation:string'];

/** The paths of one kind; kubectl looks here for what PATCH understands. */
export function openApiPaths(descriptor: ResourceDescriptor): Readonly<Record<string, unknown>> {
  const { group, version, plural, namespaced, kind } = descriptor;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const pathParameters = namespaced ? [pathParameter('namespace')] : [];
  const operation = (action: string, parameters: readonly string[]): unknown => ({
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
    parameters: parameters.map(queryParameter),
    responses: { 200: { description: 'OK' } },
  });
  const paths: Record<string, unknown> = {
    [collection]: {
      get: operation('list', listParameters),
      post: operation('post', writeParameters),
      delete: operation('deletecollection', listParameters),
      parameters: pathParameters,
    },
    [`${collection}/{name}`]: {
      get: operation('get', []),
      put: operation('put', writeParameters),
      patch: operation('patch', [...writeParameters, 'force:boolean']),
      delete: operation('delete', ['dryRun:string']),
      parameters: [...pathParameters, pathParameter('name')],
    },
  };
  if (namespaced) paths[`${root}/${plural}`] = { get: operation('list', listParameters) };
  return paths;
}

function pathParameter(name: string): unknown {
  return { name, in: 'path', required: true, schema: { type: 'string' } };
}

function queryParameter(nameAndType: string): unknown {
  const [name, type] = nameAndType.split(':');
  return { name, in: 'query', schema: { type } };
}
