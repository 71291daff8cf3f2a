import type { Pod, ReplicaSet } from '../../api/index.ts';
import { controllerRef } from './claim-pods.ts';

/** Longest prefix that leaves room for the server's five random characters in a pod's name. */
const prefixLimit = 248;

/** The pod that a ReplicaSet creates; the server makes its name. */
export function podFromTemplate(rs: ReplicaSet): Pod {
  const { metadata = {}, spec } = rs.spec.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: `${rs.metadata.name.slice(0, prefixLimit)}-`,
      namespace: rs.metadata.namespace ?? '',
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(metadata.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
      ownerReferences: [controllerRef(rs)],
    },
    spec,
  };
}
