/** A worker thread of a batch: runs chunks of seeds against the heart, or against a mutant of it planted before it is loaded. */
import { parentPort, workerData } from 'node:worker_threads';
import { count, emptyTally, type Chunk, type Tally } from './batch.ts';
import { plant } from './mutation.ts';

const { mutant } = workerData as { readonly mutant: string | null };
if (mutant !== null) plant(mutant);
const { runSeed } = await import('./run.ts');

parentPort!.on('message', (chunk: Chunk) => parentPort!.postMessage(run(chunk)));

function run({ from, seeds, steps, untilFirst, enumerate }: Chunk): Tally {
  const tally = emptyTally();
  for (let seed = from; seed < from + seeds; seed++) {
    tally.seeds += 1;
    if (enumerate) crashEverywhere(tally, seed, steps, untilFirst);
    else count(tally, runSeed({ seed, steps, trace: false, crashAt: null }), null);
    if (untilFirst && tally.violations.length > 0) break;
  }
  return tally;
}

/** First without a crash, to learn how many crash points there are, then once for each of them. */
function crashEverywhere(tally: Tally, seed: number, steps: number, untilFirst: boolean): void {
  const { crashPoints } = runSeed({ seed, steps, trace: false, crashAt: Number.MAX_SAFE_INTEGER });
  for (let crashAt = 1; crashAt <= crashPoints; crashAt++) {
    count(tally, runSeed({ seed, steps, trace: false, crashAt }), crashAt);
    if (untilFirst && tally.violations.length > 0) return;
  }
}
