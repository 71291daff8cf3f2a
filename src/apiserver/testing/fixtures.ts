/** Objects that tests create. */
export function configMap(name: string, data: Readonly<Record<string, string>> = { a: '1' }) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

export function pod(name: string, extra: Readonly<Record<string, unknown>> = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...extra },
    spec: { containers: [{ name: 'main', image: 'image' }] },
  };
}

/** The CRD of `widgets.GROUP`: a kind with all subresources. */
export function widgetCrd(group = 'example.com') {
  const text = { type: 'string' };
  const count = { type: 'integer', minimum: 0 };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  description: 'What it is to be',
                  properties: {
                    size: { ...count, default: 3, description: 'How large it is' },
                    replicas: count,
                    color: text,
                  },
                },
                status: { type: 'object', properties: { replicas: count, selector: text } },
              },
            },
          },
        },
      ],
    },
  };
}

export function widget(name: string, spec: Readonly<Record<string, unknown>> = { color: 'red' }) {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name }, spec };
}
