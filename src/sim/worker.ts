/** A worker thread of a batch: runs chunks of seeds against the heart, or against a mutant of it planted before it is loaded. */
import { parentPort, workerData } from 'node:worker_threads';
import { count, emptyTally, type Chunk, type Tally } from './batch.ts';
import { plant } from './mutation.ts';

const { mutant } = workerData as { readonly mutant: string | null };
if (mutant !== null) plant(mutant);
const { runCrashes, runSeed } = await import('./run.ts');

parentPort!.on('message', (chunk: Chunk) => parentPort!.postMessage(run(chunk)));

function run({ from, seeds, steps, untilFirst, enumerate, strategy }: Chunk): Tally {
  const tally = emptyTally();
  for (let seed = from; seed < from + seeds; seed++) {
    tally.seeds += 1;
    for (const result of enumerate
      ? runCrashes(seed, steps, strategy)
      : [runSeed({ seed, steps, trace: false, strategy, crashAt: null })]) {
      count(tally, result);
      if (untilFirst && result.violation !== null) return tally;
    }
  }
  return tally;
}
