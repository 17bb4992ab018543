/** One seed: a run with faults, its end judged, its twin without faults, and the two held against each other. */
import { decide } from '../core/decide.ts';
import type { StrategyName } from '../model/service.ts';
import { differences, problems } from './end-state.ts';
import { Violation, World, type WorldOptions } from './world.ts';

export interface SeedOptions {
  readonly seed: number;
  readonly steps: number;
  readonly trace: boolean;
  readonly strategy: StrategyName | null;
  /** Instead of the seed's faults: crash the controller once, at its n-th crash point, counted from 1. */
  readonly crashAt: number | null;
}

export interface SeedResult {
  readonly seed: number;
  readonly crashAt: number | null;
  readonly steps: number;
  readonly passes: number;
  readonly faults: number;
  readonly violation: { readonly oracle: string; readonly message: string } | null;
  readonly traceHash: string;
  /** Empty unless asked for. */
  readonly trace: readonly string[];
}

export function runSeed({ seed, steps, trace, strategy, crashAt }: SeedOptions): SeedResult {
  const common = { seed, steps, trace, strategy };
  if (crashAt !== null) return crashOnce(quietRun(common), crashAt, trace);
  const faulty = new World({ ...common, crashAt: null, faults: true, twinOf: null }, decide);
  let twin: World | null = null;
  const violation = violationOf(() => {
    const stopAt = faulty.run();
    judgeEnd(faulty);
    twin = new World({ ...common, crashAt: null, faults: false, twinOf: { changes: faulty.changes, stopAt } }, decide);
    twin.run();
    judgeEnd(twin);
    compare(faulty, twin);
  });
  return result(faulty, twin, violation);
}

/** Every crash point of a seed's run without faults, one at a time: enumerated, not drawn. */
export function* runCrashes(seed: number, steps: number, strategy: StrategyName | null): Generator<SeedResult> {
  const quiet = quietRun({ seed, steps, trace: false, strategy });
  if (quiet.violation !== null) yield result(quiet.world, null, quiet.violation);
  else for (let crashAt = 1; crashAt <= quiet.world.crashPoints; crashAt++) yield crashOnce(quiet, crashAt, false);
}

interface QuietRun {
  readonly world: World;
  readonly options: WorldOptions;
  readonly stopAt: number;
  readonly violation: SeedResult['violation'];
}

function quietRun(common: Omit<SeedOptions, 'crashAt'>): QuietRun {
  const options = { ...common, crashAt: null, faults: false, twinOf: null };
  const world = new World(options, decide);
  let stopAt = 0;
  const violation = violationOf(() => {
    stopAt = world.run();
    judgeEnd(world);
  });
  return { world, options, stopAt, violation };
}

function crashOnce(quiet: QuietRun, crashAt: number, trace: boolean): SeedResult {
  const twinOf = { changes: quiet.world.changes, stopAt: quiet.stopAt };
  const crashed = new World({ ...quiet.options, trace, crashAt, twinOf }, decide);
  const violation = violationOf(() => {
    crashed.run();
    judgeEnd(crashed);
    compare(crashed, quiet.world);
  });
  return { ...result(crashed, null, quiet.violation ?? violation), crashAt, faults: 1 };
}

function result(faulty: World, twin: World | null, violation: SeedResult['violation']): SeedResult {
  return {
    seed: faulty.seed,
    crashAt: null,
    steps: faulty.queue.steps + (twin?.queue.steps ?? 0),
    passes: faulty.passes + (twin?.passes ?? 0),
    faults: faulty.faults.count,
    violation,
    traceHash: `${faulty.trace.hash}${twin?.trace.hash ?? ''}`,
    trace: [...(faulty.trace.lines ?? []), ...(twin?.trace.lines ? ['--- without faults', ...twin.trace.lines] : [])],
  };
}

/** What should have been reached was, and nothing changes any more by itself. */
function judgeEnd(world: World): void {
  const [problem] = problems(world);
  if (problem !== undefined) world.violate('reaches-what-is-desired', problem);
  const before = world.store.record;
  world.load.audit();
  const restless = before?.rollout !== null || before.restarts.length > 0;
  world.stay();
  const [later] = problems(world);
  if (later !== undefined) world.violate('stays-as-desired', later);
  if (!restless && world.store.record !== before) world.violate('stays-as-desired', 'the record changed though nothing happened');
}

function compare(faulty: World, twin: World): void {
  const [difference] = differences(faulty, twin);
  if (difference !== undefined) faulty.violate('same-end-as-without-faults', difference);
}

function violationOf(run: () => void): SeedResult['violation'] {
  try {
    run();
    return null;
  } catch (thrown) {
    if (thrown instanceof Violation) return { oracle: thrown.oracle, message: thrown.message };
    return { oracle: 'never-throws', message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) };
  }
}
