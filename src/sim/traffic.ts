/**
 * What the simulated gateway counts: calls in proportion to the weights in force, at a steady rate, answered as the
 * Revision's behaviour says. Deterministic: all counters of a Revision follow from how many calls it has had. Only the
 * flow of clients is modelled here; whether single calls arrive where they may is load.ts's business.
 */
import { latencyBoundsMs, type TrafficCounters } from '../model/observation.ts';
import type { Route } from '../model/plan.ts';
import type { Behaviour } from './behaviour.ts';

/** Share of calls in each latency bucket, from bucket `fastest` on: p95 at about 100 ms for a Revision that is well. */
const shares = [0.1, 0.2, 0.3, 0.2, 0.1, 0.06, 0.04];
const fastest = 14;
const buckets = latencyBoundsMs.length + 1;

export class Traffic {
  private readonly calls = new Map<string, number>();
  private readonly counted = new Map<string, TrafficCounters>();
  private readonly behaviourOf: (revision: string) => Behaviour | undefined;
  private upTo: number;

  constructor(now: number, behaviourOf: (revision: string) => Behaviour | undefined) {
    this.upTo = now;
    this.behaviourOf = behaviourOf;
  }

  /** Counts what has flowed since the last time, while `route` was in force and only Revisions that `answers` could be called. */
  flow(now: number, callsASecond: number, route: Route | null, answers: (revision: string) => boolean): void {
    const seconds = (now - this.upTo) / 1_000;
    this.upTo = now;
    if (route === null || route.hold || callsASecond === 0 || seconds === 0) return;
    for (const [revision, weight] of Object.entries(route.weights)) {
      if (weight === 0 || !answers(revision)) continue;
      this.calls.set(revision, (this.calls.get(revision) ?? 0) + (callsASecond * seconds * weight) / 100);
    }
  }

  counters(): Record<string, TrafficCounters> {
    const all: Record<string, TrafficCounters> = {};
    for (const [revision, exact] of this.calls) {
      const calls = Math.floor(exact);
      let counters = this.counted.get(revision);
      if (counters?.calls !== calls) {
        counters = countersOf(calls, this.behaviourOf(revision));
        this.counted.set(revision, counters);
      }
      all[revision] = counters;
    }
    return all;
  }
}

function countersOf(calls: number, behaviour: Behaviour | undefined): TrafficCounters {
  const latencyBuckets = Array.from({ length: buckets }, () => 0);
  const from = fastest + (behaviour?.slowerBy ?? 0);
  let share = 0;
  let before = 0;
  let latencySumMs = 0;
  for (const [index, one] of shares.entries()) {
    share += one;
    const upTo = index === shares.length - 1 ? calls : Math.floor(calls * share);
    latencyBuckets[from + index] = upTo - before;
    latencySumMs += (upTo - before) * latencyBoundsMs[from + index]!;
    before = upTo;
  }
  return { calls, protocolErrors: 0, toolErrors: Math.floor(calls * (behaviour?.errorRate ?? 0)), latencyBuckets, latencySumMs };
}
