/** What a caller is asked for. */
export interface CallerOrder {
  readonly url: string;
  readonly body: string;
  /** Calls per second, sent whatever comes back. */
  readonly rate: number;
}

export interface Failure {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Status of the answer, or `broken` where there was none. */
  readonly what: string;
  readonly detail: string;
}

export interface CallerResult {
  readonly sent: number;
  /** From the first call to the last answer. */
  readonly seconds: number;
  /** Answers by their status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Calls without a 200. */
  readonly failed: number;
  /** The first of them. */
  readonly failures: readonly Failure[];
  /** Milliseconds from when a call was sent to the end of its answer, by status. */
  readonly latencies: Readonly<Record<string, { readonly p50: number; readonly p99: number }>>;
}
