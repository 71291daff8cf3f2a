/**
 * Calls `work` up to `count` times in batches of 1, 2, 4, …, and stops after the first batch in which
 * a call failed: what is refused once (a quota, a broken template) is then not asked for 500 times.
 *
 * Gives the number of calls that succeeded and that were never made, and the first error.
 */
export async function slowStart(
  count: number,
  work: () => Promise<void>,
): Promise<{
  readonly succeeded: number;
  readonly skipped: number;
  readonly error: Error | undefined;
}> {
  let succeeded = 0;
  let called = 0;
  for (let batch = 1; called < count; batch *= 2) {
    const size = Math.min(batch, count - called);
    called += size;
    const results = await Promise.allSettled(Array.from({ length: size }, work));
    const failed = results.find((result) => result.status === 'rejected');
    succeeded += results.filter((result) => result.status === 'fulfilled').length;
    if (failed !== undefined) {
      return { succeeded, skipped: count - called, error: failed.reason as Error };
    }
  }
  return { succeeded, skipped: 0, error: undefined };
}
