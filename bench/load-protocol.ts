/** What the load generator is asked for. */
export interface LoadOrder {
  readonly port: number;
  readonly path: string;
  /** Size of each request's body. */
  readonly sendBytes: number;
  readonly connections: number;
  readonly ms: number;
  /** Requests per second, sent whatever comes back; else the next follows its answer. */
  readonly rate?: number;
}

export interface LoadResult {
  readonly answers: number;
  readonly errors: number;
  readonly seconds: number;
  /** Of the load generator itself, per answer. */
  readonly cpuMicros: number;
  /** Milliseconds; in the open loop from when a request was due. */
  readonly p50: number;
  readonly p99: number;
}

/** Name of the query parameter that says how large the upstream's answer is to be; else it is small. */
export const answerParameter = 'answer';
