/** What `plan` says of a Rollout before it begins: the course of each strategy, in order and in words. */
import { expect, it } from 'vitest';
import { courseOf } from '../../src/core/course.ts';
import { decide } from '../../src/core/decide.ts';
import type { Rollout } from '../../src/model/rollout.ts';
import type { Service } from '../../src/model/service.ts';
import { revision, service, serving } from './situation.ts';
import { migrationOf, type MigrationParts } from '../fixtures/migration.ts';

const stable = revision('v1');
const target = revision('v2').name;

/** The course of the Rollout that the heart begins from v1 to this version of `files`. */
function course(parts: MigrationParts, more: Partial<Service> & { exclusive?: boolean } = {}, version = 'v2'): readonly string[] {
  const wanted = service(version, { migration: migrationOf(parts), ...more });
  const rollout = begun(wanted);
  return courseOf(wanted, rollout, stable);
}

function begun(wanted: Service): Rollout {
  const now = serving();
  const desired = {
    service: 'files',
    dependencies: {},
    group: [],
    contracts: {},
    commands: [],
    driftPolicy: 'correct' as const,
    files: null,
  };
  return decide({ ...desired, declaration: { kind: 'declared', service: wanted } }, now.record, now.observation(), now.now).record!
    .rollout!;
}

const gone = `stop ${stable.name} once its sessions have ended, after 30s at the latest`;
const gate = 'compare contracts (breaking: block, descriptions: warn)';

it('of in-place: beside stable, then all at once', () => {
  expect(course({ strategy: 'in-place' }, { replicas: 2 })).toEqual([
    `start 2 instances of ${target} beside ${stable.name} and make their start checks`,
    gate,
    `all calls to ${target}`,
    gone,
  ]);
});

it('of a locked service: with what it has to offer', () => {
  const lock = { contract: 'a1'.repeat(32) };
  const own = 'its contract must be the locked one, a1a1a1a1a1a1';
  expect(course({}, { lock })).toContain(`${own}, or that of ${stable.name}`);
  expect(course({}, { lock, exclusive: true })).toContain(`${own}, or that of ${stable.name}`);
  const first = service('v2', { lock });
  expect(courseOf(first, { ...begun(first), direct: 'first', stable: null }, null)).toContain(own);
});

it('of rolling: a few at a time', () => {
  const rolling = { maxSurge: { share: 0.25 }, maxUnavailable: { count: 0 } };
  expect(course({ strategy: 'rolling', rolling }, { replicas: 4 })).toEqual([
    `start 1 instance of ${target} beside ${stable.name} and make its start checks`,
    gate,
    'replace 4 instances: up to 25 % more than 4 at a time, up to 0 fewer ready',
    `all calls to ${target}`,
    gone,
  ]);
});

it('of blue-green: previewed, switched by a person, stable kept', () => {
  const blueGreen = { autoPromote: false, prePromotion: ['sum', 'alive'], keepOldForMs: 600_000 };
  expect(course({ strategy: 'blue-green', blueGreen })).toEqual([
    `start 1 instance of ${target} beside ${stable.name} and make its start checks`,
    gate,
    `show ${target} on the preview route, and pass there: sum, alive`,
    'wait until somebody says `rollout promote`',
    `all calls to ${target}`,
    `keep ${stable.name} running for 10m, for an instant return`,
    gone,
  ]);
});

it('of canary: every step of it', () => {
  const steps = [
    { type: 'setReplicas', replicas: 1 },
    { type: 'shadow', forMs: 300_000, tools: ['get_*'], percent: 20, maxDifferent: null },
    { type: 'setWeight', weight: 10 },
    { type: 'analysis', forMs: 60_000 },
    { type: 'pause', durationMs: 90_000 },
    { type: 'setReplicas', replicas: 3 },
    { type: 'pause', durationMs: null },
  ] as const;
  const parts: MigrationParts = { strategy: 'canary', canary: { steps }, rollback: { ifUnhealthyWithinMs: 600_000 } };
  expect(course(parts, { replicas: 4 })).toEqual([
    `start 1 instance of ${target} beside ${stable.name} and make its start checks`,
    gate,
    'mirror 20 % of calls to get_* for 5m and compare the answers',
    `10 % of sessions to ${target}`,
    'analysis 1m: errorRate, p95, every 10s',
    'pause 1m30s',
    `3 instances of ${target}`,
    'wait until somebody says `rollout promote`',
    `all calls to ${target}`,
    gone,
    `back to ${stable.name} if it turns unhealthy within 10m`,
  ]);
  expect(course({ strategy: 'canary' }, { affinity: 'none' })).toContain(`10 % of calls to ${target}`);
});

it.each([
  ['in-place', `all calls to ${target}`],
  ['rolling', 'replace 1 instance: up to 1 more than 1 at a time, up to 0 fewer ready'],
] as const)('of a group: nobody moves calls before the others can (%s)', (strategy, first) => {
  const steps = course({ strategy, releaseTogether: 'suite' });
  expect(steps[steps.indexOf(first) - 1]).toBe('wait for the other services of the group suite');
});

it('of two that cannot live side by side: one after the other, whatever the strategy says', () => {
  const steps = course({ strategy: 'canary' }, { exclusive: true });
  const exclusive = revision('v2', true).name;
  expect(steps).toEqual([
    `stop ${stable.name}: calls wait in the gateway meanwhile`,
    `start 1 instance of ${exclusive} and make its start checks`,
    `all calls to ${exclusive}`,
  ]);
});

it('of a return: no steps, no analysis, no gate', () => {
  const now = serving();
  const second = service('v2', { migration: migrationOf({ strategy: 'canary' }) });
  const back: Rollout = { ...begun(second), direct: 'return' };
  expect(courseOf(second, back, now.record!.stable)).toEqual([
    `start 1 instance of ${target} beside ${stable.name} and make its start checks`,
    `all calls to ${target}: it was promoted before, so there are no steps, no analysis and no gate`,
    gone,
  ]);
});

it('of a first deployment: there is nothing to go back to', () => {
  const first: Rollout = { ...begun(service('v2')), direct: 'first', stable: null };
  expect(courseOf(service('v2'), first, null)).toEqual([
    `start 1 instance of ${target} and make its start checks: calls wait in the gateway meanwhile`,
    `all calls to ${target}`,
  ]);
});
