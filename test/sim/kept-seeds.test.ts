/**
 * Seeds that found a fault in the heart, each with the mutant that plants the fault again: the seed must pass, and must
 * notice the mutant. When the simulator's draws change, `npm run mutants -- --only NAME` finds another seed.
 */
import { describe, expect, test } from 'vitest';
import { runBatch } from '../../src/sim/batch.ts';

const kept: readonly { readonly seed: number; readonly fault: string }[] = [
  { seed: 11, fault: 'starts others beside a leaving exclusive one' },
  { seed: 11, fault: 'lets one instance of a replaced exclusive stand in the way of the next' },
  { seed: 1, fault: 'forgets to wake for the deadline' },
  { seed: 2, fault: 'promotes only from a phase of its own' },
  { seed: 2, fault: 'rolling counts only what is ready against the surge' },
];

const run = (seed: number, mutant: string | null) =>
  runBatch({ from: seed, seeds: 1, steps: 200, threads: 1, untilFirst: true, mutant, enumerate: false, strategy: null }, () => undefined);

describe.each(kept)('seed $seed', ({ seed, fault }) => {
  test(`passes, and notices a heart that ${fault}`, async () => {
    expect((await run(seed, null)).violations).toEqual([]);
    expect((await run(seed, fault)).violations.length).toBe(1);
  });
});
