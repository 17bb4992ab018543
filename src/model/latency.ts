/** Latencies as the gateway counts them: in buckets, from which quantiles are taken by everybody in the same way. */
import { latencyBoundsMs } from './observation.ts';

/**
 * The quantile of a histogram, by straight line within its bucket, as Prometheus' histogram_quantile does: of 100 calls with
 * 90 up to 160 ms and 10 between 160 and 200 ms, p95 is 160 + (95 − 90) / 10 × 40 = 180 ms. Beyond the last bound: that bound.
 */
export function quantileOfBuckets(buckets: readonly number[], q: number): number {
  const rank = q * buckets.reduce((sum, count) => sum + count, 0);
  let before = 0;
  for (const [index, count] of buckets.entries()) {
    if (count > 0 && before + count >= rank) {
      const lower = index === 0 ? 0 : latencyBoundsMs[index - 1]!;
      const upper = latencyBoundsMs[index] ?? lower;
      return lower + ((rank - before) / count) * (upper - lower);
    }
    before += count;
  }
  return 0;
}
