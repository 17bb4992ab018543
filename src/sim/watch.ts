/**
 * What a single pass does not show: how long the Rollout under way has been waiting, and how often its analysis could
 * have seen that its target is bad. Kept beside the heart, from what it was given and what it remembers.
 */
import type { TrafficCounters } from '../model/observation.ts';
import type { Rollout } from '../model/rollout.ts';
import { commanded, stepsOf, type Judged } from './terms.ts';

/** Calls of each Revision from which on a behaviour as bad as the simulated ones cannot be missed: of errors, and of latency, where only the slowest calls tell. */
const enoughForErrors = 150;
const enoughForLatency = 500;

/** Time that long in which nobody looked may be forgiven, and as long again. */
const absenceMs = 60_000;

export class Watch {
  /** Milliseconds that the Rollout under way surely waited (paused, in a pause, for its group), and at most did. */
  surelyWaitedMs = 0;
  maybeWaitedMs = 0;
  /** Measurements that were due while traffic enough had shown that the target is bad. */
  chancesToSee = 0;
  private number = 0;
  private passedAt = 0;
  private since: { readonly hostId: string; readonly target: number; readonly stable: number } | null = null;
  private seenAt = 0;

  /** Called with each pass, after the heart. */
  look(judged: Judged): void {
    const { before, now } = judged;
    const was = before?.rollout ?? null;
    if (was !== null && was.number !== this.number) this.begin(was.number);
    if (was !== null) {
      if (waits(was, judged, true)) this.surelyWaitedMs += now - this.passedAt;
      const absentMs = now - this.passedAt < absenceMs ? 0 : now - this.passedAt + absenceMs;
      if (waits(was, judged, false) || absentMs > 0) this.maybeWaitedMs += Math.max(absentMs, now - this.passedAt);
    }
    this.passedAt = now;
    const { after } = judged;
    if (was !== null && after.rollout?.number === was.number) this.allow(was, after.rollout, judged);
    this.seek(judged);
  }

  /** Other steps begin with all the time there is; another deadline may pass while it waits, which is forgiven then. */
  private allow(was: Rollout, is: Rollout, { before, after, now }: Judged): void {
    if (was.stepsHash !== is.stepsHash) this.maybeWaitedMs = Math.max(this.maybeWaitedMs, now - is.startedAt);
    if (before!.desired?.migration.progressDeadlineMs !== after.desired?.migration.progressDeadlineMs) this.maybeWaitedMs = Infinity;
  }

  private begin(number: number): void {
    this.number = number;
    this.surelyWaitedMs = 0;
    this.maybeWaitedMs = 0;
    this.forget();
  }

  private forget(): void {
    this.since = null;
    this.chancesToSee = 0;
  }

  private seek(judged: Judged): void {
    const { before, after, observation, now, desired } = judged;
    const was = before?.rollout ?? null;
    const is = after.rollout;
    const stepsOn = is !== null && was?.number === is.number && is.phase === 'Stepping' && was.stepsHash === is.stepsHash;
    // What stable was called for before the target had calls tells nothing of the target.
    if (
      !stepsOn ||
      observation === null ||
      is.stable === null ||
      is.analysis === null ||
      !isBad(judged, is) ||
      commanded(desired, before, 'retry')
    ) {
      this.forget();
      return;
    }
    const [target, stable] = [callsOf(observation.traffic[is.target]), callsOf(observation.traffic[is.stable])];
    if (this.since?.hostId !== observation.hostId) {
      this.forget();
      this.since = { hostId: observation.hostId, target, stable };
      this.seenAt = now;
      return;
    }
    const { intervalMs, minCalls } = after.desired!.migration.canary.analysis;
    const slow = judged.world.workload.behaviours.get(is.target)?.kind === 'slow-under-load';
    const enough = Math.max(slow ? enoughForLatency : enoughForErrors, minCalls);
    if (target - this.since.target < enough || stable - this.since.stable < enough || now - this.seenAt < intervalMs) return;
    this.seenAt = now;
    this.chancesToSee += 1;
  }
}

function callsOf(counters: TrafficCounters | undefined): number {
  return counters?.calls ?? 0;
}

/** Whether what is bad of the target is looked for. */
function isBad({ after, world }: Judged, { stable, target, strategy, direct }: Rollout): boolean {
  if (strategy !== 'canary' || direct !== null) return false;
  const kind = world.workload.behaviours.get(target)?.kind;
  // Held against what is as bad itself it looks well.
  if (stable !== null && world.workload.behaviours.get(stable)?.worth === 'loaded') return false;
  const checks = after.desired?.migration.canary.analysis.checks ?? [];
  if (kind === 'errors-under-load') return checks.some(({ type }) => type === 'errorRate');
  return kind === 'slow-under-load' && checks.some(({ type }) => type === 'latency');
}

function waits(rollout: Rollout, { before, world }: Judged, surely: boolean): boolean {
  if (rollout.phase === 'Gathering') return true;
  const gone = rollout.promoted === 'full' || rollout.promoted?.step === rollout.step;
  const step = rollout.phase === 'Stepping' && !gone ? stepsOf(rollout, before!)[rollout.step]?.type : undefined;
  // While a Contract that drifted or is locked is awaited, the step's own time may be over.
  if (step === 'pause' || step === 'analysis' || step === 'shadow') return !(surely && (world.drifted || world.locks.enabled));
  const maybeForLock = rollout.stable === null && before?.desired?.lock !== undefined;
  return (
    !surely &&
    (maybeForLock || rollout.paused !== null || rollout.phase === 'Previewing' || before?.desired?.migration.rollback.automatic === false)
  );
}
