/** The judgement of an analysis: what is taken back, what is not, and what nobody can say yet. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measure } from '../../../src/core/analysis/judge.ts';
import { noTraffic, type MetricReading, type TrafficCounters } from '../../../src/model/observation.ts';
import type { AnalysisState, Judgement, Measurement } from '../../../src/model/rollout.ts';
import type { Analysis, AnalysisCheck } from '../../../src/model/service.ts';
import { countersOf } from '../../fixtures/service-views.ts';
import { counters } from './counters.ts';

const intervalMs = 10_000;
const errorRate = { type: 'errorRate', name: 'errorRate', of: 'all', max: 0.05, versusStable: 1.5 } as const;
const p95 = { type: 'latency', name: 'p95', quantile: 0.95, maxMs: null, versusStable: 1.5 } as const;

function analysis(...checks: AnalysisCheck[]): Analysis {
  return { intervalMs, minCalls: 50, failureLimit: 0, checks };
}

function windowOf(target: TrafficCounters, stable: TrafficCounters): AnalysisState {
  const seen = { hostId: 'host-1', stable, target };
  return { startedAt: 0, measuredAt: 0, seen, window: { stable, target }, failures: 0, measurements: [] };
}

/** The Measurement at the look with this number. */
function look(checks: AnalysisCheck[], target: TrafficCounters, stable: TrafficCounters, number = 1): Measurement {
  return measure(analysis(...checks), windowOf(target, stable), [], number * intervalMs);
}

function only(check: AnalysisCheck, target: TrafficCounters, stable: TrafficCounters, number = 1): Judgement {
  return look([check], target, stable, number).judgements[0]!;
}

describe('the error rate of a target', () => {
  it('is judged with all numbers said', () => {
    expect(look([errorRate], counters(412, { toolErrors: 41 }), counters(3_800, { protocolErrors: 12 }))).toEqual({
      at: intervalMs,
      outcome: 'fail',
      calls: { stable: 3_800, target: 412 },
      judgements: [
        {
          check: 'errorRate',
          outcome: 'fail',
          message:
            '10 % of 412 calls failed, stable 0.32 % of 3,800; at most 5 % is exceeded (binomial p < 0.0001), at most 1.5 × stable is exceeded (Fisher p < 0.0001)',
          target: 41 / 412,
          stable: 12 / 3_800,
          p: expect.closeTo(0, 10) as number,
        },
      ],
    });
  });

  it('is not judged over fewer calls than the analysis asks for, be they all errors', () => {
    expect(only(errorRate, counters(49, { toolErrors: 49 }), counters(3_800))).toMatchObject({
      outcome: 'inconclusive',
      message: '100 % of 49 calls failed, stable 0 % of 3,800; 50 calls are needed to judge',
    });
    expect(only(errorRate, noTraffic, noTraffic)).toMatchObject({ outcome: 'inconclusive', target: null, stable: null });
  });

  it('passes when it is no worse than stable', () => {
    expect(only(errorRate, counters(400), counters(3_600))).toMatchObject({ outcome: 'pass', p: 1 });
    expect(only(errorRate, counters(400, { toolErrors: 4 }), counters(3_600, { toolErrors: 36 }))).toMatchObject({
      outcome: 'pass',
      message: '1 % of 400 calls failed, stable 1 % of 3,600; at most 5 %, at most 1.5 × stable',
    });
  });

  it('fails above its absolute limit, though stable is as bad', () => {
    const bad = only(errorRate, counters(400, { toolErrors: 40 }), counters(3_600, { toolErrors: 360 }));
    expect(bad).toMatchObject({
      outcome: 'fail',
      message: expect.stringMatching(/at most 5 % is exceeded .*, at most 1.5 × stable$/) as string,
    });
  });

  it('is held to its absolute limit alone while stable has too few calls, and to nothing when it has none', () => {
    const few = counters(20);
    expect(only(errorRate, counters(400), few)).toMatchObject({
      outcome: 'pass',
      p: null,
      message: '0 % of 400 calls failed, stable 0 % of 20; at most 5 %, stable has too few calls to compare with, 50 are needed',
    });
    expect(only(errorRate, counters(400, { toolErrors: 60 }), few).outcome).toBe('fail');
    expect(only({ ...errorRate, max: null }, counters(400, { toolErrors: 60 }), few).outcome).toBe('inconclusive');
  });

  it('is left open while what exceeds a limit may be chance', () => {
    // 3 of 50 against 0 of 450: one in a thousand, which is not enough with all the looks to come.
    expect(only(errorRate, counters(50, { toolErrors: 3 }), counters(450), 2)).toMatchObject({
      outcome: 'inconclusive',
      message: expect.stringMatching(/exceeded, but that may be chance \(Fisher p = 0.00095\)/) as string,
    });
    expect(only(errorRate, counters(100, { toolErrors: 6 }), counters(900)).outcome).toBe('fail');
  });

  it('passes a difference too small to matter, however certain it is', () => {
    const judged = only(errorRate, counters(1_000_000, { toolErrors: 9_000 }), counters(1_000_000));
    expect(judged).toMatchObject({ outcome: 'pass', p: 0 });
  });

  it('tells protocol errors and tool errors apart', () => {
    const [target, stable] = [counters(400, { toolErrors: 40 }), counters(3_600)];
    expect(only({ ...errorRate, of: 'tool' }, target, stable)).toMatchObject({
      outcome: 'fail',
      message: expect.stringMatching(/^10 % of 400 calls ended in a tool error, /) as string,
    });
    expect(only({ ...errorRate, of: 'protocol' }, target, stable).outcome).toBe('pass');
  });
});

describe('the latency of a target', () => {
  const usual = (calls: number) => countersOf({ 100: calls * 0.5, 160: calls * 0.4, 250: calls * 0.1 });
  const doubled = (calls: number) => countersOf({ 200: calls * 0.5, 315: calls * 0.4, 500: calls * 0.1 });

  it('fails when it has doubled, with all numbers said', () => {
    expect(only(p95, doubled(200), usual(1_800))).toMatchObject({
      outcome: 'fail',
      message: 'p95 is 450 ms over 200 calls, stable 225 ms over 1,800; at most 1.5 × stable is exceeded (quantile test p < 0.0001)',
      target: 450,
      stable: 225,
    });
    expect(only(p95, usual(200), usual(1_800)).outcome).toBe('pass');
  });

  it('fails when only its slowest calls became slower', () => {
    const slowTail = countersOf({ 100: 100, 160: 80, 1000: 20 });
    expect(only(p95, slowTail, usual(1_800)).outcome).toBe('fail');
  });

  it('passes a difference within one bucket, where nobody knows how long a call took', () => {
    // By the straight line within the bucket p95 is 198 ms against 171 ms.
    const [target, stable] = [countersOf({ 160: 100, 200: 900 }), countersOf({ 160: 93_000, 200: 7_000 })];
    expect(only({ ...p95, versusStable: 1.1 }, target, stable)).toMatchObject({ outcome: 'pass', p: expect.closeTo(0, 10) as number });
  });

  it('passes a difference of milliseconds, though it is a multiple', () => {
    expect(only(p95, countersOf({ 4: 1_000 }), countersOf({ 1: 9_000 })).outcome).toBe('pass');
    expect(only(p95, countersOf({ 10: 1_000 }), countersOf({ 1: 9_000 })).outcome).toBe('fail');
  });

  it('is held to its absolute limit by the calls that certainly took longer', () => {
    const limited = { ...p95, maxMs: 400, versusStable: null };
    expect(only(limited, doubled(200), usual(1_800))).toMatchObject({
      outcome: 'fail',
      message: 'p95 is 450 ms over 200 calls, stable 225 ms over 1,800; at most 400 ms is exceeded (binomial p = 0.0027)',
    });
    // Calls between 400 and 500 ms may all have taken 420 ms.
    expect(only({ ...limited, maxMs: 420 }, doubled(200), usual(1_800)).outcome).toBe('inconclusive');
    expect(only({ ...limited, maxMs: 500 }, doubled(200), usual(1_800)).outcome).toBe('pass');
  });
});

describe('a value that somebody else measures', () => {
  const queue = {
    type: 'prometheus',
    name: 'queue',
    url: 'http://prometheus:9090',
    query: 'q',
    min: 1,
    max: 10,
    timeoutMs: 1_000,
  } as const;
  const said = (reading: Partial<MetricReading>): MetricReading => ({
    name: 'queue',
    at: 0,
    value: null,
    verdict: null,
    error: null,
    ...reading,
  });
  const of = (readings: MetricReading[], now = intervalMs): Judgement =>
    measure(analysis(queue), windowOf(noTraffic, noTraffic), readings, now).judgements[0]!;

  it.each<[string, Partial<MetricReading>, Judgement['outcome'], string]>([
    ['passes within its limits', { value: 10 }, 'pass', '10, at least 1, at most 10'],
    ['fails above', { value: 10.5 }, 'fail', '10.5, at most 10 is allowed'],
    ['fails below', { value: 0 }, 'fail', '0, at least 1 is needed'],
    ['is an error without a value', { error: 'connection refused' }, 'error', 'connection refused'],
    ['passes by a verdict', { value: 1, verdict: 'pass' }, 'pass', 'answered yes'],
    ['fails by a verdict, whatever its limits are', { value: 5, verdict: 'fail' }, 'fail', 'answered no'],
  ])('%s', (_name, reading, outcome, message) => {
    expect(of([said({ ...reading, name: 'other', value: 5 }), said(reading)])).toMatchObject({ outcome, message });
  });

  it('is an error before the first answer and once the last is older than three intervals', () => {
    expect(of([])).toMatchObject({ outcome: 'error', target: null });
    expect(of([said({ value: 5 })], 3 * intervalMs).outcome).toBe('pass');
    expect(of([said({ value: 5 })], 3 * intervalMs + 1)).toMatchObject({ outcome: 'error', message: 'the last answer is 30s old' });
  });
});

describe('a Measurement', () => {
  const metric = (name: string): AnalysisCheck => ({ type: 'http', name, url: 'http://a', min: null, max: 1, timeoutMs: 1_000 });
  const reading = (name: string, value: number | null): MetricReading => ({ name, at: 0, value, verdict: null, error: null });

  it('is as bad as the worst of its judgements: fail, error, inconclusive, pass', () => {
    const outcomeOf = (checks: AnalysisCheck[]): string =>
      measure(analysis(...checks), windowOf(noTraffic, noTraffic), [reading('good', 1), reading('bad', 2), reading('mute', null)], 0)
        .outcome;
    expect(outcomeOf([metric('good')])).toBe('pass');
    expect(outcomeOf([metric('good'), errorRate])).toBe('inconclusive');
    expect(outcomeOf([metric('good'), errorRate, metric('mute')])).toBe('error');
    expect(outcomeOf([errorRate, metric('mute'), metric('bad'), metric('good')])).toBe('fail');
    expect(outcomeOf([])).toBe('pass');
  });

  it('asks for more evidence the more often it has looked, and the more limits there are', () => {
    const [target, stable] = [counters(100, { toolErrors: 6 }), counters(900)];
    expect(only(errorRate, target, stable, 1).outcome).toBe('fail');
    expect(only(errorRate, target, stable, 100).outcome).toBe('inconclusive');
    const [twice, seldom] = [counters(200, { toolErrors: 12 }), counters(1_800)];
    expect(only(errorRate, twice, seldom, 100).outcome).toBe('fail');
    const limits = Array.from({ length: 20 }, (_, index) => ({ ...p95, name: `p95-${index}`, maxMs: 1_000 }));
    expect(look([errorRate, ...limits], target, stable).outcome).toBe('fail');
    expect(look([errorRate, ...limits], target, stable, 20).outcome).toBe('inconclusive');
    expect(look([errorRate], target, stable, 20).outcome).toBe('fail');
  });
});

describe('whatever the traffic', () => {
  const side = fc
    .tuple(fc.integer({ min: 0, max: 3_000 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([calls, errors, slow]) => ({ calls, errors: Math.floor(calls * errors ** 3), slow: Math.floor(calls * slow ** 2) }));
  type Side = typeof side extends fc.Arbitrary<infer T> ? T : never;
  const traffic = ({ calls, errors, slow }: Side): TrafficCounters => counters(calls, { toolErrors: errors, slow });
  const number = fc.integer({ min: 1, max: 50 });

  it('one more error of the target never turns a failure into anything else', () => {
    fc.assert(
      fc.property(side, side, number, (target, stable, at) => {
        fc.pre(only(errorRate, traffic(target), traffic(stable), at).outcome === 'fail');
        const worse = { ...target, calls: target.calls + 1, errors: target.errors + 1 };
        expect(only(errorRate, traffic(worse), traffic(stable), at).outcome).toBe('fail');
      }),
    );
  });

  it('one more good call of stable never turns a failure into a pass', () => {
    fc.assert(
      fc.property(side, side, number, (target, stable, at) => {
        fc.pre(only(errorRate, traffic(target), traffic(stable), at).outcome === 'fail');
        expect(only(errorRate, traffic(target), traffic({ ...stable, calls: stable.calls + 1 }), at).outcome).toBe('fail');
      }),
    );
  });

  it('a target with the same shares as stable is never failed by comparison', () => {
    fc.assert(
      fc.property(side, fc.integer({ min: 1, max: 20 }), number, (target, factor, at) => {
        const stable = { calls: target.calls * factor, errors: target.errors * factor, slow: target.slow * factor };
        const checks = [
          { ...errorRate, max: null, versusStable: 1 },
          { ...p95, versusStable: 1 },
        ];
        expect(look(checks, traffic(target), traffic(stable), at).outcome).not.toBe('fail');
      }),
    );
  });

  it('every p-value is one, and everything is said within a line', () => {
    fc.assert(
      fc.property(side, side, number, (target, stable, at) => {
        for (const { p, message } of look([errorRate, { ...p95, maxMs: 100 }], traffic(target), traffic(stable), at).judgements) {
          expect(p === null || (p >= 0 && p <= 1)).toBe(true);
          expect(message).toMatch(/^[^\n]{10,250}$/);
          expect(message).not.toMatch(/NaN|Infinity|undefined|null/);
        }
      }),
    );
  });
});
