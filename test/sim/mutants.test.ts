/** The planted mistakes: all of them still fit the code, and some are caught here; `npm run mutants` catches all. */
import { expect, test } from 'vitest';
import { runBatch } from '../../src/sim/batch.ts';
import { mutate } from '../../src/sim/mutation.ts';
import { mutants } from '../../src/sim/mutants.ts';

test('every mutant still applies, under a name of its own', () => {
  expect(mutants.filter((mutant) => mutate(mutant) === null).map(({ name }) => name)).toEqual([]);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  expect(mutants.length).toBeGreaterThanOrEqual(180);
});

test.each([
  'forgets rejected revisions',
  'stops stable before the target is proven',
  'resets back-off at each pass',
  'promotes without route confirmation',
  'moves traffic before proof',
  'deletes what cannot be read',
  'claims Synced for what is not',
  'a return goes by steps',
  'a pause ends early',
  'a weight is one step ahead',
  'a paused rollout goes on',
  'rolling knows no surge',
  'blue-green looks at no preview',
  'a breaking contract is only told',
  'no group waits',
  'nothing is taken back for the lock',
])('a heart that %s is caught', async (mutant) => {
  const options = { from: 1, seeds: 400, steps: 200, threads: 1, untilFirst: true, mutant, enumerate: false, strategy: null };
  expect((await runBatch(options, () => undefined)).violations.length).toBeGreaterThan(0);
});
