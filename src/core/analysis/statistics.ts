/**
 * The tests that an analysis judges by. All are exact and one-sided: p is the chance to see what was seen, or worse, were the
 * target within its limit or no worse than stable. Counts are whole numbers from 0 to some millions; p is good to a part in a
 * million wherever it is small enough to matter.
 */
import jStat from 'jstat';

/**
 * P(X ≥ hits) of a binomial distribution: the chance of so many hits among `trials` when each has the probability `rate`
 * (0..1). It is below α exactly where the lower Clopper–Pearson limit (Biometrika 26, 1934) at 1 − α lies above `rate`.
 */
export function binomialTail(hits: number, trials: number, rate: number): number {
  if (hits <= 0) return 1;
  if (rate <= 0) return 0;
  return rate >= 1 ? 1 : jStat.ibeta(rate, hits, trials - hits + 1);
}

/**
 * Fisher's exact test (J. R. Stat. Soc. 85, 1922), one-sided: the chance that, of all hits of both sides, the target has as
 * many or more when hits fall on calls of both alike. A tail of the hypergeometric distribution.
 */
export function fisherTail(targetHits: number, targetCalls: number, stableHits: number, stableCalls: number): number {
  // The target has as many or more exactly where stable has as many or fewer.
  return jStat.hypgeom.cdf(stableHits, targetCalls + stableCalls, targetHits + stableHits, stableCalls);
}

/**
 * The quantile test (Johnson, Verrill and Moore, Biometrics 43, 1987): whether the target has more than its part of the
 * slowest calls of both, those beyond the q-quantile (0..1) of all of them together; p by Fisher's exact test. The cut
 * is the bucket's end nearest to the quantile, so calls of one bucket are never told apart: those that differ only within it
 * give 1. It needs no shape of the distribution, and sees a slow tail where a test on ranks or means does not.
 */
export function quantileTail(target: readonly number[], stable: readonly number[], q: number): number {
  const [targetCalls, stableCalls] = [total(target), total(stable)];
  const wanted = (1 - q) * (targetCalls + stableCalls);
  let [targetAbove, stableAbove] = [targetCalls, stableCalls];
  let best = { distance: Infinity, target: targetAbove, stable: stableAbove };
  for (const [index, count] of target.entries()) {
    targetAbove -= count;
    stableAbove -= stable[index] ?? 0;
    const distance = Math.abs(targetAbove + stableAbove - wanted);
    if (distance < best.distance) best = { distance, target: targetAbove, stable: stableAbove };
  }
  return fisherTail(best.target, targetCalls, best.stable, stableCalls);
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
