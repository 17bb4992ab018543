/**
 * The window of an analysis: the traffic of stable and target since the target first had weight. The Host's counters run from
 * its start, so the window grows by what came on top of them as last seen. Nothing is counted twice, and nothing that was
 * counted is lost when the Host begins anew.
 */
import { noTraffic, type Observation, type TrafficCounters } from '../../model/observation.ts';
import type { AnalysisState } from '../../model/rollout.ts';

/** An empty window from now (ms since the epoch) on; the hashes are those of the two Revisions. */
export function beginWindow(observation: Observation, stableHash: string, targetHash: string, now: number): AnalysisState {
  return {
    startedAt: now,
    measuredAt: now,
    seen: seenIn(observation, stableHash, targetHash),
    window: { stable: noTraffic, target: noTraffic },
    failures: 0,
    measurements: [],
  };
}

/** The window with what came since; the same object when nothing did. */
export function advanceWindow(state: AnalysisState, observation: Observation, stableHash: string, targetHash: string): AnalysisState {
  const seen = seenIn(observation, stableHash, targetHash);
  const sameLife = seen.hostId === state.seen.hostId;
  if (sameLife && sameCalls(seen.stable, state.seen.stable) && sameCalls(seen.target, state.seen.target)) return state;
  const stable = sinceThen(sameLife ? state.seen.stable : null, seen.stable);
  const target = sinceThen(sameLife ? state.seen.target : null, seen.target);
  return { ...state, seen, window: { stable: add(state.window.stable, stable), target: add(state.window.target, target) } };
}

function seenIn({ hostId, traffic }: Observation, stableHash: string, targetHash: string): AnalysisState['seen'] {
  return { hostId, stable: traffic[stableHash] ?? null, target: traffic[targetHash] ?? null };
}

function sameCalls(one: TrafficCounters | null, other: TrafficCounters | null): boolean {
  return one?.calls === other?.calls;
}

/** What came on top of counters as seen before; all of it when they began anew in between. */
function sinceThen(before: TrafficCounters | null, now: TrafficCounters | null): TrafficCounters {
  if (now === null) return noTraffic;
  return before === null || wentBack(before, now) ? now : combine(now, before, (a, b) => a - b);
}

function wentBack(before: TrafficCounters, now: TrafficCounters): boolean {
  return now.calls < before.calls || now.protocolErrors < before.protocolErrors || now.toolErrors < before.toolErrors;
}

function add(one: TrafficCounters, other: TrafficCounters): TrafficCounters {
  return combine(one, other, (a, b) => a + b);
}

function combine(one: TrafficCounters, other: TrafficCounters, join: (a: number, b: number) => number): TrafficCounters {
  return {
    calls: join(one.calls, other.calls),
    protocolErrors: join(one.protocolErrors, other.protocolErrors),
    toolErrors: join(one.toolErrors, other.toolErrors),
    latencyBuckets: one.latencyBuckets.map((count, index) => join(count, other.latencyBuckets[index] ?? 0)),
    latencySumMs: join(one.latencySumMs, other.latencySumMs),
  };
}
