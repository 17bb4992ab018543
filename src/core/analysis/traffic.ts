/**
 * The judgement of one traffic check. A limit is exceeded only when the value is beyond it and chance does not explain that:
 * beyond it within chance is inconclusive, as too few calls are. Being no worse than stable is no excuse before an absolute limit.
 */
import { quantileOfBuckets } from '../../model/latency.ts';
import { latencyBoundsMs, type TrafficCounters } from '../../model/observation.ts';
import type { AnalysisState, Judgement } from '../../model/rollout.ts';
import type { TrafficCheck } from '../../model/service.ts';
import { binomialTail, fisherTail, quantileTail } from './statistics.ts';

type ErrorRateCheck = Extract<TrafficCheck, { type: 'errorRate' }>;
type LatencyCheck = Extract<TrafficCheck, { type: 'latency' }>;

/** Differences from stable smaller than these are no reason to take anything back, however certain they are. */
const rateFloor = 0.01;
const latencyFloorShare = 0.1;
const latencyFloorMs = 5;

/** A limit held against the window; p: the chance of what was seen, were the limit kept. */
interface Limit {
  readonly said: string;
  readonly test: string;
  readonly beyond: boolean;
  readonly p: number;
}

/** How one kind of check reads the window. */
interface Reading {
  /** In the check's unit; null without calls. */
  readonly target: number | null;
  readonly stable: number | null;
  readonly said: string;
  readonly absolute: Limit | null;
  readonly relative: Limit | null;
}

/**
 * minCalls: calls that the target, and for a comparison stable, must have before anything is said. chance: the p-value up to
 * which a limit counts as exceeded (0..1).
 */
export function judgeTraffic(check: TrafficCheck, window: AnalysisState['window'], minCalls: number, chance: number): Judgement {
  const { target, stable, said, absolute, relative } =
    check.type === 'errorRate' ? readErrorRate(check, window) : readLatency(check, window);
  const judged = { check: check.name, target, stable, p: null };
  if (window.target.calls < minCalls)
    return { ...judged, outcome: 'inconclusive', message: `${said}; ${count(minCalls)} calls are needed to judge` };

  const comparable = window.stable.calls >= minCalls;
  const limits = [absolute, comparable ? relative : null].filter((limit) => limit !== null);
  const notes = limits.map((limit) => `${limit.said}${verdictOn(limit, chance)}`);
  if (relative !== null && !comparable) notes.push(`stable has too few calls to compare with, ${count(minCalls)} are needed`);
  const failed = limits.some(({ beyond, p }) => beyond && p <= chance);
  const open = limits.length === 0 ? relative !== null : limits.some(({ beyond }) => beyond);
  return {
    ...judged,
    p: comparable ? (relative?.p ?? null) : null,
    outcome: failed ? 'fail' : open ? 'inconclusive' : 'pass',
    message: [said, notes.join(', ')].filter((part) => part !== '').join('; '),
  };
}

function verdictOn({ beyond, p, test }: Limit, chance: number): string {
  if (!beyond) return '';
  return p <= chance ? ` is exceeded (${test} ${probability(p)})` : ` is exceeded, but that may be chance (${test} ${probability(p)})`;
}

function readErrorRate({ of, max, versusStable }: ErrorRateCheck, window: AnalysisState['window']): Reading {
  const calls = { target: window.target.calls, stable: window.stable.calls };
  const errors = { target: errorsIn(window.target, of), stable: errorsIn(window.stable, of) };
  const target = calls.target === 0 ? 0 : errors.target / calls.target;
  const stable = calls.stable === 0 ? 0 : errors.stable / calls.stable;
  const ended = of === 'all' ? 'failed' : `ended in a ${of} error`;
  const absolute = (limit: number): Limit => ({
    said: `at most ${percent(limit)}`,
    test: 'binomial',
    beyond: target > limit,
    p: binomialTail(errors.target, calls.target, limit),
  });
  const relative = (factor: number): Limit => ({
    said: `at most ${factor} × stable`,
    test: 'Fisher',
    beyond: target > factor * stable && target - stable >= rateFloor,
    p: fisherTail(errors.target, calls.target, errors.stable, calls.stable),
  });
  return {
    target: calls.target === 0 ? null : target,
    stable: calls.stable === 0 ? null : stable,
    said: `${percent(target)} of ${count(calls.target)} calls ${ended}, stable ${calls.stable === 0 ? 'had none' : `${percent(stable)} of ${count(calls.stable)}`}`,
    absolute: max === null ? null : absolute(max),
    relative: versusStable === null ? null : relative(versusStable),
  };
}

function readLatency({ quantile, maxMs, versusStable }: LatencyCheck, window: AnalysisState['window']): Reading {
  const calls = { target: window.target.calls, stable: window.stable.calls };
  const target = quantileOfBuckets(window.target.latencyBuckets, quantile);
  const stable = quantileOfBuckets(window.stable.latencyBuckets, quantile);
  const name = `p${Number((quantile * 100).toFixed(3))}`;
  const absolute = (limit: number): Limit => ({
    said: `at most ${milliseconds(limit)}`,
    test: 'binomial',
    beyond: target > limit,
    p: binomialTail(longerThan(window.target, limit), calls.target, 1 - quantile),
  });
  const relative = (factor: number): Limit => ({
    said: `at most ${factor} × stable`,
    test: 'quantile test',
    // Where in its bucket a quantile lies is a guess: two in the same one do not differ.
    beyond:
      bucketOf(target) !== bucketOf(stable) &&
      target > factor * stable &&
      target - stable >= Math.max(latencyFloorMs, latencyFloorShare * stable),
    p: quantileTail(window.target.latencyBuckets, window.stable.latencyBuckets, quantile),
  });
  return {
    target: calls.target === 0 ? null : target,
    stable: calls.stable === 0 ? null : stable,
    said: `${name} is ${milliseconds(target)} over ${count(calls.target)} calls, stable ${calls.stable === 0 ? 'had none' : `${milliseconds(stable)} over ${count(calls.stable)}`}`,
    absolute: maxMs === null ? null : absolute(maxMs),
    relative: versusStable === null ? null : relative(versusStable),
  };
}

function errorsIn({ protocolErrors, toolErrors }: TrafficCounters, of: ErrorRateCheck['of']): number {
  return (of === 'tool' ? 0 : protocolErrors) + (of === 'protocol' ? 0 : toolErrors);
}

function bucketOf(ms: number): number {
  return latencyBoundsMs.findIndex((bound) => ms <= bound);
}

/** Calls that certainly took longer than that: those of its own bucket may not have. */
function longerThan({ latencyBuckets }: TrafficCounters, ms: number): number {
  return latencyBuckets.reduce((sum, calls, index) => ((latencyBoundsMs[index - 1] ?? 0) >= ms ? sum + calls : sum), 0);
}

function percent(rate: number): string {
  return `${Number((rate * 100).toFixed(rate < 0.01 ? 2 : 1))} %`;
}

function milliseconds(ms: number): string {
  return `${count(Number(ms.toFixed(ms < 10 ? 1 : 0)))} ms`;
}

/** With a comma between thousands. */
function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

function probability(p: number): string {
  return p < 0.0001 ? 'p < 0.0001' : `p = ${Number(p.toPrecision(2))}`;
}
