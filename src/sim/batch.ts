/** Many seeds spread over worker threads: each takes the next chunk when it has done one. */
import { Worker } from 'node:worker_threads';
import type { StrategyName } from '../model/service.ts';
import type { SeedResult } from './run.ts';

export interface BatchOptions {
  readonly from: number;
  readonly seeds: number;
  readonly steps: number;
  readonly threads: number;
  /** End at the first seed that violates something. */
  readonly untilFirst: boolean;
  /** Name of a planted mutant of the heart; null: the heart as it is. */
  readonly mutant: string | null;
  /** For each seed, crash the controller at each crash point of its run in turn, instead of drawing faults. */
  readonly enumerate: boolean;
  /** Only Rollouts of this strategy; null: any. */
  readonly strategy: StrategyName | null;
}

export interface Tally {
  seeds: number;
  steps: number;
  passes: number;
  faults: number;
  readonly violations: { readonly seed: number; readonly crashAt: number | null; readonly oracle: string; readonly message: string }[];
}

/** What a worker is asked to do, and what it answers. */
export interface Chunk {
  readonly from: number;
  readonly seeds: number;
  readonly steps: number;
  readonly untilFirst: boolean;
  readonly enumerate: boolean;
  readonly strategy: StrategyName | null;
}

const chunkSize = 50;
const workerFile = new URL('./worker.ts', import.meta.url);

export async function runBatch(options: BatchOptions, progress: (tally: Tally) => void): Promise<Tally> {
  const tally = emptyTally();
  const end = options.from + options.seeds;
  let next = options.from;
  const size = Math.max(1, Math.min(chunkSize, Math.ceil(options.seeds / options.threads)));
  const take = (): Chunk | null => {
    if (next >= end || (options.untilFirst && tally.violations.length > 0)) return null;
    const { steps, untilFirst, enumerate, strategy } = options;
    const chunk = { from: next, seeds: Math.min(size, end - next), steps, untilFirst, enumerate, strategy };
    next += chunk.seeds;
    return chunk;
  };
  const threads = Math.max(1, Math.min(options.threads, Math.ceil(options.seeds / size)));
  await Promise.all(
    Array.from({ length: threads }, async () =>
      work(options.mutant, take, (part) => {
        add(tally, part);
        progress(tally);
      }),
    ),
  );
  tally.violations.sort((a, b) => a.seed - b.seed || (a.crashAt ?? 0) - (b.crashAt ?? 0));
  return tally;
}

/** One worker's life: chunk after chunk until there is none left. */
async function work(mutant: string | null, take: () => Chunk | null, done: (part: Tally) => void): Promise<void> {
  const worker = new Worker(workerFile, { workerData: { mutant } });
  let failed: (reason: unknown) => void = () => undefined;
  let answered: (part: Tally) => void = () => undefined;
  worker.on('error', (reason) => failed(reason));
  worker.on('message', (part: Tally) => answered(part));
  try {
    for (let chunk = take(); chunk !== null; chunk = take()) {
      const answer = new Promise<Tally>((resolve, reject) => {
        answered = resolve;
        failed = reject;
      });
      worker.postMessage(chunk);
      done(await answer);
    }
  } finally {
    await worker.terminate();
  }
}

export function emptyTally(): Tally {
  return { seeds: 0, steps: 0, passes: 0, faults: 0, violations: [] };
}

export function count(tally: Tally, result: SeedResult): void {
  tally.steps += result.steps;
  tally.passes += result.passes;
  tally.faults += result.faults;
  if (result.violation !== null) tally.violations.push({ seed: result.seed, crashAt: result.crashAt, ...result.violation });
}

function add(tally: Tally, part: Tally): void {
  tally.seeds += part.seeds;
  tally.steps += part.steps;
  tally.passes += part.passes;
  tally.faults += part.faults;
  tally.violations.push(...part.violations);
}
