const bucketMicros = 5;
const buckets = 200_000;

/** A histogram of latencies up to a second, in steps of 5 µs; longer ones count as the longest. */
export class Latencies {
  readonly #counts = new Uint32Array(buckets);
  count = 0;

  /** Takes a latency in milliseconds. */
  add(ms: number): void {
    const bucket = Math.min(buckets - 1, Math.floor((ms * 1000) / bucketMicros));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.count += 1;
  }

  /** The latency in milliseconds below which that share lies. */
  quantile(share: number): number {
    const rank = this.count * share;
    let seen = 0;
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen > rank) return ((bucket + 1) * bucketMicros) / 1000;
    }
    return 0;
  }
}
