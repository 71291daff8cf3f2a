/** What the supervisor and its processes say to each other over Node's IPC channel. */
export type ToChild =
  | { readonly kind: 'config'; readonly config: unknown }
  /** End in order; `stopPods` matters to the node agent alone. */
  | { readonly kind: 'stop' };

export type FromChild =
  | { readonly kind: 'ready'; readonly info: ReadyInfo }
  /** It cannot start, for a reason that the user must know. */
  | { readonly kind: 'failed'; readonly message: string };

export interface ReadyInfo {
  /** Where the process listens, if it does. */
  readonly url?: string;
}
