import type { Mount } from '../runtime.ts';

/**
 * Puts host paths in the place of container paths: a text that is a mount path, or starts with one
 * followed by `/`, gets the host's path instead. The longest mount path wins.
 */
export function hostPaths(mounts: readonly Mount[]): (text: string) => string {
  const sorted = mounts
    .map(({ mountPath, hostPath }) => ({ mountPath: mountPath.replace(/\/+$/, ''), hostPath }))
    .filter(({ mountPath }) => mountPath !== '')
    .toSorted((a, b) => b.mountPath.length - a.mountPath.length);
  return (text) => {
    for (const { mountPath, hostPath } of sorted) {
      if (text === mountPath) return hostPath;
      if (text.startsWith(`${mountPath}/`)) return hostPath + text.slice(mountPath.length);
    }
    return text;
  };
}
