/** An average of one figure over the last seconds; at most one value a second is kept. */
export class DemandWindow {
  readonly #spanMs: number;
  #values: { readonly second: number; readonly value: number }[] = [];
  #sinceMs: number | undefined;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /** Takes the value of this second; a later value of the same second replaces it. */
  record(nowMs: number, value: number): void {
    const second = Math.floor(nowMs / 1000);
    this.#sinceMs ??= nowMs;
    this.#forget(nowMs);
    if (this.#values.at(-1)?.second === second) this.#values.pop();
    this.#values.push({ second, value });
  }

  /** The mean of the seconds that are known; 0 when none is. */
  average(nowMs: number): number {
    this.#forget(nowMs);
    if (this.#values.length === 0) return 0;
    return this.#values.reduce((sum, { value }) => sum + value, 0) / this.#values.length;
  }

  /** True once it has watched for its whole span, so that what is low has really been low. */
  isFull(nowMs: number): boolean {
    return this.#sinceMs !== undefined && nowMs - this.#sinceMs >= this.#spanMs;
  }

  clear(): void {
    this.#values = [];
    this.#sinceMs = undefined;
  }

  #forget(nowMs: number): void {
    const oldest = Math.floor((nowMs - this.#spanMs) / 1000);
    const kept = this.#values.findIndex(({ second }) => second > oldest);
    if (kept > 0) this.#values.splice(0, kept);
    else if (kept === -1) this.#values = [];
  }
}
