/**
 * `npm run mutants [-- --seeds N --steps M --only TEXT]`: plants each known mistake in the heart, one at a time, and runs
 * the simulator until it notices. A mutant that survives, or whose place in the code is gone, is an error.
 */
import { parseArgs } from 'node:util';
import { runBatch } from '../src/sim/batch.ts';
import { mutate } from '../src/sim/mutation.ts';
import { mutants, type Mutant } from '../src/sim/mutants.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '4000' },
    steps: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
  },
});
const seeds = Number(values.seeds);
const steps = Number(values.steps);
const chosen = mutants.filter(({ name }) => name.includes(values.only));
let failed = 0;
const startedAt = performance.now();
console.log(`${'MUTANT'.padEnd(64)}${'SEEDS'.padStart(6)}  CAUGHT BY`);
for (const mutant of chosen) {
  const verdict = mutate(mutant) === null ? null : await hunt(mutant);
  if (verdict === null) console.log(`${mutant.name.padEnd(64)}${'-'.padStart(6)}  NO LONGER APPLIES to ${mutant.file}`);
  else if (verdict.oracle === null) console.log(`${mutant.name.padEnd(64)}${String(verdict.seeds).padStart(6)}  SURVIVED`);
  else console.log(`${mutant.name.padEnd(64)}${String(verdict.seeds).padStart(6)}  ${verdict.oracle}`);
  if (verdict === null || verdict.oracle === null) failed += 1;
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(`mutants=${chosen.length} caught=${chosen.length - failed} time=${seconds}s`);
process.exitCode = failed > 0 ? 1 : 0;

/** Seed after seed until one notices; how many it took, and by what. */
async function hunt({ name, from = 1 }: Mutant): Promise<{ seeds: number; oracle: string | null }> {
  const tally = await runBatch(
    { from, seeds, steps, threads: 1, untilFirst: true, mutant: name, enumerate: false, strategy: null },
    () => undefined,
  );
  const [first] = tally.violations;
  return first === undefined ? { seeds, oracle: null } : { seeds: first.seed - from + 1, oracle: first.oracle };
}
