import { describe, expect, it } from 'vitest';
import { restoreArchived } from '../../src/core/adopt.ts';
import { decide } from '../../src/core/decide.ts';
import { transitions } from '../../src/core/lifecycle.ts';
import { backOffMs } from '../../src/core/restart.ts';
import type { LifecycleState } from '../../src/model/record.ts';
import { Situation, revision, service, serving } from './situation.ts';

const v1 = revision('v1');
const v2 = revision('v2');
const v3 = revision('v3');

describe('first deployment', () => {
  it('goes Draft, Validating, Deploying, Active and serves only once the instance passed its checks', () => {
    const it = new Situation().declare(service('v1')).settle();
    expect(it.route).toEqual({});
    it.connect().settle();
    expect(it.states()).toEqual(['Validating', 'Deploying', 'Active']);
    expect(it.route).toEqual({ [v1.hash]: 100 });
    expect(it.verdicts()).toEqual(['Promoted/TargetServes']);
    expect(it.condition('Ready')).toBe('True/StableServes');
    expect(it.condition('Synced')).toBe('True/Applied');
    expect(it.record!.appliedSnapshot).toBe('snap-v1');
  });

  it('that fails goes to Error, waits its back-off, and tries again without anybody asking', () => {
    const it = new Situation().declare(service('v1')).settle().end(v1, 'ExitedEarly').settle();
    expect(it.record!.state).toBe('Error');
    expect(it.running).toEqual([]);
    expect(it.condition('Ready')).toBe('False/ExitedEarly');
    const wakeAt = it.last!.wakeAt!;
    it.later(wakeAt - it.now - 1);
    expect(it.running).toEqual([]);
    it.later(1).connect().settle();
    expect(it.record!.state).toBe('Active');
    expect(it.states()).toEqual(['Validating', 'Deploying', 'Error', 'Validating', 'Deploying', 'Active']);
  });

  it('has nothing to roll back to: it is not rejected however often it fails', () => {
    const it = new Situation().declare(service('v1')).settle();
    for (let failures = 0; failures < 10; failures++) it.end(v1, 'CommandNotFound').later(301_000);
    expect(it.record!.rejections).toEqual([]);
    expect(it.record!.rollout).not.toBeNull();
  });

  it('waits for its dependencies in Validating and goes on when they are ready', () => {
    const it = new Situation();
    it.dependencies = { db: { declared: true, ready: false } };
    it.declare(service('v1', { dependsOn: [{ service: 'db', condition: 'Ready' }] })).settle();
    expect(it.record!.state).toBe('Validating');
    expect(it.running).toEqual([]);
    expect(it.condition('DependenciesReady')).toBe('False/Waiting');
    it.dependencies = { db: { declared: true, ready: true } };
    it.settle().connect().settle();
    expect(it.record!.state).toBe('Active');
  });

  it('of a draft deploys nothing', () => {
    const it = new Situation().declare(service('v1', { state: 'Draft' })).settle();
    expect(it.record!.state).toBe('Draft');
    expect(it.running).toEqual([]);
  });

  it('of a manifest that never was valid is an Error that names it, and nothing runs', () => {
    const it = new Situation();
    it.declaration = { kind: 'invalid', issues: [], snapshot: 's' };
    it.settle();
    expect(it.record!.state).toBe('Error');
    expect(it.condition('Valid')).toBe('False/ManifestInvalid');
  });

  it('tells the first error of a manifest that is not valid with its place, and how many more there are', () => {
    const it = new Situation();
    const issue = { code: 'UnknownKind', severity: 'error', file: 'a.yaml', line: 2, column: 7, path: 'kind', message: 'Wrong.' } as const;
    it.declaration = { kind: 'invalid', issues: [{ ...issue, severity: 'note', message: 'Hm.' }, issue, issue], snapshot: 's' };
    it.settle();
    const [event] = it.events.filter(({ reason }) => reason === 'ManifestInvalid');
    expect(event!.message).toMatch(/^a\.yaml:2:7: Wrong\. .*1 more/);
  });
});

describe('in-place update', () => {
  it('starts the target beside stable, moves the route when it is proven, and stops stable after the gateway confirmed', () => {
    const it = serving().declare(service('v2'));
    expect(it.record!.state).toBe('Updating');
    expect(it.running).toHaveLength(2);
    expect(it.route).toEqual({ [v1.hash]: 100 });
    it.connect(v2);
    expect(it.route).toEqual({ [v2.hash]: 100 });
    expect(it.running).toHaveLength(2);
    it.settle();
    expect(it.record!.state).toBe('Active');
    expect(it.record!.stable!.hash).toBe(v2.hash);
    expect(it.running).toHaveLength(1);
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
  });

  it('keeps the old instance while sessions are bound to it, until the drain time-out', () => {
    const it = serving().declare(service('v2')).connect(v2).load(v1, { sessions: 2 }).settle();
    expect(it.duties()).toContain(`${v1.hash.slice(0, 4)}:retire`);
    it.later(30_000);
    expect(it.duties()).toContain(`${v1.hash.slice(0, 4)}:drain`);
    it.settle();
    expect(it.running).toHaveLength(1);
  });

  it('never cuts a call that has begun before its own time-out', () => {
    const it = serving().declare(service('v2')).connect(v2).load(v1, { inFlight: 1 }).settle();
    expect(it.duties()).toContain(`${v1.hash.slice(0, 4)}:drain`);
    it.later(59_000);
    expect(it.running).toHaveLength(2);
    it.later(2_000).settle();
    expect(it.running).toHaveLength(1);
  });

  it.each(['CommandNotFound', 'HandshakeTimeout'])('whose target ends with %s is taken back at once and remembered', (code) => {
    const it = serving().declare(service('v2')).end(v2, code, 'no such thing').settle();
    expect(it.record!.state).toBe('Active');
    expect(it.record!.stable!.hash).toBe(v1.hash);
    expect(it.route).toEqual({ [v1.hash]: 100 });
    expect(it.verdicts()[0]).toBe(`RolledBack/${code}`);
    expect(it.condition('Synced')).toBe('False/Rejected');
    expect(it.condition('Ready')).toBe('True/StableServes');
    it.later(3_600_000).settle();
    expect(it.running).toHaveLength(1);
  });

  it('whose target exits early is tried three times in back-off before it is taken back', () => {
    const it = serving().declare(service('v2')).end(v2, 'ExitedEarly');
    expect(it.record!.rollout!.failures).toBe(1);
    it.later(1_000).end(v2, 'ExitedEarly').later(2_000);
    expect(it.record!.rollout!.failures).toBe(2);
    it.end(v2, 'ExitedEarly').settle();
    expect(it.verdicts()[0]).toBe('RolledBack/ExitedEarly');
  });

  it('whose functional check fails as often as the threshold says is taken back', () => {
    const it = serving().declare(service('v2')).connect(v2, 'fail', 2).settle();
    expect(it.record!.rollout).not.toBeNull();
    it.connect(v2, 'fail', 3).settle();
    expect(it.verdicts()[0]).toBe('RolledBack/CheckFailed');
    expect(it.route).toEqual({ [v1.hash]: 100 });
  });

  it('whose check breaks counts only at the fourth error in a row', () => {
    const it = serving().declare(service('v2')).connect(v2, 'error', 3).settle();
    expect(it.record!.rollout).not.toBeNull();
    it.connect(v2, 'error', 4).settle();
    expect(it.verdicts()[0]).toBe('RolledBack/CheckFailed');
  });

  it('that never becomes ready is taken back at the progress deadline', () => {
    const it = serving().declare(service('v2')).later(599_999);
    expect(it.record!.rollout).not.toBeNull();
    it.later(1).settle();
    expect(it.verdicts()[0]).toBe('RolledBack/ProgressDeadlineExceeded');
  });

  it('that is taken back takes its checks and limits back too: stable is judged by its own', () => {
    const checks = [{ name: 'new', type: 'functional' as const, timeoutMs: 1, tool: 't', arguments: {}, expect: {} }];
    const health = { intervalMs: 1, checks, failureThreshold: 3, successThreshold: 1 };
    const it = serving().declare(service('v2', { health, replicas: 2 }));
    expect(it.last!.plan!.terms[v1.hash]!.health.checks[0]!.name).toBe('alive');
    expect(it.last!.plan!.terms[v2.hash]!.health.checks[0]!.name).toBe('new');
    it.end(v2, 'CommandNotFound').settle();
    expect(it.last!.plan!.terms[v1.hash]!.health.checks[0]!.name).toBe('alive');
    expect(it.running).toHaveLength(1);
  });

  it('is superseded by a newer revision, stable unchanged, and the fix does not wait for the stuck one', () => {
    const it = serving().declare(service('v2')).declare(service('v3'));
    expect(it.verdicts()[0]).toBe('Superseded/NewerRevision');
    expect(it.record!.stable!.hash).toBe(v1.hash);
    it.connect(v3).settle();
    expect(it.record!.stable!.hash).toBe(v3.hash);
    expect(it.running).toHaveLength(1);
  });

  it('ends at once when the manifest returns to stable', () => {
    const it = serving().declare(service('v2')).declare(service('v1')).settle();
    expect(it.verdicts()[0]).toBe('Superseded/ReturnedToStable');
    expect(it.record!.state).toBe('Active');
    expect(it.running).toHaveLength(1);
    expect(it.condition('Synced')).toBe('True/Applied');
  });

  it('of an exclusive service stops stable first and holds calls until the target is proven', () => {
    const w1 = revision('v1', true);
    const w2 = revision('v2', true);
    const it = serving({ exclusive: true }).declare(service('v2', { exclusive: true }));
    expect(it.last!.plan!.route!.hold).toBe(true);
    it.settle();
    expect(it.running).toHaveLength(1);
    expect(it.record!.instances.map((instance) => instance.revision)).toEqual([w2.hash]);
    it.connect(w2).settle();
    expect(it.route).toEqual({ [w2.hash]: 100 });
    expect(it.last!.plan!.route!.hold).toBe(false);
    expect(w1.hash).not.toBe(w2.hash);
  });

  it('of an exclusive service that fails brings stable back', () => {
    const w1 = revision('v1', true);
    const w2 = revision('v2', true);
    const it = serving({ exclusive: true })
      .declare(service('v2', { exclusive: true }))
      .settle()
      .end(w2, 'CommandNotFound')
      .settle();
    expect(it.running).toHaveLength(1);
    it.connect(w1).settle();
    expect(it.record!.state).toBe('Active');
    expect(it.route).toEqual({ [w1.hash]: 100 });
    expect(it.verdicts()[0]).toBe('RolledBack/CommandNotFound');
  });

  it.each([
    ['replicas', { replicas: 3 }, 3],
    ['labels', { labels: { team: 'x' } }, 1],
  ])('of only %s is no rollout', (_what, change, instances) => {
    const it = serving().declare(service('v1', change)).settle().connect().settle();
    expect(it.record!.rolloutCount).toBe(1);
    expect(it.running).toHaveLength(instances);
  });
});

describe('a rejected revision', () => {
  it('is tried again after rollout retry', () => {
    const it = serving().declare(service('v2')).end(v2, 'CommandNotFound').settle().command('retry').connect(v2).settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
    expect(it.record!.rejections).toEqual([]);
  });

  it('does not keep a fix waiting', () => {
    const it = serving().declare(service('v2')).end(v2, 'CommandNotFound').settle().declare(service('v3')).connect(v3).settle();
    expect(it.record!.stable!.hash).toBe(v3.hash);
  });

  it('is still rejected after the manifest went to stable and came back', () => {
    const it = serving().declare(service('v2')).end(v2, 'CommandNotFound').settle();
    it.declare(service('v1')).settle().declare(service('v2')).settle();
    expect(it.record!.rolloutCount).toBe(2);
    expect(it.condition('Synced')).toBe('False/Rejected');
  });
});

describe('an instance', () => {
  it('that ends while serving is started again in back-off, under another id', () => {
    const it = serving();
    const [first] = it.running;
    it.end(v1, 'Exited');
    expect(it.record!.state).toBe('Active');
    expect(it.record!.health).toBe('DOWN');
    expect(it.running).toEqual([]);
    it.later(1_000);
    expect(it.running).toHaveLength(1);
    expect(it.running).not.toEqual([first]);
    it.connect().settle();
    expect(it.record!.health).toBe('HEALTHY');
  });

  it('of which none is wanted leaves it open how well its service is', () => {
    const it = serving({ replicas: 2 })
      .declare(service('v1', { replicas: 0 }))
      .settle();
    expect([it.running.length, it.record!.health, it.record!.state]).toEqual([0, 'UNKNOWN', 'Active']);
    it.declare(service('v1', { replicas: 1 }))
      .settle()
      .connect(v1)
      .settle();
    expect(it.record!.health).toBe('HEALTHY');
  });

  it('in a crash loop brings its service to Error, and back when it holds', () => {
    const it = serving();
    for (let crashes = 0; crashes < 3; crashes++) it.end(v1, 'Exited').later(crashes < 2 ? 5_000 : 0);
    expect(it.record!.state).toBe('Error');
    it.later(5_000).connect().settle();
    expect(it.record!.state).toBe('Active');
  });

  it('that stops answering is replaced; one whose functional check fails later is only DEGRADED', () => {
    const checks = [
      { name: 'alive', type: 'basic' as const, timeoutMs: 1 },
      { name: 'sum', type: 'functional' as const, timeoutMs: 1, tool: 't', arguments: {}, expect: {} },
    ];
    const health = { intervalMs: 1, checks, failureThreshold: 3, successThreshold: 1 };
    const it = serving({ health });
    it.connect(v1, 'fail', 3);
    expect(it.running).toEqual([]);
    const other = serving({ health: { ...health, checks: checks.slice(1) } })
      .connect(v1, 'fail', 3)
      .settle();
    expect(other.record!.health).toBe('DEGRADED');
    expect(other.running).toHaveLength(1);
  });

  it('lost with the host starts again without counting as a failure', () => {
    const it = serving().restartHost();
    expect(it.record!.restarts).toEqual([]);
    it.connect().settle();
    expect(it.record!.health).toBe('HEALTHY');
    expect(it.record!.state).toBe('Active');
  });
});

describe('stopping', () => {
  it('by state: Inactive drains, stops, and keeps the stable revision for its return', () => {
    const it = serving()
      .load(v1, { inFlight: 1 })
      .declare(service('v1', { state: 'Inactive' }));
    expect(it.record!.state).toBe('Deactivating');
    expect(it.running).toHaveLength(1);
    it.load(v1, { inFlight: 0 }).settle();
    expect(it.record!.state).toBe('Inactive');
    expect(it.running).toEqual([]);
    it.declare(service('v1')).settle().connect().settle();
    expect(it.record!.state).toBe('Active');
    expect(it.record!.rolloutCount).toBe(1);
    expect(it.states()).toEqual(['Validating', 'Deploying', 'Active', 'Deactivating', 'Inactive', 'Validating', 'Deploying', 'Active']);
  });

  it('by removing the manifest drains, stops, and asks for the archive only when nothing is left', () => {
    const it = serving().load(v1, { inFlight: 1 });
    it.declaration = { kind: 'absent' };
    it.pass();
    expect(it.last!.archive).toBe(false);
    it.load(v1, { inFlight: 0 });
    for (let passes = 0; passes < 5 && !it.last!.archive; passes++) it.pass();
    expect(it.last!.archive).toBe(true);
    expect(it.last!.plan).toBeNull();
  });

  it.each(['still going', 'archived'])('and declared again as it was, %s, is of the commit that says so', (when) => {
    const it = serving();
    it.declaration = { kind: 'absent' };
    it.pass();
    if (when === 'archived') it.record = restoreArchived(it.record!, it.now);
    const again = service('v1');
    it.declare({ ...again, origin: { ...again.origin, snapshot: 'the-commit-that-brings-it-back' } }).settle();
    expect(it.record!.observedSnapshot).toBe('the-commit-that-brings-it-back');
    expect(it.record!.desired!.origin.snapshot).toBe('the-commit-that-brings-it-back');
  });

  it('goes on when the source cannot be read in the middle of it', () => {
    const it = serving().load(v1, { inFlight: 1 });
    it.declaration = { kind: 'absent' };
    it.pass();
    it.declaration = { kind: 'unknown', reason: 'unreadable' };
    it.pass();
    expect(it.record!.state).toBe('Deactivating');
  });
});

describe('what the source cannot do', () => {
  it('an invalid manifest changes nothing that runs', () => {
    const it = serving();
    it.declaration = { kind: 'invalid', issues: [], snapshot: 'bad' };
    it.settle();
    expect(it.running).toHaveLength(1);
    expect(it.condition('Valid')).toBe('False/ManifestInvalid');
    expect(it.condition('Ready')).toBe('True/StableServes');
    expect(it.condition('Synced')).toBe('False/ManifestInvalid');
  });

  it('an unreadable source changes nothing that runs', () => {
    const it = serving();
    it.declaration = { kind: 'unknown', reason: 'unreadable' };
    it.settle();
    expect(it.running).toHaveLength(1);
    expect(it.condition('Synced')).toBe('Unknown/SourceUnknown');
  });

  it('a never declared service decides nothing', () => {
    const decision = decide(
      {
        service: 'x',
        declaration: { kind: 'absent' },
        dependencies: {},
        group: [],
        contracts: {},
        commands: [],
        driftPolicy: 'correct',
        files: null,
      },
      null,
      null,
      1,
    );
    expect(decision).toMatchObject({ record: null, plan: null, archive: false });
  });
});

describe('commands', () => {
  it('abort ends a rollout before its target is ready, and it is not begun again by itself', () => {
    const it = serving().declare(service('v2')).command('abort').settle();
    expect(it.verdicts()[0]).toBe('Aborted/Aborted');
    it.later(3_600_000).settle();
    expect(it.running).toHaveLength(1);
    expect(it.record!.stable!.hash).toBe(v1.hash);
  });

  it('suspend keeps changes from being applied until resume', () => {
    const it = serving().command('suspend').declare(service('v2')).settle();
    expect(it.record!.rolloutCount).toBe(1);
    expect(it.condition('Synced')).toBe('False/Suspended');
    it.command('resume').connect(v2).settle();
    expect(it.record!.stable!.hash).toBe(v2.hash);
  });

  it('are taken once', () => {
    const it = serving().command('abort').settle();
    expect(it.events.filter(({ reason }) => reason === 'CommandIgnored')).toHaveLength(1);
  });
});

describe('tables', () => {
  it('every state of the lifecycle can be left and reached', () => {
    const states = Object.keys(transitions) as LifecycleState[];
    for (const state of states) {
      expect(transitions[state].length).toBeGreaterThan(0);
      expect(states.some((from) => transitions[from].includes(state))).toBe(true);
    }
  });

  it('back-off doubles from about 1 s to at most 5 min', () => {
    for (let failures = 1; failures < 40; failures++) {
      const full = Math.min(300_000, 1_000 * 2 ** (failures - 1));
      expect(backOffMs('k', failures)).toBeGreaterThanOrEqual(0.8 * full);
      expect(backOffMs('k', failures)).toBeLessThanOrEqual(full);
    }
  });
});
