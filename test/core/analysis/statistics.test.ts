/** The tests of an analysis against published values, and against sums of whole numbers where those are small enough. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binomialTail, fisherTail, quantileTail } from '../../../src/core/analysis/statistics.ts';

describe('the binomial tail', () => {
  it('is what a fair coin gives: 8 heads or more of 10 in 56 of 1,024 ways', () => {
    expect(binomialTail(8, 10, 0.5)).toBeCloseTo(56 / 1024, 10);
  });

  it.each([
    // Clopper and Pearson's 95 % limits, each with half of 5 % below it.
    ['10 of 100: 4.90 % (textbooks)', 10, 100, 0.0490047],
    ['682 of 925: 70.77 % (R, binom.test, Conover’s example)', 682, 925, 0.7076683],
  ])('turns at the lower confidence limit for %s', (_name, hits, trials, limit) => {
    expect(binomialTail(hits, trials, limit)).toBeCloseTo(0.025, 5);
  });

  it('says that nothing is certain and all is possible at the ends', () => {
    expect(binomialTail(0, 10, 0.1)).toBe(1);
    expect(binomialTail(1, 10, 0)).toBe(0);
    expect(binomialTail(10, 10, 1)).toBe(1);
    expect(binomialTail(10, 10, 0.5)).toBeCloseTo(1 / 1024, 12);
  });

  it('holds for a million calls', () => {
    // By adding up all terms from the largest down.
    expect(binomialTail(51_000, 1_000_000, 0.05) / 2.4113966830814857e-6).toBeCloseTo(1, 6);
    expect(binomialTail(50_500, 1_000_000, 0.05) / 0.011041122391131593).toBeCloseTo(1, 6);
  });
});

describe('Fisher’s exact test', () => {
  it.each([
    ['the lady tasting tea, 3 of 4 right (Fisher 1935)', [3, 4, 1, 4], 17 / 70],
    ['the lady tasting tea, all 4 right', [4, 4, 0, 4], 1 / 70],
    ['convictions of like-sex twins of criminals (R, fisher.test)', [10, 13, 2, 17], 0.0004652],
  ] as const)('gives the published value for %s', (_name, [targetHits, targetCalls, stableHits, stableCalls], p) => {
    expect(fisherTail(targetHits, targetCalls, stableHits, stableCalls)).toBeCloseTo(p, 7);
  });

  it('is the share of all ways to deal the hits out, for every small table', () => {
    const calls = fc.integer({ min: 1, max: 30 });
    const table = fc
      .tuple(calls, calls)
      .chain(([target, stable]) => fc.tuple(fc.nat(target), fc.constant(target), fc.nat(stable), fc.constant(stable)));
    fc.assert(
      fc.property(table, ([targetHits, targetCalls, stableHits, stableCalls]) => {
        let ways = 0n;
        const hits = targetHits + stableHits;
        for (let more = targetHits; more <= Math.min(hits, targetCalls); more += 1)
          ways += choose(targetCalls, more) * choose(stableCalls, hits - more);
        const exact = Number(ways) / Number(choose(targetCalls + stableCalls, hits));
        expect(fisherTail(targetHits, targetCalls, stableHits, stableCalls)).toBeCloseTo(exact, 10);
      }),
    );
  });

  it('holds for a million calls of each', () => {
    // By adding up all terms from the largest down.
    expect(fisherTail(51_000, 1_000_000, 50_000, 1_000_000) / 0.0006277320595407688).toBeCloseTo(1, 6);
    expect(fisherTail(1_200, 100_000, 20_000, 2_000_000) / 1.0229586982315596e-9).toBeCloseTo(1, 4);
  });

  it('says nothing of sides that are alike, without hits or with nothing but hits', () => {
    expect(fisherTail(0, 100, 0, 900)).toBe(1);
    expect(fisherTail(100, 100, 900, 900)).toBe(1);
  });
});

describe('the quantile test', () => {
  it.each([
    [15, 9, 4, 0.098],
    [20, 3, 2, 0.091],
    [25, 4, 2, 0.119],
    [30, 4, 2, 0.089],
    [35, 5, 2, 0.109],
    [40, 5, 2, 0.087],
    [45, 6, 2, 0.103],
  ])('gives the values of the EPA’s table A.9 (1994): 5 against %i, of the %i largest %i, p %f', (stable, largest, ofTarget, p) => {
    const q = 1 - largest / (5 + stable);
    expect(quantileTail([5 - ofTarget, ofTarget], [stable - (largest - ofTarget), largest - ofTarget], q)).toBeCloseTo(p, 3);
  });

  it('cuts at the end of a bucket that comes nearest to the quantile: ties are never split', () => {
    // 900 + 100 calls, p95: 40 are in the last bucket, 150 in the last two. The last one is nearer to 50.
    expect(quantileTail([70, 20, 10], [780, 90, 30], 0.95)).toBe(fisherTail(10, 100, 30, 900));
    // 50 in the last, which is all beyond p95.
    expect(quantileTail([90, 0, 10], [860, 0, 40], 0.95)).toBe(fisherTail(10, 100, 40, 900));
  });

  it('says nothing of calls that all lie in one bucket', () => {
    expect(quantileTail([0, 100, 0], [0, 900, 0], 0.95)).toBe(1);
  });
});

function choose(of: number, taken: number): bigint {
  if (taken < 0 || taken > of) return 0n;
  let ways = 1n;
  for (let index = 1; index <= taken; index += 1) ways = (ways * BigInt(of - taken + index)) / BigInt(index);
  return ways;
}
