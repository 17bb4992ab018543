/**
 * `npm run sim -- --seeds N --steps M [--from A] [--threads T] [--strategy NAME] [--crash-points]`: the heart in simulated worlds.
 * `npm run sim -- --seed S --steps M [--crash-at K] [--trace]`: one of them again, byte for byte.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runBatch, type Tally } from '../src/sim/batch.ts';
import { runSeed } from '../src/sim/run.ts';
import { strategyNames } from '../src/sim/settings.ts';

const tailLines = 40;
/** Violations that are told as they are found; all are counted. */
const mostTold = 20;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '200' },
    strategy: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    'crash-points': { type: 'boolean', default: false },
    'crash-at': { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

const strategy = strategyNames.find((name) => name === values.strategy) ?? null;
if (values.strategy !== undefined && strategy === null) {
  console.error(`--strategy takes one of ${strategyNames.join(', ')}`);
  process.exit(2);
}
const steps = whole('steps', values.steps);
if (values.seed !== undefined)
  one(whole('seed', values.seed), values['crash-at'] === undefined ? null : whole('crash-at', values['crash-at']));
else await many(values.from === undefined ? randomSeed() : whole('from', values.from), whole('seeds', values.seeds));

/** A seed below 2^31 that no run before has likely had. */
function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} takes a whole number, not ${text}`);
  process.exit(2);
}

function one(seed: number, crashAt: number | null): void {
  const startedAt = performance.now();
  console.log(`seed=${seed} steps=${steps}${crashAt === null ? '' : ` crash-at=${crashAt}`}`);
  const result = runSeed({ seed, steps, trace: true, strategy, crashAt });
  console.log((values.trace ? result.trace : result.trace.slice(-tailLines)).join('\n'));
  console.log(`trace ${result.traceHash}`);
  if (result.violation !== null) console.log(`violation: ${result.violation.oracle}: ${result.violation.message}`);
  summary({ seeds: 1, ...result, violations: result.violation === null ? [] : [{ seed, crashAt, ...result.violation }] }, startedAt);
}

async function many(from: number, seeds: number): Promise<void> {
  const startedAt = performance.now();
  console.log(`from=${from} seeds=${seeds} steps=${steps}`);
  const enumerate = values['crash-points'];
  const threads = whole('threads', values.threads);
  let told = 0;
  const tally = await runBatch({ from, seeds, steps, threads, untilFirst: false, mutant: null, enumerate, strategy }, (soFar) => {
    for (const { seed, crashAt, oracle, message } of soFar.violations.slice(told, mostTold))
      console.log(`violation: seed ${seed}${crashAt === null ? '' : ` crash-at ${crashAt}`}: ${oracle}: ${message}`);
    told = soFar.violations.length;
    if (process.stderr.isTTY) process.stderr.write(`\r${soFar.seeds}/${seeds} seeds, ${soFar.violations.length} violations `);
  });
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  const [first] = tally.violations;
  if (first !== undefined) {
    console.log(runSeed({ seed: first.seed, steps, trace: true, strategy, crashAt: first.crashAt }).trace.slice(-tailLines).join('\n'));
    console.log(
      `again: npm run sim -- --seed ${first.seed} --steps ${steps}${strategy === null ? '' : ` --strategy ${strategy}`}${first.crashAt === null ? '' : ` --crash-at ${first.crashAt}`}`,
    );
  }
  summary(tally, startedAt);
}

function summary({ seeds, steps: taken, faults, violations }: Omit<Tally, 'passes'>, startedAt: number): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`seeds=${seeds} steps=${taken} faults=${faults} violations=${violations.length} time=${seconds}s`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}
