/**
 * `npm run mutants [-- --seeds N --steps M --threads T --only TEXT]`: plants each known mistake in the heart, a few at a
 * time, and runs the simulator until it notices. A mutant that survives, or whose place in the code is gone, is an error.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runBatch } from '../src/sim/batch.ts';
import { mutate } from '../src/sim/mutation.ts';
import { mutants, type Mutant } from '../src/sim/mutants.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    steps: { type: 'string', default: '200' },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    only: { type: 'string', default: '' },
  },
});
const seeds = Number(values.seeds);
const steps = Number(values.steps);
const chosen = mutants.filter(({ name }) => name.includes(values.only));
const waiting = [...chosen];
let failed = 0;
const startedAt = performance.now();
console.log(`${'MUTANT'.padEnd(64)}${'SEEDS'.padStart(6)}  CAUGHT BY`);
await Promise.all(Array.from({ length: Number(values.threads) }, work));
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(`mutants=${chosen.length} caught=${chosen.length - failed} time=${seconds}s`);
process.exitCode = failed > 0 ? 1 : 0;

/** One mutant after the other until none is left. */
async function work(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const verdict = mutate(mutant) === null ? null : await hunt(mutant);
    const tried = verdict === null ? '-' : String(verdict.seeds);
    const caughtBy = verdict === null ? `NO LONGER APPLIES to ${mutant.file}` : (verdict.oracle ?? 'SURVIVED');
    console.log(`${mutant.name.padEnd(64)}${tried.padStart(6)}  ${caughtBy}`);
    if (verdict === null || verdict.oracle === null) failed += 1;
  }
}

/** Seed after seed until one notices; how many it took, and by what. */
async function hunt({ name, from = 1 }: Mutant): Promise<{ seeds: number; oracle: string | null }> {
  const options = { from, seeds, steps, threads: 1, untilFirst: true, mutant: name, enumerate: false, strategy: null };
  const [first] = (await runBatch(options, () => undefined)).violations;
  return first === undefined ? { seeds, oracle: null } : { seeds: first.seed - from + 1, oracle: first.oracle };
}
