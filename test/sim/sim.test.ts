/** The simulator itself, and a slice of it as a test of the heart. */
import { expect, test } from 'vitest';
import { runSeed } from '../../src/sim/run.ts';

test('a seed replays byte for byte', () => {
  const options = { seed: 7, steps: 400, trace: true, crashAt: null };
  const first = runSeed(options);
  const again = runSeed(options);
  expect(first.trace.length).toBeGreaterThan(100);
  expect(again).toEqual(first);
  expect(runSeed({ ...options, trace: false }).traceHash).toBe(first.traceHash);
  expect(runSeed({ ...options, seed: 8 }).traceHash).not.toBe(first.traceHash);
});
