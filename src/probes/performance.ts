/**
 * The performance check: how calls went since the last round, from the gateway's counters; where too few clients called, the
 * latencies of the checks that call tools stand in for them. Too little of both is inconclusive: never a failure, and said so.
 */
import { quantileOfBuckets } from '../model/latency.ts';
import type { TrafficCounters } from '../model/observation.ts';
import type { Check } from '../model/service.ts';
import type { Answer } from '../ports/prober.ts';

type PerformanceCheck = Extract<Check, { type: 'performance' }>;

const fraction = 0.95;

export function judgePerformance(check: PerformanceCheck, traffic: TrafficCounters, probeLatenciesMs: readonly number[]): Answer {
  const fromTraffic = traffic.calls >= check.minCalls;
  const fromProbes = !fromTraffic && probeLatenciesMs.length >= check.minCalls;
  if (!fromTraffic && !fromProbes) {
    const message = `inconclusive: ${traffic.calls} calls and ${probeLatenciesMs.length} probes, ${check.minCalls} are needed to judge`;
    return { outcome: 'pass', message, latencyMs: null };
  }
  const p95Ms = fromTraffic ? quantileOfBuckets(traffic.latencyBuckets, fraction) : quantile(probeLatenciesMs, fraction);
  const facts = [`p95 ${Math.round(p95Ms)} ms`];
  const failed: string[] = [];
  if (check.p95Ms !== null && p95Ms > check.p95Ms) failed.push(`p95 is ${Math.round(p95Ms)} ms, ${check.p95Ms} ms is allowed`);
  // Probes say nothing about how often clients' calls fail.
  if (fromTraffic) {
    const errors = traffic.protocolErrors + traffic.toolErrors;
    const rate = traffic.calls === 0 ? 0 : errors / traffic.calls;
    const said = `${percent(rate)} errors (${traffic.protocolErrors} protocol, ${traffic.toolErrors} tool)`;
    facts.push(said);
    if (check.errorRate !== null && rate > check.errorRate) failed.push(`${said}, ${percent(check.errorRate)} is allowed`);
  }
  const over = fromTraffic ? `${traffic.calls} calls` : `${probeLatenciesMs.length} probes`;
  const message = `${(failed.length > 0 ? failed : facts).join('; ')} over ${over}`;
  return { outcome: failed.length > 0 ? 'fail' : 'pass', message, latencyMs: null };
}

/** The nearest-rank quantile: of 20 values, p95 is the 19th. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(1).replace(/\.0$/, '')} %`;
}
