/** The judgement of an analysis: each of its checks against the window's traffic or a metrics source's answer, numbers included. */
import type { MetricReading } from '../../model/observation.ts';
import type { AnalysisState, Judgement, Measurement, Outcome } from '../../model/rollout.ts';
import type { Analysis, AnalysisCheck } from '../../model/service.ts';

const worstFirst: readonly Outcome[] = ['fail', 'error', 'inconclusive', 'pass'];

/** What each check of the analysis says now (ms since the epoch) of the window so far; the worst of them is the outcome. */
export function measure(analysis: Analysis, state: AnalysisState, metrics: readonly MetricReading[], now: number): Measurement {
  const judgements = analysis.checks.map((check) => judge(check, analysis, state, metrics, now));
  return {
    at: now,
    outcome: worstFirst.find((outcome) => judgements.some((judgement) => judgement.outcome === outcome)) ?? 'pass',
    calls: { stable: state.window.stable.calls, target: state.window.target.calls },
    judgements,
  };
}

function judge(
  { name }: AnalysisCheck,
  analysis: Analysis,
  state: AnalysisState,
  metrics: readonly MetricReading[],
  now: number,
): Judgement {
  void [analysis, state, metrics, now];
  return { check: name, outcome: 'inconclusive', message: 'not judged', target: null, stable: null, p: null };
}
