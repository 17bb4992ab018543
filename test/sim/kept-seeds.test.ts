/**
 * Seeds that found a fault in the heart, each with the mutant that plants the fault again: the seed must pass, and must
 * notice the mutant. When the simulator's draws change, `npm run mutants -- --only NAME` finds another seed.
 */
import { describe, expect, test } from 'vitest';
import { runBatch } from '../../src/sim/batch.ts';

const kept: readonly { readonly seed: number; readonly fault: string }[] = [
  { seed: 16, fault: 'starts others beside a leaving exclusive one' },
  { seed: 1, fault: 'lets one instance of a replaced exclusive stand in the way of the next' },
  { seed: 681, fault: 'a drain runs from when it was decided' },
  { seed: 34, fault: 'a clock set back prolongs a back-off' },
  { seed: 1, fault: 'stable takes the replicas of the target' },
  { seed: 170, fault: 'counts instances that are to go as proof' },
  { seed: 132, fault: 'takes a mended manifest for the spoilt one' },
  { seed: 18, fault: 'forgets that a manifest is spoilt when it cannot be read' },
  { seed: 1, fault: 'forgets to wake for the deadline' },
  { seed: 32_787, fault: 'promotes only from a phase of its own' },
  { seed: 1_046_474, fault: 'drops what a new host has started of those that leave' },
  { seed: 823, fault: 'a restored record has the plan that the host forgot' },
];

const run = (seed: number, mutant: string | null) =>
  runBatch({ from: seed, seeds: 1, steps: 200, threads: 1, untilFirst: true, mutant, enumerate: false, strategy: null }, () => undefined);

describe.each(kept)('seed $seed', ({ seed, fault }) => {
  test(`passes, and notices a heart that ${fault}`, async () => {
    expect((await run(seed, null)).violations).toEqual([]);
    expect((await run(seed, fault)).violations.length).toBe(1);
  });
});
