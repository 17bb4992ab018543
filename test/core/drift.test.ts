/** What the Host runs and routes against the Plan that it says it follows, and files against what their source laid out. */
import { describe, expect, it } from 'vitest';
import type { FilesDrift } from '../../src/model/drift.ts';
import { serving, service } from './situation.ts';

const v1 = service('v1').revision;
const v2 = service('v2').revision;
const long = 11_000;
const reasons = (it: ReturnType<typeof serving>): string[] => it.events.map(({ reason }) => reason);
const drifts = (it: ReturnType<typeof serving>) =>
  it.record!.drifts.filter(({ shown }) => shown).map(({ kind, message, diff }) => ({ kind, message, diff }));
const message = (it: ReturnType<typeof serving>): string => it.record!.conditions.find(({ type }) => type === 'Drifted')!.message;

describe('an instance that no plan names', () => {
  it('is no drift while the host may still be about to stop it', () => {
    const it = serving().tamper('files-stranger-0-9', v1);
    expect([it.condition('Drifted'), reasons(it)]).toEqual(['False/AsPromoted', expect.not.arrayContaining(['InstancesDrifted'])]);
  });

  it('is shown once it lasts, and the plan is said again, which stops it', () => {
    const it = serving().tamper('files-stranger-0-9', v1);
    const generation = it.record!.planGeneration;
    it.later(long);
    expect(it.condition('Drifted')).toBe('True/InstancesDrifted');
    expect(message(it)).toBe('The host runs files-stranger-0-9, which no plan names.');
    expect(drifts(it)).toEqual([
      { kind: 'instances', message: 'runs files-stranger-0-9, which no plan names', diff: `+files-stranger-0-9 ${v1.name}\n` },
    ]);
    expect(it.record!.planGeneration).toBe(generation + 1);
    it.settle();
    expect([it.running.length, it.condition('Drifted'), it.record!.drifts]).toEqual([1, 'False/AsPromoted', []]);
    expect(reasons(it).filter((reason) => reason.startsWith('Instances'))).toEqual(['InstancesDrifted', 'InstancesRestored']);
  });

  it('that nothing stops is told of once, and the plan is said again every 30 s and no more often', () => {
    const it = serving();
    it.stubborn = true;
    it.tamper('files-stranger-0-9', v1).later(long).settle();
    const generation = it.record!.planGeneration;
    for (let seconds = 0; seconds < 90; seconds += 1) it.later(1_000);
    expect(it.record!.planGeneration - generation).toBe(3);
    expect(reasons(it).filter((reason) => reason === 'InstancesDrifted')).toHaveLength(1);
  });

  it('asks to be looked at again when it has lasted long enough', () => {
    const it = serving().tamper('files-stranger-0-9', v1);
    expect(it.last!.wakeAt).toBeLessThanOrEqual(it.now + 10_000);
  });

  it('is left alone by policy, neither stopped nor called, whatever other plans come', () => {
    const it = serving();
    it.driftPolicy = 'report';
    it.tamper('files-stranger-0-9', v1).later(long).settle();
    expect([it.condition('Drifted'), it.last!.plan!.spared]).toEqual(['True/InstancesDrifted', ['files-stranger-0-9']]);
    it.declare(service('v2')).settle().connect().settle();
    expect([it.running.includes('files-stranger-0-9'), it.record!.stable!.hash]).toEqual([true, v2.hash]);
    it.driftPolicy = 'correct';
    it.settle();
    expect([it.running.includes('files-stranger-0-9'), it.last!.plan!.spared]).toEqual([false, []]);
    expect(it.condition('Drifted')).toBe('False/AsPromoted');
  });

  it('is stopped whatever the policy where the service may have one instance alone, or is to stop', () => {
    for (const declared of [service('v1', { state: 'Inactive' }), service('v2', { exclusive: true })]) {
      const it = serving();
      it.driftPolicy = 'report';
      it.tamper('files-stranger-0-9', v1).later(long).settle().declare(declared).settle();
      for (let seconds = 0; seconds < 60; seconds += 5) it.later(5_000).connect();
      expect([it.running.includes('files-stranger-0-9'), it.record!.spared]).toEqual([false, []]);
    }
  });
});

describe('an instance that the plan names and the host does not run', () => {
  for (const policy of ['correct', 'report'] as const) {
    it(`is shown and replaced by another, under policy ${policy}`, () => {
      const it = serving();
      it.driftPolicy = policy;
      const [lost] = it.running;
      it.lose(lost!).later(long);
      expect(message(it)).toBe(`The host does not run ${lost}, which the plan names.`);
      it.settle().connect().settle();
      expect([it.running.length, it.running.includes(lost!), it.record!.health]).toEqual([1, false, 'HEALTHY']);
      expect([it.condition('Drifted'), it.record!.restarts]).toEqual(['False/AsPromoted', []]);
    });
  }

  it('is not given up at once because others have been amiss for long', () => {
    const it = serving({ replicas: 2 });
    it.connect().settle();
    it.stubborn = true;
    it.tamper('files-stranger-0-9', v1).later(long).settle();
    const [, lost] = it.running;
    it.lose(lost!).later(5_000);
    expect(it.record!.instances.map(({ id }) => id)).toContain(lost);
    it.later(6_000);
    expect(it.record!.instances.map(({ id }) => id)).not.toContain(lost);
  });

  it('that is back before long was none', () => {
    const it = serving();
    it.lose(it.running[0]!).later(5_000);
    it.found().later(long);
    expect(it.events.filter(({ reason }) => reason === 'InstancesDrifted')).toEqual([]);
  });
});

describe('an instance that is of another revision than its plan says', () => {
  it('is replaced', () => {
    const it = serving();
    const [id] = it.running;
    it.becomes(id!, v2).later(long);
    expect(message(it)).toBe(`The host runs ${id} as files-${v2.hash.slice(0, 8)} rather than ${v1.name}.`);
    it.settle().connect().settle();
    expect([it.running.includes(id!), it.condition('Drifted')]).toEqual([false, 'False/AsPromoted']);
  });

  it('is only shown by policy', () => {
    const it = serving();
    it.driftPolicy = 'report';
    const [id] = it.running;
    it.becomes(id!, v2).later(long).settle();
    expect([it.running, it.condition('Drifted')]).toEqual([[id], 'True/InstancesDrifted']);
  });
});

describe('a route with other weights than the plan says', () => {
  it('is shown with what differs, and put right by saying the plan again', () => {
    const it = serving()
      .misroute({ [v1.hash]: 60, [v2.hash]: 40 })
      .later(long);
    const other = `files-${v2.hash.slice(0, 8)}`;
    expect(it.condition('Drifted')).toBe('True/RouteDrifted');
    expect(drifts(it)).toEqual([
      {
        kind: 'routes',
        message: `routes ${[`60 % to ${v1.name}`, `40 % to ${other}`].sort((a, b) => (a.slice(6) < b.slice(6) ? -1 : 1)).join(', ')} rather than 100 % to ${v1.name}`,
        diff: expect.stringContaining(`-${v1.name} 100\n`),
      },
    ]);
    it.settle();
    expect([it.condition('Drifted'), reasons(it).slice(-2)]).toEqual(['False/AsPromoted', ['RouteDrifted', 'RouteRestored']]);
  });

  it('stays so by policy, unless nobody can be called at all', () => {
    const it = serving();
    it.driftPolicy = 'report';
    const generation = it.record!.planGeneration;
    it.misroute({ [v2.hash]: 100 })
      .later(long)
      .settle();
    expect([it.condition('Drifted'), it.record!.planGeneration]).toEqual(['True/RouteDrifted', generation]);
    it.misroute(null).settle();
    expect([it.condition('Drifted'), it.record!.planGeneration]).toEqual(['False/AsPromoted', generation + 1]);
  });
});

describe('files', () => {
  const drift: FilesDrift = {
    root: '/tree',
    files: [{ path: 'bin/server.js', change: 'edited', diff: '-a\n+b\n' }],
    since: 5,
    problem: null,
  };

  it('that somebody changed are shown at once, with what differs, since when they were found', () => {
    const it = serving();
    it.files = drift;
    it.settle();
    expect(it.condition('Drifted')).toBe('True/FilesDrifted');
    expect(message(it)).toBe('bin/server.js (edited) changed by hand.');
    expect(it.record!.drifts).toEqual([
      { kind: 'files', message: 'bin/server.js (edited) changed by hand', diff: '-a\n+b\n', since: 5, plan: 0, shown: true, sameSince: 5 },
    ]);
    it.files = 'unknown';
    it.settle();
    expect(it.condition('Drifted')).toBe('True/FilesDrifted');
    it.files = null;
    it.settle();
    expect([it.condition('Drifted'), reasons(it).slice(-2)]).toEqual(['False/AsPromoted', ['FilesDrifted', 'FilesRestored']]);
  });

  it('and instances at once are both spoken of', () => {
    const it = serving();
    it.stubborn = true;
    it.files = drift;
    it.tamper('files-stranger-0-9', v1).later(long).settle();
    expect(it.condition('Drifted')).toBe('True/InstancesDrifted');
    expect(message(it)).toBe('The host runs files-stranger-0-9, which no plan names. bin/server.js (edited) changed by hand.');
    expect(drifts(it).map(({ kind }) => kind)).toEqual(['instances', 'files']);
  });
});
