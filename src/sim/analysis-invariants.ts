/**
 * What must be so of the analysis of a canary and of mirrored calls: nothing is counted twice or left out, metrics are
 * judged as they were answered, measurements come in their time, and what they say is heeded. Names as in invariants.ts.
 */
import type { MetricReading, TrafficCounters } from '../model/observation.ts';
import type { Outcome } from '../model/rollout.ts';
import type { MetricCheck } from '../model/service.ts';
import { ongoing, serviceFor, serving, stepsOf, weightOf, type Invariant } from './terms.ts';

/** An answer of a metrics source counts for so many intervals. */
const staleIntervals = 3;

function callsOf(counters: TrafficCounters | null | undefined): number {
  return counters?.calls ?? 0;
}

/** A measurement that this pass took counts what came on top of what was counted before, once. */
const windowCountsOnce: Invariant = (judged) => {
  const both = ongoing(judged);
  const { observation, now } = judged;
  const [was, is] = [both?.was.analysis ?? null, both?.is.analysis ?? null];
  if (both === null || was === null || is === null || observation === null || is.startedAt !== was.startedAt) return null;
  if (is.measuredAt === was.measuredAt) return null;
  if (is.measuredAt !== now) return 'a measurement of another moment';
  for (const [who, hash] of [
    ['stable', both.is.stable!],
    ['target', both.is.target],
  ] as const) {
    const seen = was.seen.hostId === observation.hostId ? callsOf(was.seen[who]) : 0;
    const expected = was.window[who].calls + callsOf(observation.traffic[hash]) - seen;
    // An Observation that is said again may be older than the one before.
    if (callsOf(observation.traffic[hash]) >= seen && is.window[who].calls !== expected)
      return `${is.window[who].calls} calls of ${who} in the window, ${expected} came`;
  }
  return null;
};

/** An interval after the other, and no more. */
const measuresInTime: Invariant = (judged) => {
  const both = ongoing(judged);
  const { after, now } = judged;
  const [was, is] = [both?.was.analysis ?? null, both?.is.analysis ?? null];
  if (both === null || was === null || is === null || is.startedAt !== was.startedAt || is.measuredAt === was.measuredAt) return null;
  const { intervalMs } = serviceFor(after, both.is.target)!.migration.canary.analysis;
  const early = now >= was.measuredAt && now - was.measuredAt < intervalMs;
  if (early) return `measured again after ${now - was.measuredAt} ms`;
  const [latest] = is.measurements;
  const failed = is.failures - was.failures;
  return failed === (latest?.outcome === 'fail' ? 1 : 0) ? null : `a measurement that says ${latest?.outcome} counts as ${failed} failures`;
};

const wakesForMeasurements: Invariant = ({ after, decision, now, observation }) => {
  const { rollout } = after;
  if (rollout === null || rollout.analysis === null || rollout.direct !== null || observation === null) return null;
  const at = rollout.analysis.measuredAt + serviceFor(after, rollout.target)!.migration.canary.analysis.intervalMs;
  return at > now && (decision.wakeAt === null || decision.wakeAt > at) ? 'nobody wakes for the next measurement' : null;
};

function expectedOf({ max }: MetricCheck, reading: MetricReading | undefined, staleMs: number, now: number): Outcome {
  if (reading === undefined || now - reading.at > staleMs || reading.value === null) return 'error';
  return max !== null && reading.value > max ? 'fail' : 'pass';
}

/** Rule 9: a source that is down, silent or stale is an error, never a failure. */
const metricsAreJudgedRight: Invariant = (judged) => {
  const both = ongoing(judged);
  const { after, observation, now } = judged;
  const [latest] = both?.is.analysis?.measurements ?? [];
  if (both === null || latest === undefined || latest.at !== now || observation === null) return null;
  if (both.was.analysis?.measuredAt === now) return null;
  const { checks, intervalMs } = serviceFor(after, both.is.target)!.migration.canary.analysis;
  for (const check of checks) {
    if (check.type !== 'http' && check.type !== 'prometheus') continue;
    const reading = observation.metrics.find(({ name, at }) => name === check.name && at >= both.is.analysis!.startedAt);
    const expected = expectedOf(check, reading, staleIntervals * intervalMs, now);
    const said = latest.judgements.find((judgement) => judgement.check === check.name)?.outcome;
    if (said !== expected) return `metric ${check.name} is ${expected}, and said to be ${said}`;
  }
  return null;
};

/** Metrics are asked for while the target has calls, and calls are mirrored while a shadow step is under way. */
const extrasAreAskedFor: Invariant = (judged) => {
  const { after, decision } = judged;
  const { rollout, route } = after;
  if (rollout === null || rollout.strategy !== 'canary' || rollout.direct !== null || decision.plan === null || route === null) return null;
  const { checks } = serviceFor(after, rollout.target)!.migration.canary.analysis;
  const asks = checks.some(({ type }) => type === 'http' || type === 'prometheus');
  if (asks && weightOf(after, rollout.target) > 0 && decision.plan.measures === null) return 'no metrics are asked for';
  const step = rollout.phase === 'Stepping' && rollout.promoted !== 'full' ? stepsOf(rollout, after)[rollout.step] : undefined;
  if (step?.type !== 'shadow' || serving(after, rollout.target, true).length === 0) return null;
  return route.shadow === null ? 'no calls are mirrored in a shadow step' : null;
};

/** Where the step says how many answers may differ, more take the target back. */
const shadowIsHeeded: Invariant = (judged) => {
  const both = ongoing(judged);
  const { after } = judged;
  if (both === null || both.is.shadow === null || both.is.step !== both.was.step || both.was.stepsHash !== both.is.stepsHash) return null;
  const { canary, rollback } = serviceFor(after, both.is.target)!.migration;
  const step = stepsOf(both.is, after)[both.is.step];
  if (step?.type !== 'shadow' || step.maxDifferent === null || !rollback.automatic || both.is.phase !== 'Stepping') return null;
  const { same, different } = both.is.shadow;
  const enough = same + different >= canary.analysis.minCalls;
  return enough && different > step.maxDifferent * (same + different)
    ? `it goes on though ${different} of ${same + different} answers differ`
    : null;
};

export const analysisInvariants = { windowCountsOnce, measuresInTime, metricsAreJudgedRight, extrasAreAskedFor, shadowIsHeeded };
export const analysisAlways = { wakesForMeasurements };
