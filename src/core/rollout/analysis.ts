/** The analysis of a canary: from the target's first call on, its traffic is held against stable's, an interval after the other. */
import { advanceWindow, beginWindow } from '../analysis/window.ts';
import { measure } from '../analysis/judge.ts';
import type { AnalysisState, Measurement, Rollout } from '../../model/rollout.ts';
import { migrationOf, say, wake, type Pass } from '../pass.ts';
import { routeInForce } from './standing.ts';

const measurementsKept = 20;

/** Begins the window with the target's first share of calls. */
export function beginAnalysis(pass: Pass): void {
  const { record, observation, now } = pass;
  const rollout = record.rollout!;
  if (observation === null || rollout.analysis !== null || !isAnalysed(rollout)) return;
  if ((record.route?.weights[rollout.target] ?? 0) === 0) return;
  record.rollout = { ...rollout, analysis: beginWindow(observation, rollout.stable, rollout.target, now) };
  wake(pass, now + migrationOf(pass, rollout.target).canary.analysis.intervalMs);
}

/** Adds a measurement when the interval has passed, and keeps what mirrored calls have come to. */
export function measureTraffic(pass: Pass): void {
  const { record, observation, now } = pass;
  const rollout = record.rollout!;
  if (observation === null || !isAnalysed(rollout)) return;
  takeShadow(pass);
  if (rollout.analysis === null) return;
  const { intervalMs } = migrationOf(pass, rollout.target).canary.analysis;
  const waitedMs = now - rollout.analysis.measuredAt;
  // A clock that was set back makes the wait no longer than an interval.
  if (waitedMs >= intervalMs || waitedMs < 0) addMeasurement(pass, rollout.analysis, rollout.stable, rollout.target);
  wake(pass, record.rollout!.analysis!.measuredAt + intervalMs);
}

function isAnalysed(rollout: Rollout): rollout is Rollout & { readonly stable: string } {
  return rollout.strategy === 'canary' && rollout.direct === null && rollout.stable !== null;
}

function addMeasurement(pass: Pass, before: AnalysisState, stable: string, target: string): void {
  const { record, observation, now } = pass;
  const { analysis } = migrationOf(pass, target).canary;
  const state = advanceWindow(before, observation!, stable, target);
  const measurement = measure(analysis, state, observation!.metrics, now);
  const failed = measurement.outcome === 'fail';
  record.rollout = {
    ...record.rollout!,
    analysis: {
      ...state,
      measuredAt: now,
      failures: state.failures + (failed ? 1 : 0),
      measurements: [measurement, ...state.measurements].slice(0, measurementsKept),
    },
  };
  // Where it is not taken back by itself, it may go on failing for long: that is no news any more.
  const isNews = failed && state.failures <= analysis.failureLimit;
  if (isNews || measurement.outcome !== before.measurements[0]?.outcome) tell(pass, measurement);
}

function tell(pass: Pass, { outcome, judgements }: Measurement): void {
  const deciding = judgements.filter((judgement) => judgement.outcome === outcome);
  const message = `${outcome}: ${deciding.map(({ check, message: said }) => `${check}: ${said}`).join('; ')}`;
  say(pass, outcome === 'fail' ? 'Warning' : 'Normal', 'AnalysisMeasured', message, { revision: pass.record.target!.name });
}

/** What mirrored calls have come to, kept as last seen so that it is there when the Rollout is over. Those of a Rollout before are none of its. */
function takeShadow(pass: Pass): void {
  const { record, observation } = pass;
  const rollout = record.rollout!;
  const seen = observation!.shadow;
  if (seen === null || seen.revision !== rollout.target || seen.calls === (rollout.shadow?.calls ?? 0)) return;
  if ((routeInForce(pass)?.shadow ?? null) === null) return;
  record.rollout = { ...rollout, shadow: seen };
}
