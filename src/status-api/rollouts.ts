/**
 * A Rollout as the API shows it: one shape for the one under way, with all that it takes to draw it, and for those that
 * ended, with what their Verdict says. Pure: made of a view of the ReadModel.
 */
import { serviceOf } from '../core/pass.ts';
import { stepWords } from '../core/rollout/step-words.ts';
import { quantileOfBuckets } from '../model/latency.ts';
import { noTraffic, type ShadowReport, type TrafficCounters } from '../model/observation.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { CommitStatus, MeasurementStatus, RolloutStatus, ShadowStatus, TrafficStatus } from '../model/resource.ts';
import type { Revision } from '../model/revision.ts';
import type { Measurement, Rollout, Verdict } from '../model/rollout.ts';
import type { CanaryStep, Migration } from '../model/service.ts';
import type { CommitFacts } from '../model/snapshot.ts';
import type { ServiceView } from '../ports/read-model.ts';

const measurementsShown = 5;
const p95 = 0.95;

const instant = (at: number): string => new Date(at).toISOString();

/** The Rollout under way; null while there is none. */
export function runningRollout({ record, observation, commits }: ServiceView): RolloutStatus | null {
  const { rollout } = record;
  if (rollout === null) return null;
  const { migration } = serviceOf(record, rollout.target);
  const weights = record.route?.weights ?? {};
  const { number, strategy, direct, phase, failures, lastFailure, waitsOn, waitsFor, paused, promoted, topWeight, contract } = rollout;
  return {
    number,
    strategy,
    direct,
    phase,
    running: true,
    stable: rollout.stable === null ? null : revisionName(record, rollout.stable),
    target: revisionName(record, rollout.target),
    reason: lastFailure?.code ?? '',
    message: lastFailure?.message ?? '',
    startedAt: instant(rollout.startedAt),
    endedAt: null,
    failures,
    steps: stepsOf(rollout, migration).map(stepWords),
    step: rollout.step,
    stepStartedAt: instant(rollout.stepStartedAt),
    stepEndsAt: stepEndsAt(rollout, migration),
    waitsOn,
    waitsFor,
    paused: paused === null ? null : { since: instant(paused.since), actor: paused.actor },
    promoted: promoted === null ? null : promoted === 'full' ? 'full' : promoted.step === rollout.step ? 'step' : null,
    deadline: deadlineOf(rollout, migration),
    weights: { stable: rollout.stable === null ? 0 : (weights[rollout.stable] ?? 0), target: weights[rollout.target] ?? 0 },
    topWeight,
    traffic: trafficOf(rollout, observation?.traffic ?? {}),
    analysis: analysisOf(rollout, migration),
    measurements: (rollout.analysis?.measurements ?? []).slice(0, measurementsShown).map(measurementStatus),
    contract,
    shadow: shadowStatus(rollout.shadow),
    snapshot: rollout.snapshot,
    commit: commitStatus(commits.get(rollout.snapshot)),
  };
}

/** Those that are over, newest first. */
export function endedRollouts({ record, commits }: ServiceView): RolloutStatus[] {
  return record.verdicts.map((verdict) => endedRollout(verdict, commits));
}

function endedRollout(verdict: Verdict, commits: ServiceView['commits']): RolloutStatus {
  const { number, strategy, direct, result, reason, message, stable, target, weight, contract, measurement, snapshot } = verdict;
  return {
    number,
    strategy,
    direct,
    phase: result,
    running: false,
    stable,
    target,
    reason,
    message,
    startedAt: instant(verdict.startedAt),
    endedAt: instant(verdict.endedAt),
    failures: 0,
    steps: [],
    step: null,
    stepStartedAt: null,
    stepEndsAt: null,
    waitsOn: null,
    waitsFor: '',
    paused: null,
    promoted: null,
    deadline: null,
    weights: null,
    topWeight: weight,
    traffic: null,
    analysis: null,
    measurements: measurement === null ? [] : [measurementStatus(measurement)],
    contract,
    shadow: shadowStatus(verdict.shadow),
    snapshot,
    commit: commitStatus(commits.get(snapshot)),
  };
}

/** null for one that nothing is known of. */
export function commitStatus(facts: CommitFacts | null | undefined): CommitStatus | null {
  if (facts === null || facts === undefined) return null;
  const { id, author, email, subject, committedAt } = facts;
  return { id, author, email, subject, committedAt: instant(committedAt) };
}

/** Every Revision that the Record still has whole; one of them may be there several times. */
export function knownRevisions({ stable, target, kept, promoted, leaving }: ServiceRecord): Revision[] {
  const whole = [stable, target, kept?.revision ?? null].filter((revision) => revision !== null);
  return [...whole, ...promoted.map(({ revision }) => revision), ...leaving];
}

export function revisionName(record: ServiceRecord, hash: string): string {
  const known = knownRevisions(record).find((revision) => revision.hash === hash);
  return known?.name ?? record.rejections.find(({ revision }) => revision === hash)?.name ?? `${record.service}-${hash.slice(0, 8)}`;
}

/** Calls that ended in an error of the protocol or of the tool. */
export function errorsOf(counters: TrafficCounters): number {
  return counters.protocolErrors + counters.toolErrors;
}

function stepsOf({ strategy, direct }: Rollout, { canary }: Migration): Migration['canary']['steps'] {
  return strategy === 'canary' && direct === null ? canary.steps : [];
}

/** A first deployment has none: there is nothing to go back to, so it is tried again and again. */
function deadlineOf(rollout: Rollout, { progressDeadlineMs }: Migration): string | null {
  if (rollout.stable === null || rollout.waitingSince !== null) return null;
  return instant(rollout.startedAt + progressDeadlineMs + rollout.waitedMs);
}

function stepEndsAt(rollout: Rollout, migration: Migration): string | null {
  if (rollout.phase !== 'Stepping' || rollout.waitsOn !== 'time') return null;
  const step = stepsOf(rollout, migration)[rollout.step];
  const lasts = step === undefined ? null : durationMs(step);
  return lasts === null ? null : instant(rollout.stepStartedAt + lasts);
}

/** How long a step lasts by itself; null when it is not time that ends it. */
function durationMs(step: CanaryStep): number | null {
  if (step.type === 'pause') return step.durationMs;
  return step.type === 'analysis' || step.type === 'shadow' ? step.forMs : null;
}

function trafficOf({ analysis, stable, target }: Rollout, counted: Readonly<Record<string, TrafficCounters>>): RolloutStatus['traffic'] {
  const told = (counters: TrafficCounters): TrafficStatus => ({
    calls: counters.calls,
    errors: errorsOf(counters),
    p95Ms: counters.calls === 0 ? null : quantileOfBuckets(counters.latencyBuckets, p95),
  });
  if (analysis !== null)
    return { since: instant(analysis.startedAt), stable: told(analysis.window.stable), target: told(analysis.window.target) };
  const of = (hash: string | null): TrafficStatus => told((hash === null ? undefined : counted[hash]) ?? noTraffic);
  return { since: null, stable: of(stable), target: of(target) };
}

function analysisOf({ analysis }: Rollout, { canary }: Migration): RolloutStatus['analysis'] {
  if (analysis === null) return null;
  const { failureLimit, intervalMs } = canary.analysis;
  const { failures, startedAt, measuredAt } = analysis;
  return { startedAt: instant(startedAt), failures, failureLimit, nextAt: instant(measuredAt + intervalMs) };
}

function measurementStatus(measurement: Measurement): MeasurementStatus {
  return { ...measurement, at: instant(measurement.at) };
}

function shadowStatus(report: ShadowReport | null): ShadowStatus | null {
  if (report === null) return null;
  return { ...report, examples: report.examples.map((example) => ({ ...example, at: instant(example.at) })) };
}
