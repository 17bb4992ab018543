/**
 * The judgement of an analysis: each of its checks, against the window's traffic or the answer of a metrics source.
 *
 * The window grows and is looked at again and again, and each look at data that are no worse than they should be has its chance
 * to seem bad. What all looks of all limits together may err by is therefore shared out beforehand: half of it is for the
 * first look, a sixth for the second, a twelfth for the third … 1 / (k (k + 1)), which adds up to one however many there are
 * (α-spending after Lan and DeMets, Biometrika 70, 1983, with Bonferroni's inequality, so the looks need not be independent).
 * What it cannot know is whether calls fail independently of each other: where they fail in bursts it errs more often.
 */
import { formatDuration } from '../../base/duration.ts';
import type { MetricReading } from '../../model/observation.ts';
import type { AnalysisState, Judgement, Measurement, Outcome } from '../../model/rollout.ts';
import type { Analysis, AnalysisCheck, MetricCheck } from '../../model/service.ts';
import { judgeTraffic } from './traffic.ts';

/** Of releases that are no worse than stable and within their limits, at most this share is found bad by chance. */
const falseAlarms = 0.01;
/** Intervals after which an answer of a metrics source is none any more. */
const staleIntervals = 3;
const worstFirst: readonly Outcome[] = ['fail', 'error', 'inconclusive', 'pass'];

/** What each check of the analysis says now (ms since the epoch) of the window so far; the worst of them is the outcome. */
export function measure(analysis: Analysis, state: AnalysisState, metrics: readonly MetricReading[], now: number): Measurement {
  const chance = chanceOfLook(analysis, Math.floor((now - state.startedAt) / analysis.intervalMs));
  const judgements = analysis.checks.map((check) =>
    check.type === 'errorRate' || check.type === 'latency'
      ? judgeTraffic(check, state.window, analysis.minCalls, chance)
      : judgeMetric(check, readingOf(check, metrics, state.startedAt), now, staleIntervals * analysis.intervalMs),
  );
  return {
    at: now,
    outcome: worstFirst.find((outcome) => judgements.some((judgement) => judgement.outcome === outcome)) ?? 'pass',
    calls: { stable: state.window.stable.calls, target: state.window.target.calls },
    judgements,
  };
}

/** Up to which p-value one limit counts as exceeded at the look with this number, from 1 on. */
function chanceOfLook({ checks }: Analysis, number: number): number {
  const look = Math.max(1, number);
  return falseAlarms / (checks.flatMap(trafficLimits).length * look * (look + 1));
}

function trafficLimits(check: AnalysisCheck): number[] {
  const limits =
    check.type === 'errorRate' ? [check.max, check.versusStable] : check.type === 'latency' ? [check.maxMs, check.versusStable] : [];
  return limits.filter((limit) => limit !== null);
}

/** The answer to a check, unless it is from before the analysis began: it spoke of another target then. */
function readingOf({ name }: MetricCheck, metrics: readonly MetricReading[], startedAt: number): MetricReading | null {
  return metrics.find((reading) => reading.name === name && reading.at >= startedAt) ?? null;
}

function judgeMetric(check: MetricCheck, reading: MetricReading | null, now: number, staleMs: number): Judgement {
  const judged = (outcome: Outcome, message: string): Judgement => {
    return { check: check.name, outcome, message, target: reading?.value ?? null, stable: null, p: null };
  };
  if (reading === null) return judged('error', 'there is no answer yet');
  const ageMs = now - reading.at;
  if (ageMs > staleMs) return judged('error', `the last answer is ${formatDuration(ageMs)} old`);
  const { value, verdict, error } = reading;
  if (verdict !== null) return judged(verdict, error ?? (verdict === 'pass' ? 'answered yes' : 'answered no'));
  if (value === null) return judged('error', error ?? 'the answer has no value');
  const { min, max } = check;
  if (min !== null && value < min) return judged('fail', `${value}, at least ${min} is needed`);
  if (max !== null && value > max) return judged('fail', `${value}, at most ${max} is allowed`);
  const limits = [...(min === null ? [] : [`at least ${min}`]), ...(max === null ? [] : [`at most ${max}`])];
  return judged('pass', [String(value), ...limits].join(', '));
}
