/** Traffic as the gateway would have counted it. */
import { latencyBoundsMs, noTraffic, type TrafficCounters } from '../../../src/model/observation.ts';

/** So many calls of 10 ms, and among them so many errors and so many calls of 1 s. */
export function counters(calls: number, { protocolErrors = 0, toolErrors = 0, slow = 0 } = {}): TrafficCounters {
  return { ...took({ 10: calls - slow, 1000: slow }), protocolErrors, toolErrors };
}

/** Calls by how many milliseconds they took. */
export function took(callsByMs: Readonly<Record<number, number>>): TrafficCounters {
  const latencyBuckets = [...noTraffic.latencyBuckets];
  const sums = { calls: 0, latencySumMs: 0 };
  for (const [ms, calls] of Object.entries(callsByMs)) {
    const bucket = latencyBoundsMs.findIndex((bound) => Number(ms) <= bound);
    latencyBuckets[bucket < 0 ? latencyBoundsMs.length : bucket]! += calls;
    sums.calls += calls;
    sums.latencySumMs += calls * Number(ms);
  }
  return { ...noTraffic, ...sums, latencyBuckets };
}
