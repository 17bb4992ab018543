/**
 * Seeds that found a fault in the heart, each with the mutant that plants the fault again: the seed must pass, and must
 * notice the mutant. When the simulator's draws change, `npm run mutants -- --only NAME` finds another seed.
 */
import { describe, expect, test } from 'vitest';
import type { StrategyName } from '../../src/model/service.ts';
import { runBatch } from '../../src/sim/batch.ts';

const kept: readonly { readonly seed: number; readonly fault: string }[] = [
  { seed: 11, fault: 'starts others beside a leaving exclusive one' },
  { seed: 11, fault: 'lets one instance of a replaced exclusive stand in the way of the next' },
  { seed: 1, fault: 'forgets to wake for the deadline' },
  { seed: 2, fault: 'promotes only from a phase of its own' },
  { seed: 17_134, fault: 'spares what lives alone and leaves' },
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

/** Seeds of the long runs that found a fault (of the heart, or of the simulated host) of which no mutant is kept: they must pass. */
const found: readonly (readonly [seed: number, steps: number, fault: string, strategy?: StrategyName])[] = [
  [10_077_419, 100, 'mirrored calls of a step before judged another step'],
  [20_102_003, 100, 'of two mirroring steps in a row the second was judged in the moment in which it began'],
  [20_000_646, 100, 'what was mirrored without a break was counted anew'],
  [10_276_644, 100, 'a return that was refused cut the sessions that it had from before'],
  [10_184_100, 100, 'the preview led to nobody'],
  [10_124_266, 100, 'calls went on growing to a target that had changed what it offers'],
  [950_682, 150, 'a contract that was approved in the same moment was not what the target was held against'],
  [950_592, 150, 'an instance that was leaving held up a promotion'],
  [30_237_299, 60, 'a metric of the target before took back a good one'],
  [31_000_931, 60, 'a service that joined its group while switching was not let go'],
  [40_556_416, 60, 'a switch that was taken back was held by its failure only a pass later'],
  [64_014_639, 200, 'instances of stable that were just sent away counted against those that stand in for it'],
  [80_015_841, 60, 'an exclusive instance that was leaving and got lost stood in the way of the next for a pass more'],
  [2_345, 100, 'instances offered two contracts, one approved by the manifest and one by the lock, and the heart went round in circles'],
  [7_520, 100, 'what was taken back for the lock and approved by its manifest then was not tried again'],
  [28_346, 100, 'calls waited for ever for an exclusive target that was not locked and could not be taken back'],
  [900_015_188, 100, 'instances that were one too many held up a target that was just starting for a pass more'],
  [54_743, 100, 'instances of a first deployment that were one too many held it up for their contract for a pass more'],
  [100_020_569, 60, 'instances that only a step asks for were not held to the lock'],
  [200_004_871, 200, 'tools stayed hidden by a policy that was changed while nothing served'],
  [410_001_245, 200, 'calls grew again to a target that came back and offered what the gate does not let through', 'rolling'],
  [600_098_783, 60, 'nobody was told what the contract said of an instance that still offered what it did before'],
  [600_300_095, 60, 'what was sent away in a pass left a contract behind with which the target was compared a pass later'],
  [900_167_365, 60, 'a new host started from a plan on its way what the controller took for gone, and calls on it were cut'],
  [410_002_851, 200, 'a service was taken back for the group that it had left while it was suspended', 'rolling'],
];

for (const [seed, steps, fault, strategy = null] of found)
  test(`seed ${seed} of ${steps} steps${strategy === null ? '' : `, ${strategy} alone`}, in which ${fault}`, async () => {
    const options = { from: seed, seeds: 1, steps, threads: 1, untilFirst: true, mutant: null, enumerate: false, strategy };
    expect((await runBatch(options, () => undefined)).violations).toEqual([]);
  });
