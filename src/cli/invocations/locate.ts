/** `namespace/name` of the invocation at a Location; undefined for any other place. */
export function invocationAt(location: string | undefined): string | undefined {
  return /^(?:https?:\/\/[^/]+)?\/-\/invocations\/([^/]+\/[^/]+)$/.exec(location ?? '')?.[1];
}

/** Path of an invocation at the gateway. */
export function invocationPath(namespace: string, name: string): string {
  return `/-/invocations/${namespace}/${name}`;
}
