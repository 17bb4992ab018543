/** Rollouts of each strategy, step by step, as the heart alone decides them. */
import { describe, expect, it as situation } from 'vitest';
import type { CanaryStep } from '../../src/model/service.ts';
import { migrationOf, type MigrationParts } from '../fixtures/migration.ts';
import { revision, service, serving, Situation } from './situation.ts';

const [v1, v2, v3] = [revision('v1'), revision('v2'), revision('v3')];
const minute = 60_000;

function update(version: string, parts: MigrationParts, more: Parameters<typeof service>[1] = {}) {
  return service(version, { migration: migrationOf(parts), ...more });
}

function weights(it: Situation): [stable: number, target: number] {
  return [it.route?.[v1.hash] ?? 0, it.route?.[v2.hash] ?? 0];
}

function of(it: Situation, hash: string, duty = 'serve'): number {
  return it.record!.instances.filter((instance) => instance.revision === hash && instance.duty === duty).length;
}

const steps: CanaryStep[] = [
  { type: 'setWeight', weight: 10 },
  { type: 'pause', durationMs: minute },
  { type: 'setWeight', weight: 50 },
  { type: 'pause', durationMs: null },
];

function canaryAt(parts: MigrationParts = {}): Situation {
  return serving()
    .declare(update('v2', { strategy: 'canary', canary: { steps }, ...parts }))
    .settle()
    .connect()
    .settle();
}

describe('canary', () => {
  situation('gets no call before it is proven, then its first share', () => {
    const it = serving()
      .declare(update('v2', { strategy: 'canary', canary: { steps } }))
      .settle();
    expect(weights(it)).toEqual([100, 0]);
    expect(weights(it.connect().settle())).toEqual([90, 10]);
  });

  situation('a timed pause lasts its full time from the moment that its step began', () => {
    const it = canaryAt();
    it.later(minute - 1).settle();
    expect(weights(it)).toEqual([90, 10]);
    expect(it.last!.wakeAt).toBe(it.now + 1);
    expect(weights(it.later(1).settle())).toEqual([50, 50]);
  });

  situation('an indefinite pause waits for promote and is no part of the deadline', () => {
    const it = canaryAt()
      .later(minute)
      .settle()
      .later(100 * minute)
      .settle();
    expect(weights(it)).toEqual([50, 50]);
    expect(it.condition('Stalled')).toBe('True/WaitsForPerson');
    it.command('promote').settle();
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
    expect(it.record!.stable!.hash).toBe(v2.hash);
  });

  situation('promote --full skips what is left', () => {
    const it = canaryAt().command('promote-full').settle();
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
  });

  situation('pause keeps the share, resume goes on', () => {
    const it = canaryAt()
      .command('pause-rollout')
      .settle()
      .later(10 * minute)
      .settle();
    expect(weights(it)).toEqual([90, 10]);
    expect(weights(it.command('resume-rollout').settle())).toEqual([50, 50]);
  });

  situation('loses its share with its last instance and gets it back with the next', () => {
    const it = canaryAt().end(v2, 'Exited').settle();
    expect(weights(it)).toEqual([100, 0]);
    expect(weights(it.later(1_000).settle().connect().settle())).toEqual([90, 10]);
  });

  situation('more failed measurements than the limit take it back, with the numbers', () => {
    const it = canaryAt({ canary: { steps, analysis: { ...migrationOf().canary.analysis, failureLimit: 0 } } });
    it.calls(v1, 900, 0).calls(v2, 200, 60).later(10_000).settle();
    expect(it.verdicts()[0]).toBe('RolledBack/AnalysisFailed');
    expect(it.record!.verdicts[0]).toMatchObject({ weight: 10, measurement: { outcome: 'fail', calls: { stable: 900, target: 200 } } });
    expect(weights(it)).toEqual([100, 0]);
    expect(it.condition('Synced')).toBe('False/Rejected');
  });

  situation('an analysis step without calls holds for as long again, then the functional checks have decided', () => {
    const analysed: CanaryStep[] = [
      { type: 'setWeight', weight: 10 },
      { type: 'analysis', forMs: minute },
    ];
    const it = canaryAt({ canary: { steps: analysed } });
    for (let passed = 0; passed < 110_000; passed += 10_000) it.later(10_000).settle();
    expect(weights(it)).toEqual([90, 10]);
    expect(it.record!.rollout!.waitsOn).toBe('data');
    it.later(10_000).settle();
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
  });

  situation('changed steps begin anew, changed replicas do not', () => {
    const it = canaryAt().later(minute).settle();
    expect(weights(it)).toEqual([50, 50]);
    it.declare(update('v2', { strategy: 'canary', canary: { steps } }, { replicas: 2 })).settle();
    expect(it.record!.rollout!.step).toBe(3);
    const others: CanaryStep[] = [
      { type: 'setWeight', weight: 5 },
      { type: 'pause', durationMs: null },
    ];
    it.declare(update('v2', { strategy: 'canary', canary: { steps: others } }, { replicas: 2 })).settle();
    expect(weights(it)).toEqual([100, 0]);
    it.connect().settle();
    expect(weights(it)).toEqual([95, 5]);
    expect(it.record!.rolloutCount).toBe(2);
  });

  situation('setReplicas gives the target fewer instances until the steps are over', () => {
    const few: CanaryStep[] = [
      { type: 'setReplicas', replicas: 1 },
      { type: 'setWeight', weight: 10 },
      { type: 'pause', durationMs: null },
    ];
    const it = serving({ replicas: 3 })
      .declare(update('v2', { strategy: 'canary', canary: { steps: few } }, { replicas: 3 }))
      .settle();
    expect(of(it, v2.hash)).toBe(1);
    it.connect().settle().command('promote').settle();
    expect(of(it, v2.hash)).toBe(3);
    expect(weights(it)).toEqual([90, 10]);
    expect(it.connect().settle().verdicts()[0]).toBe('Promoted/TargetServes');
  });
});

describe('contract gate', () => {
  const before = { add: ['a'], list: [] };

  /** stable offers `before`, the target of a rollout in `parts` offers `after`. */
  function offered(after: Record<string, readonly string[]>, parts: MigrationParts = {}): Situation {
    const it = new Situation().declare(service('v1')).settle().offer(v1, before).connect().settle();
    it.declare(update('v2', parts)).settle().offer(v2, after).connect(v2).settle();
    return it;
  }

  situation('a removed tool takes the target back before any call', () => {
    const it = offered({ add: ['a'] });
    expect(it.record!.verdicts[0]).toMatchObject({ result: 'RolledBack', reason: 'ContractBreaking', weight: 0 });
    expect(it.record!.verdicts[0]!.message).toContain('list');
  });

  situation('a parameter that is newly required is breaking, and warn lets it through', () => {
    expect(offered({ add: ['a', 'b'], list: [] }).verdicts()[0]).toBe('RolledBack/ContractBreaking');
    const it = offered({ add: ['a', 'b'], list: [] }, { contract: { breaking: 'warn' } });
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
    expect(it.events.some(({ reason }) => reason === 'ContractCompared')).toBe(true);
  });

  situation('a tool that was added is compatible', () => {
    const it = offered({ ...before, more: [] });
    expect(it.record!.verdicts[0]).toMatchObject({ result: 'Promoted', contract: { class: 'compatible' } });
  });

  situation('contents that are not known yet are waited for, without a call to the target', () => {
    const it = new Situation().declare(service('v1')).settle().offer(v1, before).connect().settle();
    it.declare(update('v2', {}))
      .settle()
      .offer(v2, { add: ['a'] });
    const known = it.contracts;
    it.contracts = {};
    it.connect(v2).settle();
    expect(it.record!.rollout).toMatchObject({ phase: 'Proving', waitsFor: 'the contracts of both revisions' });
    it.contracts = known;
    expect(it.settle().verdicts()[0]).toBe('RolledBack/ContractBreaking');
  });

  situation('what stable offers changes without a commit: Drifted, hidden by policy, and approved by a commit', () => {
    const it = new Situation();
    const quarantine: MigrationParts = { contract: { drift: 'quarantine' } };
    it.declare(update('v1', quarantine)).settle().offer(v1, before).connect().settle();
    it.offer(v1, { ...before, add: ['a', 'b'] }).settle();
    expect(it.condition('Drifted')).toBe('True/ContractChanged');
    expect(it.last!.plan!.quarantine).toEqual(['add']);
    const approved = it.record!.drift!.to.slice(0, 12);
    it.declare(update('v1', { contract: { drift: 'quarantine', approved } })).settle();
    expect(it.condition('Drifted')).toBe('False/AsPromoted');
    expect(it.last!.plan!.quarantine).toEqual([]);
    expect(it.record!.rolloutCount).toBe(1);
  });
});

describe('blue-green', () => {
  const parts: MigrationParts = {
    strategy: 'blue-green',
    blueGreen: { autoPromote: false, prePromotion: ['alive'], keepOldForMs: minute },
  };
  const alive = {
    name: 'alive',
    type: 'basic' as const,
    outcome: 'pass' as const,
    message: '',
    at: 1,
    latencyMs: 1,
    passesInARow: 1,
    failsInARow: 0,
    errorsInARow: 0,
  };

  situation('is on preview, checked there, waits for a person, switches at once and keeps stable for a while', () => {
    const it = serving().declare(update('v2', parts)).settle().connect().settle();
    expect(it.last!.plan).toMatchObject({ route: { preview: v2.hash, weights: { [v1.hash]: 100 } }, previewChecks: ['alive'] });
    expect(it.record!.rollout!.phase).toBe('Previewing');
    it.preview = { revision: v2.hash, checks: [alive] };
    it.settle();
    expect(it.record!.rollout!.waitsOn).toBe('person');
    it.command('promote').settle();
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
    expect([of(it, v1.hash), of(it, v2.hash)]).toEqual([1, 1]);
    it.later(minute).settle();
    expect(of(it, v1.hash)).toBe(0);
  });

  situation('a return while stable-before is kept is an instant switch', () => {
    const it = serving()
      .declare(update('v2', { strategy: 'blue-green', blueGreen: { keepOldForMs: minute } }))
      .settle()
      .connect()
      .settle();
    it.declare(update('v1', { strategy: 'blue-green', blueGreen: { keepOldForMs: minute } })).settle();
    expect(it.record!.stable!.hash).toBe(v1.hash);
    expect(it.record!.verdicts[0]!.direct).toBe('return');
    expect(it.running).toHaveLength(2);
  });

  situation('a failing check through the preview takes it back', () => {
    const it = serving().declare(update('v2', parts)).settle().connect().settle();
    it.preview = { revision: v2.hash, checks: [{ ...alive, outcome: 'fail', passesInARow: 0, failsInARow: 3 }] };
    it.settle();
    expect(it.verdicts()[0]).toBe('RolledBack/PreviewCheckFailed');
  });
});

describe('rolling', () => {
  situation('replaces one after the other, never fewer ready than replicas, never more than one beyond', () => {
    const it = serving({ replicas: 3 })
      .declare(update('v2', { strategy: 'rolling' }, { replicas: 3 }))
      .settle();
    const seen: string[] = [];
    for (let round = 0; round < 10 && it.record!.rollout !== null; round++) {
      const ready = it.record!.instances.filter(({ duty, provenAt }) => duty === 'serve' && provenAt !== null).length;
      expect(ready).toBeGreaterThanOrEqual(3);
      expect(of(it, v1.hash) + of(it, v2.hash)).toBeLessThanOrEqual(4);
      seen.push(`${of(it, v1.hash)}+${of(it, v2.hash)} ${weights(it).join('/')}`);
      it.connect().settle();
    }
    expect(seen).toEqual(['3+1 100/0', '2+2 67/33', '1+3 33/67']);
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
  });

  situation('before the first has taken over, stable gives up no more than the place that it needs, though all may be unavailable', () => {
    const all = { count: 3 };
    const oneByOne = (maxSurge: number): string[] => {
      const rolling = { maxSurge: { count: maxSurge }, maxUnavailable: all };
      const it = serving({ replicas: 3 })
        .declare(update('v2', { strategy: 'rolling', rolling }, { replicas: 3 }))
        .settle();
      const before = `${of(it, v1.hash)}+${of(it, v2.hash)}`;
      it.connect().settle();
      return [before, `${of(it, v1.hash)}+${of(it, v2.hash)}`];
    };
    expect(oneByOne(1)).toEqual(['3+1', '0+3']);
    expect(oneByOne(0)).toEqual(['2+1', '0+3']);
  });

  const works = { type: 'functional', name: 'works', timeoutMs: 5_000, tool: 'echo', arguments: {}, expect: {} } as const;
  const health = { intervalMs: 30_000, checks: [works], failureThreshold: 3, successThreshold: 1 };

  function rolledHalfway(rounds: number): Situation {
    const it = serving({ replicas: 3, health })
      .declare(update('v2', { strategy: 'rolling' }, { replicas: 3, health }))
      .settle();
    for (let round = 0; round < rounds; round++) it.connect().settle();
    return it;
  }

  situation('aborted halfway, what has taken over serves until stable has its own again, and is drained then', () => {
    const it = rolledHalfway(2);
    expect(weights(it)).toEqual([33, 67]);
    it.command('abort').settle();
    expect(it.verdicts()[0]).toBe('Aborted/Aborted');
    expect(weights(it)).toEqual([33, 67]);
    expect([of(it, v1.hash), of(it, v2.hash)]).toEqual([3, 2]);
    it.connect(v1).settle();
    expect(weights(it)).toEqual([100, 0]);
    expect([of(it, v1.hash), of(it, v2.hash)]).toEqual([3, 0]);
    expect(of(it, v2.hash, 'retire')).toBe(0);
  });

  situation('what stands in for stable and fails a check of what it does is ended, as it would have been as the target', () => {
    const it = rolledHalfway(2);
    it.command('abort').settle();
    expect(of(it, v2.hash)).toBe(2);
    it.connect(v2, 'fail', 3).settle();
    expect(of(it, v2.hash)).toBe(0);
    expect(weights(it)).toEqual([100, 0]);
  });

  situation('taken back halfway, only those that pass their checks stand in for stable', () => {
    const it = rolledHalfway(2);
    it.end(v2, 'CheckFailed', 'wrong answer', 0).settle();
    expect(it.verdicts()[0]).toBe('RolledBack/CheckFailed');
    expect(of(it, v2.hash)).toBe(1);
    expect(weights(it)).toEqual([50, 50]);
    expect(of(it, v1.hash)).toBe(3);
  });

  situation('a target that fails gives everything back to stable', () => {
    const it = serving({ replicas: 3 })
      .declare(update('v2', { strategy: 'rolling' }, { replicas: 3 }))
      .settle()
      .connect()
      .settle();
    expect(of(it, v1.hash)).toBe(2);
    it.end(v2, 'CommandNotFound').settle();
    expect(it.verdicts()[0]).toBe('RolledBack/CommandNotFound');
    expect(of(it, v1.hash)).toBe(3);
  });
});

describe('every strategy', () => {
  situation('a new commit supersedes at step 0, stable unchanged', () => {
    const it = canaryAt()
      .declare(update('v3', { strategy: 'canary', canary: { steps } }))
      .settle();
    expect(it.verdicts()[0]).toBe('Superseded/NewerRevision');
    expect(it.record!.stable!.hash).toBe(v1.hash);
    expect(it.route).toEqual({ [v1.hash]: 100 });
    expect(it.connect().settle().route).toEqual({ [v1.hash]: 90, [v3.hash]: 10 });
  });

  situation('a return to one of the last promoted skips steps, not readiness', () => {
    const parts: MigrationParts = { strategy: 'canary', canary: { steps } };
    const it = canaryAt().command('promote-full').settle();
    it.later(40_000).settle().declare(update('v1', parts)).settle();
    expect(it.record!.rollout).toMatchObject({ direct: 'return', phase: 'Proving' });
    expect(it.connect().settle().record!.stable!.hash).toBe(v1.hash);
  });

  situation('a member of the group that is still moving holds the switch, one that was taken back takes it back', () => {
    const it = serving();
    it.group = [{ service: 'b', stands: 'moving', snapshot: 's' }];
    it.declare(update('v2', { releaseTogether: 'g' }))
      .settle()
      .connect()
      .settle()
      .later(100 * minute)
      .settle();
    expect(it.record!.rollout!.phase).toBe('Gathering');
    expect(weights(it)).toEqual([100, 0]);
    it.group = [{ service: 'b', stands: 'rejected', snapshot: 's' }];
    it.settle();
    expect(it.verdicts()[0]).toBe('RolledBack/GroupRejected');
  });

  situation('unhealthy soon after promotion falls back to what was promoted before, once', () => {
    const parts: MigrationParts = { rollback: { ifUnhealthyWithinMs: 10 * minute } };
    const it = serving().declare(update('v2', parts)).settle().connect().settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
    it.end(v2, 'Exited').later(1_000).settle().connect(v2).end(v2, 'Exited').settle();
    expect(it.record!.rollout).toMatchObject({ direct: 'fallback', target: v1.hash });
    it.connect(v1).settle();
    expect(it.record!.stable!.hash).toBe(v1.hash);
    expect(it.condition('Synced')).toBe('False/Rejected');
    it.later(minute).settle();
    expect(it.record!.rollout).toBeNull();
  });
});
