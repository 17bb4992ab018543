/** The simulator itself, and a slice of it as a test of the heart. */
import { expect, test } from 'vitest';
import { runCrashes, runSeed, type SeedResult } from '../../src/sim/run.ts';

const violated = ({ seed, crashAt, violation }: SeedResult): string =>
  `seed ${seed} crash-at ${crashAt}: ${violation?.oracle}: ${violation?.message}`;

test('a seed replays byte for byte, whether its trace is kept or not', () => {
  const options = { seed: 7, steps: 400, trace: true, crashAt: null };
  const first = runSeed(options);
  const again = runSeed(options);
  expect(first.trace.length).toBeGreaterThan(100);
  expect(again).toEqual(first);
  expect(runSeed({ ...options, trace: false }).traceHash).toBe(first.traceHash);
  expect(runSeed({ ...options, seed: 8 }).traceHash).not.toBe(first.traceHash);
});

test('hundreds of worlds in which things go wrong end as they would have without, and nothing unsafe happens on the way', () => {
  const results = Array.from({ length: 400 }, (_, seed) => runSeed({ seed, steps: 300, trace: false, crashAt: null }));
  expect(results.filter(({ violation }) => violation !== null).map(violated)).toEqual([]);
  expect(results.reduce((sum, { faults }) => sum + faults, 0)).toBeGreaterThan(2_000);
});

test('a controller that is killed before or after any one write or send comes to the same end', () => {
  const results = [1, 2, 3, 4, 5, 6].flatMap((seed) => [...runCrashes(seed, 120)]);
  expect(results.filter(({ violation }) => violation !== null).map(violated)).toEqual([]);
  expect(results.length).toBeGreaterThan(200);
});
