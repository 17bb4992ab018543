/** One seed: a run with faults, its end judged, then its twin without faults, and the two held against each other. */
import { decide } from '../core/decide.ts';
import { differences, problems } from './end-state.ts';
import { Violation, World, type WorldOptions } from './world.ts';

export interface SeedOptions {
  readonly seed: number;
  readonly steps: number;
  readonly trace: boolean;
  /** Instead of faults: crash the controller at its n-th crash point. */
  readonly crashAt: number | null;
}

export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  readonly passes: number;
  readonly faults: number;
  /** How many crash points the run with faults came by. */
  readonly crashPoints: number;
  readonly violation: { readonly oracle: string; readonly message: string } | null;
  readonly traceHash: string;
  /** Empty unless asked for. */
  readonly trace: readonly string[];
}

export function runSeed(options: SeedOptions): SeedResult {
  const { seed, steps, trace, crashAt } = options;
  const faulty = new World({ seed, steps, trace, crashAt, faults: crashAt === null, twinOf: null }, decide);
  let twin: World | null = null;
  let violation: SeedResult['violation'] = null;
  try {
    const stopAt = faulty.run();
    judgeEnd(faulty);
    const twinOptions: WorldOptions = { seed, steps, trace, crashAt: null, faults: false, twinOf: { changes: faulty.changes, stopAt } };
    twin = new World(twinOptions, decide);
    twin.run();
    judgeEnd(twin);
    const [difference] = differences(faulty, twin);
    if (difference !== undefined) twin.violate('same-end-as-without-faults', difference);
  } catch (thrown) {
    violation = violationOf(thrown);
  }
  return {
    seed,
    steps: faulty.queue.steps + (twin?.queue.steps ?? 0),
    passes: faulty.passes + (twin?.passes ?? 0),
    faults: faulty.faults.count + (crashAt === null ? 0 : 1),
    crashPoints: faulty.crashPoints,
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

function violationOf(thrown: unknown): NonNullable<SeedResult['violation']> {
  if (thrown instanceof Violation) return { oracle: thrown.oracle, message: thrown.message };
  const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return { oracle: 'never-throws', message };
}
