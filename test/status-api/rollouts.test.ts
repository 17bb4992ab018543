/** A Rollout as the API tells it: made of a Record and what the Host saw, row by row. */
import { describe, expect, test } from 'vitest';
import type { Rollout } from '../../src/model/rollout.ts';
import { endedRollouts, runningRollout } from '../../src/status-api/rollouts.ts';
import { revisionResources, rolloutResources, serviceResource } from '../../src/status-api/resources.ts';
import { review, rolloutViews, weatherTarget } from '../fixtures/rollout-views.ts';
import { startAt } from '../fixtures/service-views.ts';

type Name = keyof typeof rolloutViews;
const told = (name: Name, more: Partial<Rollout> = {}) => {
  const view = rolloutViews[name];
  return runningRollout({ ...view, record: { ...view.record, rollout: { ...view.record.rollout!, ...more } } })!;
};
const at = (afterMs: number): string => new Date(startAt + afterMs).toISOString();

describe('steps', () => {
  test('of a canary in the words of the manifest, the one under way and when time ends it', () => {
    expect(told('canary')).toMatchObject({
      steps: ['setReplicas 1', 'setWeight 10', 'pause 1m', 'setWeight 50', 'analysis 2m'],
      step: 2,
      stepStartedAt: at(42_000),
      stepEndsAt: at(102_000),
    });
  });

  test.each([
    ['somebody paused it', 'canaryPaused', {}],
    ['it waits for data', 'canary', { waitsOn: 'data' as const }],
    ['a weight is being set', 'canary', { step: 1, waitsOn: 'gateway' as const }],
    ['all steps are done', 'canary', { step: 5 }],
    ['they have not begun', 'canary', { phase: 'Proving' as const }],
  ] satisfies [string, Name, Partial<Rollout>][])('have no end that time brings while %s', (_words, name, more) => {
    expect(told(name, more).stepEndsAt).toBeNull();
  });

  test.each(['rolling', 'blueGreen', 'inPlace'] as const)('are none of %s', (name) => expect(told(name).steps).toEqual([]));

  test.each(['first', 'return', 'fallback', 'exclusive'] as const)('are none of a canary that is direct: %s', (direct) => {
    expect(told('canary', { direct })).toMatchObject({ strategy: 'canary', direct, steps: [] });
  });
});

test('as resources each was created when it began, not when its service was', () => {
  const { takenBack } = rolloutViews;
  const [last] = rolloutResources({ ...takenBack, record: { ...takenBack.record, createdAt: startAt - 3_600_000 } });
  expect([last!.metadata.createdAt, last!.status.startedAt]).toEqual([at(0), at(0)]);
});

describe('the deadline', () => {
  test('is moved on by the time it waited for somebody', () => {
    expect(told('inPlace', { waitedMs: 5_000 }).deadline).toBe(at(600_000 + 5_000));
  });

  test('is none of a first deployment, which is tried until it comes up', () => {
    expect(told('inPlace', { stable: null, direct: 'first' }).deadline).toBeNull();
  });

  test('is none while it waits for somebody', () => {
    expect(told('canary').deadline).toBeNull();
  });
});

describe('weights and calls', () => {
  test('are those of the route and of the window of the analysis', () => {
    expect(told('canary')).toMatchObject({
      weights: { stable: 90, target: 10 },
      topWeight: 10,
      traffic: { since: at(12_000), stable: { calls: 3_800, errors: 11 }, target: { calls: 412, errors: 21 } },
    });
  });

  test('are those since the host started where nothing is analysed', () => {
    expect(told('rolling').traffic).toMatchObject({ since: null, stable: { calls: 42, errors: 1 }, target: { calls: 12, errors: 0 } });
  });

  test('a revision that nobody called has no p95', () => {
    const { record } = rolloutViews.rolling;
    expect(runningRollout({ ...rolloutViews.rolling, record, observation: null })!.traffic!.target).toEqual({
      calls: 0,
      errors: 0,
      p95Ms: null,
    });
  });
});

describe('the analysis', () => {
  test('says how many failed measurements there were, are put up with, and when the next is due', () => {
    expect(told('canary').analysis).toEqual({ startedAt: at(12_000), failures: 1, failureLimit: 1, nextAt: at(66_000) });
  });

  test('shows the latest five measurements, newest first', () => {
    const { analysis } = rolloutViews.canary.record.rollout!;
    const measurements = Array.from({ length: 8 }, (_, index) => ({ ...analysis!.measurements[0]!, at: startAt - index }));
    expect(told('canary', { analysis: { ...analysis!, measurements } }).measurements.map((one) => one.at)).toEqual(
      [0, -1, -2, -3, -4].map(at),
    );
  });
});

test.each([
  [null, null],
  ['full', 'full'],
  [{ step: 2 }, 'step'],
  [{ step: 1 }, null],
] as const)('a promotion %j of step 2 is told as %s: one of an earlier step is over', (promoted, words) => {
  expect(told('canary', { promoted }).promoted).toBe(words);
});

test('one that is over keeps what its verdict knows: contract, the deciding measurement, the largest share of calls', () => {
  expect(endedRollouts(rolloutViews.takenBack)[0]).toMatchObject({
    strategy: 'canary',
    direct: null,
    phase: 'RolledBack',
    running: false,
    topWeight: 10,
    weights: null,
    waitsFor: '',
    contract: review,
    measurements: [{ at: at(56_000), outcome: 'fail' }],
  });
});

test('drift, what it hides, and what is kept for a return are told of the service', () => {
  expect(serviceResource(rolloutViews.drifted, 0).status).toMatchObject({ drift: { class: 'breaking' }, quarantine: ['forecast'] });
  const kept = revisionResources(rolloutViews.kept).find(({ status }) => status.hash === weatherTarget.hash);
  expect(kept?.status).toMatchObject({ role: 'promoted', keptUntil: at(90_000) });
});
