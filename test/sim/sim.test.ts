/** The simulator itself, and a slice of it as a test of the heart. */
import { expect, test } from 'vitest';
import { runCrashes, runSeed, type SeedResult } from '../../src/sim/run.ts';
import { strategyNames } from '../../src/sim/settings.ts';

const violated = ({ seed, crashAt, violation }: SeedResult): string =>
  `seed ${seed} crash-at ${crashAt}: ${violation?.oracle}: ${violation?.message}`;

test('a seed replays byte for byte, whether its trace is kept or not', () => {
  const options = { seed: 7, steps: 400, trace: true, strategy: null, crashAt: null };
  const first = runSeed(options);
  const again = runSeed(options);
  expect(first.trace.length).toBeGreaterThan(100);
  expect(again).toEqual(first);
  expect(runSeed({ ...options, trace: false }).traceHash).toBe(first.traceHash);
  expect(runSeed({ ...options, seed: 8 }).traceHash).not.toBe(first.traceHash);
  expect(runSeed({ ...options, strategy: 'rolling' }).traceHash).not.toBe(first.traceHash);
});

test.each(strategyNames)(
  'a hundred worlds of %s in which things go wrong end as they would have without, and nothing unsafe happens on the way',
  (strategy) => {
    const results = Array.from({ length: 100 }, (_, seed) => runSeed({ seed, steps: 250, trace: false, strategy, crashAt: null }));
    expect(results.filter(({ violation }) => violation !== null).map(violated)).toEqual([]);
    expect(results.reduce((sum, { faults }) => sum + faults, 0)).toBeGreaterThan(500);
  },
);

test.each(strategyNames)('a controller that is killed before or after any one write or send in %s comes to the same end', (strategy) => {
  const results = [1, 2, 3].flatMap((seed) => [...runCrashes(seed, 120, strategy)]);
  expect(results.filter(({ violation }) => violation !== null).map(violated)).toEqual([]);
  expect(results.length).toBeGreaterThan(60);
});
