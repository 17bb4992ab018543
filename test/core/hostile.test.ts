/** Mixtures that break rollouts elsewhere: two features at once, a person at the wrong moment, time and hosts that jump. */
import { describe, expect, it as situation } from 'vitest';
import { adopt } from '../../src/core/adopt.ts';
import type { CheckResult } from '../../src/model/observation.ts';
import type { CanaryStep } from '../../src/model/service.ts';
import { migrationOf, type MigrationParts } from '../fixtures/migration.ts';
import { revision, service, serving, Situation } from './situation.ts';

const [v1, v2, v3] = [revision('v1'), revision('v2'), revision('v3')];
const minute = 60_000;

function update(version: string, parts: MigrationParts, more: Parameters<typeof service>[1] = {}) {
  return service(version, { migration: migrationOf(parts), ...more });
}

function of(it: Situation, hash: string, duty = 'serve'): number {
  return it.record!.instances.filter((instance) => instance.revision === hash && instance.duty === duty).length;
}

function alive(outcome: 'pass' | 'fail'): CheckResult {
  const counts = { passesInARow: outcome === 'pass' ? 1 : 0, failsInARow: outcome === 'fail' ? 3 : 0, errorsInARow: 0 };
  return { name: 'alive', type: 'basic', outcome, message: 'no answer', at: 1, latencyMs: 1, ...counts };
}

const steps: CanaryStep[] = [
  { type: 'setWeight', weight: 10 },
  { type: 'pause', durationMs: minute },
  { type: 'setWeight', weight: 50 },
  { type: 'pause', durationMs: null },
];
const canary: MigrationParts = { strategy: 'canary', canary: { steps } };
const preview: MigrationParts = { strategy: 'blue-green', blueGreen: { autoPromote: false, prePromotion: ['alive'] } };

/** v2 goes in beside a v1 that serves, all its Instances proven. */
function moving(parts: MigrationParts, more: Parameters<typeof service>[1] = {}): Situation {
  return serving(more)
    .declare(update('v2', parts, more))
    .settle()
    .connect()
    .settle();
}

function told(it: Situation, reason: string): string[] {
  return it.events.filter((event) => event.reason === reason).map(({ message }) => message);
}

describe('rolling', () => {
  situation('the last instance that takes over starts none of stable again, and the service is ready throughout', () => {
    const it = moving({ strategy: 'rolling' }, { replicas: 3 });
    for (let round = 0; round < 3; round++) it.connect().settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
    expect(it.events.filter(({ reason, revision: name }) => reason === 'InstanceStarted' && name === v1.name)).toHaveLength(3);
    expect(told(it, 'HealthChanged')).toEqual(['UNKNOWN → HEALTHY']);
  });

  situation('what its group has let go on is not held again halfway', () => {
    const it = serving({ replicas: 3 });
    it.group = [{ service: 'b', stands: 'ready', snapshot: 's' }];
    it.declare(update('v2', { strategy: 'rolling', releaseTogether: 'g' }, { replicas: 3 }))
      .settle()
      .connect()
      .settle();
    it.group = [{ service: 'b', stands: 'moving', snapshot: 's' }];
    it.connect().settle().connect().settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
  });
});

describe('blue-green', () => {
  situation('whose preview fails where nothing may be taken back stays on preview and waits for a person', () => {
    const it = moving({ ...preview, rollback: { automatic: false } });
    it.preview = { revision: v2.hash, checks: [alive('fail')] };
    it.settle();
    expect(it.record!.rollout).toMatchObject({ phase: 'Previewing', waitsOn: 'person' });
    expect(it.last!.plan!.route!.preview).toBe(v2.hash);
    expect(told(it, 'PreviewReady')).toHaveLength(1);
  });

  situation('paused on its preview stays on it', () => {
    const it = moving(preview).command('pause-rollout').settle();
    expect(it.record!.rollout).toMatchObject({ phase: 'Previewing', waitsOn: 'person' });
    expect(it.last!.plan!.route!.preview).toBe(v2.hash);
    it.preview = { revision: v2.hash, checks: [alive('pass')] };
    it.command('resume-rollout').settle().command('promote').settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
    expect(told(it, 'PreviewReady')).toHaveLength(1);
  });

  situation('what turned out unhealthy after its promotion is not kept for a return', () => {
    const parts: MigrationParts = {
      strategy: 'blue-green',
      rollback: { ifUnhealthyWithinMs: 10 * minute },
      blueGreen: { keepOldForMs: minute },
    };
    const it = serving({ migration: migrationOf(parts) })
      .declare(update('v2', parts))
      .settle()
      .connect()
      .settle();
    expect(it.record!.kept!.revision.hash).toBe(v1.hash);
    it.end(v2, 'Exited').later(1_000).settle().connect(v2).end(v2, 'Exited').settle().connect(v1).settle();
    expect(it.record!.stable!.hash).toBe(v1.hash);
    expect(it.record!.kept).toBeNull();
  });
});

describe('a person', () => {
  situation('who promotes what somebody paused is told that it is paused', () => {
    const it = moving(canary).command('pause-rollout').settle().command('promote').settle();
    expect(it.record!.rollout!.promoted).toBeNull();
    expect(told(it, 'CommandIgnored')[0]).toContain('paused');
  });

  situation('who promotes cannot go past what the gateway has not confirmed', () => {
    const it = serving().declare(update('v2', canary)).settle();
    it.connect().command('promote');
    expect(it.record!.rollout!.promoted).toBeNull();
  });

  situation('who says promote --full and then promote has said --full', () => {
    const it = moving({ ...canary, canary: { steps: [{ type: 'setReplicas', replicas: 1 }, ...steps] } }, { replicas: 2 });
    it.command('promote-full').command('promote').settle();
    expect(it.record!.rollout!.promoted).toBe('full');
  });

  situation('who pauses in the moment in which a rollout begins has paused it, also where its target is up already', () => {
    const it = serving()
      .declare(update('v2', { strategy: 'blue-green' }))
      .settle()
      .connect()
      .settle();
    expect(it.record!.kept!.revision.hash).toBe(v1.hash);
    it.declaration = { kind: 'declared', service: service('v1') };
    it.command('pause-rollout').settle();
    expect([told(it, 'RolloutPaused').length, it.record!.rollout!.paused?.actor, it.route]).toEqual([1, 'uid:1000', { [v2.hash]: 100 }]);
    expect(it.command('resume-rollout').settle().record!.stable!.hash).toBe(v1.hash);
  });

  situation.each(['abort', 'promote-full', 'resume-rollout'] as const)('who says %s in that moment has said nothing of it', (kind) => {
    const it = serving();
    it.declaration = { kind: 'declared', service: update('v2', canary) };
    it.command(kind).settle();
    expect([it.record!.rollout!.promoted, told(it, 'CommandIgnored').length]).toEqual([null, 1]);
  });

  situation('who pauses what does not come is told so', () => {
    const it = serving()
      .command('pause-rollout')
      .declare(service('v1', { state: 'Inactive' }))
      .command('pause-rollout')
      .settle();
    expect(told(it, 'CommandIgnored')).toEqual(Array(2).fill('pause-rollout: no rollout was under way.'));
  });

  situation('who resumes what was never paused is told so', () => {
    const it = moving(canary).command('resume-rollout').settle();
    expect(told(it, 'RolloutResumed')).toEqual([]);
    expect(told(it, 'CommandIgnored')[0]).toContain('not paused');
  });

  situation('cannot resume what has failed and may not be taken back: only abort ends it', () => {
    const analysis = { ...migrationOf().canary.analysis, failureLimit: 0 };
    const it = moving({ strategy: 'canary', rollback: { automatic: false }, canary: { steps, analysis } });
    it.calls(v1, 900, 0).calls(v2, 200, 60).later(10_000).settle();
    expect(it.record!.rollout!.waitsFor).toContain('rollout abort');
    it.command('resume-rollout').command('promote').settle();
    expect(it.record!.rollout!.promoted).toBeNull();
    expect(told(it, 'CommandIgnored')).toHaveLength(2);
    expect(it.command('abort').settle().verdicts()[0]).toBe('Aborted/Aborted');
  });
});

describe('rollback.automatic: false', () => {
  const manual: MigrationParts = { rollback: { automatic: false } };

  situation.each([
    ['in-place', {}],
    ['rolling', {}],
    ['canary', {}],
    ['in-place', { exclusive: true }],
  ] as const)('a target that does not start, %s %o: says that a person is needed, and abort ends it', (strategy, more) => {
    const [from, to] = [revision('v1', 'exclusive' in more), revision('v2', 'exclusive' in more)];
    const it = serving(more)
      .declare(update('v2', { ...manual, strategy }, more))
      .settle()
      .end(to, 'CommandNotFound')
      .settle();
    expect(it.record!.rollout).not.toBeNull();
    expect(it.condition('Stalled')).toBe('True/CommandNotFound');
    it.command('abort').settle().connect(from).settle();
    expect(it.record!.stable!.hash).toBe(from.hash);
    expect(it.condition('Ready')).toBe('True/StableServes');
  });
});

describe('an analysis that goes on failing where nothing is taken back by itself', () => {
  situation('is told once, not at every interval', () => {
    const analysis = { ...migrationOf().canary.analysis, failureLimit: 0 };
    const it = moving({
      strategy: 'canary',
      rollback: { automatic: false },
      canary: { steps, analysis },
    });
    for (let calls = 1; calls <= 5; calls += 1)
      it.calls(v1, 900 * calls, 0)
        .calls(v2, 200 * calls, 60 * calls)
        .later(10_000)
        .settle();
    expect(it.record!.rollout!.analysis!.failures).toBeGreaterThan(3);
    expect(told(it, 'AnalysisMeasured').filter((message) => message.startsWith('fail'))).toHaveLength(1);
  });
});

describe('a fallback', () => {
  const parts: MigrationParts = { rollback: { ifUnhealthyWithinMs: 10 * minute } };
  const unhealthy = (): Situation => moving(parts).end(v2, 'Exited').later(1_000).settle().connect(v2).end(v2, 'Exited').settle();

  situation('superseded by a fix that fails is taken up again: nobody stays on what is known to be bad', () => {
    const it = unhealthy().declare(update('v3', parts)).settle().end(v3, 'CommandNotFound').settle();
    expect(it.record!.rollout).toMatchObject({ direct: 'fallback', target: v1.hash });
    it.connect(v1).settle();
    expect(it.record!.stable!.hash).toBe(v1.hash);
    expect(it.condition('Synced')).toBe('False/Rejected');
  });

  situation('that fails leaves stable serving, and says so in words that hold', () => {
    const it = unhealthy().end(v1, 'CommandNotFound').later(10_000).settle().connect(v2).settle();
    expect(it.record!.rollout).toBeNull();
    expect(it.record!.stable!.hash).toBe(v2.hash);
    const { message } = it.record!.conditions.find(({ type }) => type === 'Synced')!;
    expect(message).not.toContain('was taken back');
  });
});

describe('a group', () => {
  situation.each([false, true])('that is taken back after promotion takes each member back, exclusive: %s', (exclusive) => {
    const [from, to] = [revision('v1', exclusive), revision('v2', exclusive)];
    const it = serving({ exclusive });
    it.group = [{ service: 'b', stands: 'ready', snapshot: 's' }];
    it.declare(update('v2', { releaseTogether: 'g' }, { exclusive }))
      .settle()
      .connect(to)
      .settle();
    expect(it.record!.stable!.hash).toBe(to.hash);
    it.group = [{ service: 'b', stands: 'rejected', snapshot: 's' }];
    it.settle().connect(from).settle();
    expect(it.record!.stable!.hash).toBe(from.hash);
  });
});

describe('drift', () => {
  situation('approved while one of two instances still offers what was promoted is told as it is, once', () => {
    const before = { add: ['a'] };
    const it = new Situation()
      .declare(service('v1', { replicas: 2 }))
      .settle()
      .offer(v1, before)
      .connect()
      .settle();
    it.offerOne(v1, 1, { add: ['a', 'b'] }).settle();
    expect(it.condition('Drifted')).toBe('True/ContractChanged');
    const approved = it.record!.drift!.to.slice(0, 12);
    it.declare(update('v1', { contract: { approved } }, { replicas: 2 })).settle();
    expect(it.condition('Drifted')).toBe('True/ContractChanged');
    expect(
      it
        .offer(v1, { add: ['a', 'b'] })
        .settle()
        .condition('Drifted'),
    ).toBe('False/AsPromoted');
  });
});

describe('time', () => {
  situation('nobody looked while a target became ready: it is not taken back for a deadline that passed meanwhile', () => {
    const it = serving().declare(service('v2'));
    it.now += 120 * minute;
    it.connect(v2).settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
  });

  situation('a clock set back by an hour does not make a pause of a minute last one', () => {
    const it = moving(canary);
    it.later(-60 * minute)
      .settle()
      .later(minute)
      .settle();
    expect(it.route).toEqual({ [v1.hash]: 50, [v2.hash]: 50 });
  });
});

describe('shadow', () => {
  situation('of a target that is tried again is judged by its own calls, not by those of the time before', () => {
    const shadow: CanaryStep = { type: 'shadow', forMs: minute, tools: ['*'], percent: 100, maxDifferent: 0.1 };
    const it = moving({ strategy: 'canary', canary: { steps: [shadow] } });
    it.shadow = { revision: v2.hash, calls: 100, same: 50, different: 50, failed: 0, skipped: 0, examples: [] };
    it.later(1).settle();
    expect(it.verdicts()[0]).toBe('RolledBack/ShadowDiffers');
    it.command('retry').settle();
    expect(it.record!.rollout!.phase).toBe('Proving');
  });
});

describe('the contract gate', () => {
  situation('waits for no contract that nobody can tell where the manifest blocks nothing', () => {
    const before = { add: ['a'] };
    const it = new Situation().declare(service('v1')).settle().offer(v1, before).connect().settle();
    it.contracts = {};
    it.declare(update('v2', { contract: { breaking: 'allow', descriptions: 'warn' } }))
      .settle()
      .connect()
      .settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
  });
});

describe('what changes in the middle of a rollout', () => {
  situation('the name: the rollout goes on under the new one', () => {
    const it = moving(canary);
    it.record = adopt(it.record!, 'docs', null);
    it.declare(update('v2', canary, { name: 'docs', formerly: 'files' })).settle();
    expect(it.record).toMatchObject({ service: 'docs', rollout: { step: 1, phase: 'Stepping' } });
    it.command('promote').settle().command('promote').settle();
    expect(it.record.stable!.hash).toBe(v2.hash);
    expect(it.running).toHaveLength(1);
  });

  situation('the strategy, while it is paused: it stays paused, at the beginning, without a call', () => {
    const it = moving(canary).command('pause-rollout').settle();
    it.declare(update('v2', preview)).settle();
    expect(it.record!.rollout).toMatchObject({ strategy: 'blue-green', phase: 'Proving', step: 0, waitsOn: 'person' });
    expect(it.route).toEqual({ [v1.hash]: 100 });
    it.command('resume-rollout').settle();
    expect(it.record!.rollout!.phase).toBe('Previewing');
  });

  situation('suspend: it goes on to where it was going, and nothing newer begins', () => {
    const it = moving(canary).command('suspend').declare(update('v3', canary)).settle();
    it.command('promote').settle().command('promote').settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
    expect(it.settle().record!.rolloutCount).toBe(2);
  });

  situation('the manifest goes while stable-before is kept: everything leaves', () => {
    const parts: MigrationParts = { strategy: 'blue-green', blueGreen: { keepOldForMs: 10 * minute } };
    const it = moving(parts).declare(update('v3', parts)).settle();
    expect([of(it, v1.hash), of(it, v2.hash), of(it, v3.hash)]).toEqual([1, 1, 1]);
    it.declaration = { kind: 'absent' };
    for (let passes = 0; passes < 8 && it.last?.archive !== true; passes++) it.pass();
    expect(it.last!.archive).toBe(true);
    expect(it.record!.kept).toBeNull();
  });
});

describe('a stable revision that is broken', () => {
  situation.each(['in-place', 'rolling', 'blue-green', 'canary'] as const)('holds up no fix that goes in by %s', (strategy) => {
    const it = serving({ replicas: 2 });
    it.end(v1, 'Exited').later(1_000).settle().end(v1, 'Exited').settle();
    it.declare(update('v2', { strategy, canary: { steps } }, { replicas: 2 })).settle();
    for (let round = 0; round < 8 && it.record!.rollout !== null; round++) {
      it.connect(v2).settle().end(v1, 'Exited').later(minute).settle();
      if (it.record!.rollout?.waitsOn === 'person') it.command('promote').settle();
    }
    expect(it.record!.stable!.hash).toBe(v2.hash);
    expect(of(it, v2.hash)).toBe(2);
  });
});

describe('the first steps', () => {
  situation.each([0, 100])('of %i %% are confirmed and gone past', (weight) => {
    const it = moving({
      strategy: 'canary',
      canary: {
        steps: [
          { type: 'setWeight', weight },
          { type: 'pause', durationMs: null },
          { type: 'setWeight', weight },
        ],
      },
    });
    expect(it.record!.rollout).toMatchObject({ step: 1, waitsOn: 'person' });
    expect(it.route![v2.hash] ?? 0).toBe(weight);
    expect(it.command('promote').settle().record!.stable!.hash).toBe(v2.hash);
  });
});

describe('a target that stops answering after it was proven', () => {
  situation('is not given all calls by an analysis without calls while its last check broke', () => {
    const steps: CanaryStep[] = [
      { type: 'setWeight', weight: 10 },
      { type: 'analysis', forMs: 60_000 },
    ];
    const world = serving()
      .declare(service('v2', { migration: migrationOf({ strategy: 'canary', canary: { steps } }) }))
      .settle();
    world.connect().settle();
    world.later(60_000).settle().connect(revision('v2'), 'error', 1);
    world.later(60_000).settle();
    expect(world.record!.rollout).toMatchObject({ phase: 'Stepping', waitsFor: 'the target to pass its checks again' });
    world.connect(revision('v2')).settle();
    expect(world.verdicts()[0]).toBe('Promoted/TargetServes');
  });

  situation('is not promoted from its preview by a person while its last check broke', () => {
    const blueGreen = { autoPromote: false, prePromotion: [], keepOldForMs: 0 };
    const world = serving()
      .declare(service('v2', { migration: migrationOf({ strategy: 'blue-green', blueGreen }) }))
      .settle();
    world.connect().settle().connect(revision('v2'), 'error', 1).command('promote').settle();
    expect(world.record!.rollout).toMatchObject({ phase: 'Previewing', waitsFor: 'the target to pass its checks again' });
  });
});

situation('a pause while the target starts is no part of the deadline', () => {
  const world = serving()
    .declare(service('v2', { migration: migrationOf({ progressDeadlineMs: 30_000 }) }))
    .settle();
  world.command('pause-rollout').settle().later(60_000).settle();
  expect(world.record!.rollout).not.toBeNull();
  world.command('resume-rollout').settle().connect().settle();
  expect(world.verdicts()[0]).toBe('Promoted/TargetServes');
});
