/** What the API load generator is asked for. */
export interface ApiOrder {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  readonly clients: number;
  /** How long all clients create as fast as they can, after a warm-up. */
  readonly warmMs: number;
  readonly ms: number;
  /** Creates, one at a time, whose watch events are timed, and the pause between two of them. */
  readonly watched: number;
  readonly pauseMs: number;
}

/** Told when the warm-up is over, and after the creates. */
export interface ApiPhase {
  readonly phase: 'warm' | 'created';
  readonly creates: number;
  readonly seconds: number;
  /** Of one create at that many clients, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface ApiWatchResult {
  /** From the first byte of a create to its watch event and to its answer, in milliseconds. */
  readonly event: { readonly p50: number; readonly p99: number };
  readonly answer: { readonly p50: number; readonly p99: number };
}
