/** What commits are said to have come to, from how everything stands; and that no commit is left pending, whatever happened. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import { CommitStatusReporter } from '../../src/controller/commit-status-reporter.ts';
import { commitStatuses, type ServiceFacts, type SourceFacts, type StatusHistory } from '../../src/controller/commit-status.ts';
import { newRecord } from '../../src/core/record.ts';
import type { Declaration } from '../../src/model/desired.ts';
import type { Issue } from '../../src/model/issue.ts';
import type { Rejection, ServiceRecord } from '../../src/model/record.ts';
import type { Rollout } from '../../src/model/rollout.ts';
import type { Service } from '../../src/model/service.ts';
import type { CommitStatus, Forge } from '../../src/ports/forge.ts';
import { service as serviceOf } from '../core/situation.ts';

const typo: Issue = {
  code: 'UnknownField',
  severity: 'error',
  message: 'No field `replicsa`.',
  file: 'files.yaml',
  line: 7,
  column: 3,
  path: 'spec',
};

/** A git source with a few services, moved by hand: what the compiler and the heart would come to. */
class World {
  commits = 0;
  head: string | null = null;
  issues: Issue[] = [];
  readonly declared = new Map<string, Declaration>();
  readonly records = new Map<string, ServiceRecord>();

  /** A commit that declares these services so: a version, `invalid`, or null for deleted. */
  commit(changes: Readonly<Record<string, string | null>>): string {
    this.commits += 1;
    const head = String(this.commits).padStart(40, '0');
    this.head = head;
    for (const [name, change] of Object.entries(changes)) {
      if (change === null) this.declared.set(name, { kind: 'absent' });
      else if (change === 'invalid') this.declared.set(name, { kind: 'invalid', issues: [typo], snapshot: head });
      else this.declared.set(name, { kind: 'declared', service: this.#service(name, change, head) });
    }
    this.issues = [...this.declared.values()].some(({ kind }) => kind === 'invalid') ? [typo] : [];
    return head;
  }

  #service(name: string, version: string, snapshot: string): Service {
    const before = this.declared.get(name);
    const made = serviceOf(version, { name, origin: { source: 'main', snapshot, file: `${name}.yaml`, line: 1 } });
    return before?.kind === 'declared' && before.service.specHash === made.specHash ? before.service : made;
  }

  /** The heart takes in what is declared, and begins what follows from it. */
  pass(name: string): void {
    const declaration = this.declared.get(name) ?? { kind: 'absent' as const };
    const record = this.records.get(name) ?? (declaration.kind === 'absent' || declaration.kind === 'unknown' ? null : newRecord(name, 0));
    if (record === null || (record.suspended && record.desired !== null && declaration.kind !== 'invalid')) return;
    if (declaration.kind === 'absent') return void this.records.set(name, { ...record, deleting: true, rollout: null });
    if (declaration.kind !== 'declared') return void this.records.set(name, record);
    const desired = record.desired?.specHash === declaration.service.specHash ? record.desired : declaration.service;
    const { hash } = desired.revision;
    const taken = record.rejections.some(({ revision }) => revision === hash) || record.stable?.hash === hash;
    const same = record.rollout?.target === hash;
    const rollout = taken
      ? null
      : same
        ? record.rollout
        : ({ number: record.rolloutCount + 1, target: hash, failures: 0, lastFailure: null } as Rollout);
    this.records.set(name, {
      ...record,
      desired,
      deleting: false,
      rollout,
      rolloutCount: record.rolloutCount + (rollout === null || same ? 0 : 1),
    });
  }

  /** The Rollout under way ends; a stop comes to its end. */
  end(name: string, good: boolean): void {
    const record = this.records.get(name);
    if (record?.deleting === true) return void this.records.delete(name);
    if (record === undefined || record.rollout === null) return;
    const { revision } = record.desired!;
    this.records.set(
      name,
      good ? { ...record, rollout: null, stable: revision } : { ...record, rollout: null, rejections: [rejectionOf(record)] },
    );
  }

  /** What was promoted turns bad, and the one before serves again. */
  regress(name: string): void {
    const record = this.records.get(name);
    if (record === undefined || record.stable === null || record.rollout !== null || record.stable.hash !== record.desired!.revision.hash)
      return;
    this.records.set(name, { ...record, stable: serviceOf('before').revision, rejections: [rejectionOf(record)] });
  }

  suspend(name: string, suspended: boolean): void {
    const record = this.records.get(name);
    if (record !== undefined) this.records.set(name, { ...record, suspended });
  }

  hold(name: string): void {
    if (this.records.has(name))
      this.declared.set(name, { kind: 'unknown', reason: 'Its manifest is gone, and the prune guard holds the deletion.' });
  }

  facts(): SourceFacts {
    const names = new Set([...this.declared].filter(([, { kind }]) => kind !== 'absent').map(([name]) => name));
    for (const name of this.records.keys()) names.add(name);
    const services = [...names]
      .sort()
      .map((name): ServiceFacts => ({ service: name, declaration: this.declared.get(name)!, record: this.records.get(name) ?? null }));
    return { source: 'main', commit: this.head, issues: this.issues, services };
  }
}

function rejectionOf({ desired }: ServiceRecord): Rejection {
  const { hash, name } = desired!.revision;
  return { revision: hash, name, reason: 'CheckFailed', message: 'alive answered otherwise', at: 0, snapshot: desired!.origin.snapshot };
}

/** `state` of each commit's whole and services, by the number of the commit. */
function states(history: StatusHistory): Record<string, string> {
  return Object.fromEntries(
    history.flatMap(({ commit, whole, services }) => [
      [String(Number(commit)), whole.state],
      ...Object.entries(services).map(([name, { state }]) => [`${Number(commit)}/${name}`, state]),
    ]),
  );
}

describe('what is said of a commit', () => {
  /** Steps of a world, each followed by a look. */
  function told(...steps: ((world: World) => void)[]): { history: StatusHistory; world: World } {
    const world = new World();
    let history: StatusHistory = [];
    for (const step of steps) {
      step(world);
      history = commitStatuses(world.facts(), history);
      expect(commitStatuses(world.facts(), history)).toEqual(history);
    }
    return { history, world };
  }
  const deploy = (changes: Record<string, string | null>) => (world: World) => {
    world.commit(changes);
    for (const name of Object.keys(changes)) world.pass(name);
  };
  const end =
    (name: string, good = true) =>
    (world: World) =>
      world.end(name, good);

  test('pending while its services move, success when all are what it says', () => {
    const begin = [deploy({ files: '1', clock: '1' })];
    expect(states(told(...begin).history)).toEqual({ 1: 'pending', '1/files': 'pending', '1/clock': 'pending' });
    expect(states(told(...begin, end('files')).history)).toEqual({ 1: 'pending', '1/files': 'success', '1/clock': 'pending' });
    const { history } = told(...begin, end('files'), end('clock'));
    expect(states(history)).toEqual({ 1: 'success', '1/files': 'success', '1/clock': 'success' });
    expect(history[0]!.whole.description).toBe('2 services as declared');
  });

  test('failure with the reason when a service is taken back; a later commit elsewhere is none of it', () => {
    const { history } = told(deploy({ files: '1', clock: '1' }), end('files', false), end('clock'), deploy({ clock: '2' }), end('clock'));
    expect(states(history)).toEqual({ 1: 'failure', '1/files': 'failure', '1/clock': 'success', 2: 'success', '2/clock': 'success' });
    expect(history[0]!.whole.description).toBe('files: CheckFailed: alive answered otherwise');
  });

  test('a fix supersedes what was under way, and what had ended stays as it ended', () => {
    const { history, world } = told(deploy({ files: '1', clock: '1' }), end('clock'), deploy({ files: '2' }), end('files'));
    expect(states(history)).toEqual({ 1: 'error', '1/files': 'error', '1/clock': 'success', 2: 'success', '2/files': 'success' });
    expect(history[0]!.services['files']!.description).toBe(`superseded by ${world.head!.slice(0, 12)}`);
    const bad = told(deploy({ files: '1' }), end('files', false), deploy({ files: '2' }), end('files'));
    expect(states(bad.history)).toEqual({ 1: 'failure', '1/files': 'failure', 2: 'success', '2/files': 'success' });
  });

  test('a commit that touches nothing that runs is a success at once, and the one before goes on', () => {
    const { history } = told(deploy({ files: '1' }), (world) => void world.commit({}));
    expect(states(history)).toEqual({ 1: 'pending', '1/files': 'pending', 2: 'success' });
    expect(history[1]!.whole.description).toBe('Nothing that runs changes');
  });

  test('what turns bad after its promotion turns the status', () => {
    expect(states(told(deploy({ files: '1' }), end('files'), (world) => world.regress('files')).history)).toEqual({
      1: 'failure',
      '1/files': 'failure',
    });
  });

  test('a first deployment that fails to start again and again is a failure while it is tried on, and a success once it starts', () => {
    const failing = (failures: number) => (world: World) => {
      const record = world.records.get('files')!;
      const lastFailure = { code: 'ExitedEarly', message: 'It exited with code 3.', at: 0 };
      world.records.set('files', { ...record, rollout: { ...record.rollout!, failures, lastFailure } });
    };
    expect(states(told(deploy({ files: '1' }), failing(2)).history)).toEqual({ 1: 'pending', '1/files': 'pending' });
    const { history } = told(deploy({ files: '1' }), failing(3));
    expect(states(history)).toEqual({ 1: 'failure', '1/files': 'failure' });
    expect(history[0]!.services['files']!.description).toBe('ExitedEarly: It exited with code 3. Nothing of it serves; it is tried again.');
    expect(states(told(deploy({ files: '1' }), failing(4), end('files')).history)).toEqual({ 1: 'success', '1/files': 'success' });
    // Where something serves already, the rollout itself comes to an end.
    const second = told(deploy({ files: '1' }), end('files'), deploy({ files: '2' }), failing(3));
    expect(states(second.history)).toMatchObject({ 2: 'pending', '2/files': 'pending' });
  });

  test('a reason that its message begins with is said once', () => {
    const rejected = (world: World) => {
      const record = world.records.get('files')!;
      const rejections = [{ ...rejectionOf(record), reason: 'ExitedEarly', message: 'ExitedEarly: It exited with code 3.' }];
      world.records.set('files', { ...record, rollout: null, rejections });
    };
    expect(told(deploy({ files: '1' }), rejected).history[0]!.whole.description).toBe('files: ExitedEarly: It exited with code 3.');
  });

  test('a manifest that does not compile fails the commit, with its place, and stays with the commit that broke it', () => {
    const { history } = told(deploy({ files: '1' }), end('files'), deploy({ files: 'invalid' }), (world) => void world.commit({}));
    expect(states(history)).toEqual({ 1: 'success', '1/files': 'success', 2: 'failure', '2/files': 'failure', 3: 'failure' });
    expect(history[1]!.services['files']!.description).toBe('files.yaml:7:3: No field `replicsa`.');
  });

  test('a suspended service holds its change back without being pending, and follows when it is resumed', () => {
    const steps = [deploy({ files: '1' }), end('files'), (world: World) => world.suspend('files', true), deploy({ files: '2' })];
    expect(states(told(...steps).history)).toEqual({ 1: 'success', '1/files': 'success', 2: 'error', '2/files': 'error' });
    const resume = (world: World) => {
      world.suspend('files', false);
      world.pass('files');
    };
    expect(states(told(...steps, resume).history)).toMatchObject({ 2: 'pending', '2/files': 'pending' });
    expect(states(told(...steps, resume, end('files')).history)).toMatchObject({ 2: 'success', '2/files': 'success' });
  });

  test('a deletion is pending until it is gone; one that the prune guard holds is not', () => {
    const steps = [deploy({ files: '1', clock: '1' }), end('files'), end('clock'), deploy({ files: null })];
    expect(states(told(...steps).history)).toMatchObject({ 2: 'pending', '2/files': 'pending' });
    expect(states(told(...steps, end('files')).history)).toMatchObject({ 1: 'success', 2: 'success', '2/files': 'success' });
    const held = (world: World) => {
      world.commit({});
      world.hold('clock');
    };
    const { history } = told(...steps.slice(0, 3), held);
    expect(states(history)).toMatchObject({ 2: 'error', '2/clock': 'error' });
    expect(history[1]!.services['clock']!.description).toContain('prune guard');
  });

  test('what waits for others is pending only while one of them moves', () => {
    const waiting = (world: World) => world.records.set('files', { ...world.records.get('files')!, rollout: null });
    const { history } = told(deploy({ files: '1', clock: '1' }), waiting);
    expect(states(history)).toMatchObject({ '1/files': 'pending', '1/clock': 'pending' });
    expect(states(told(deploy({ files: '1', clock: '1' }), waiting, end('clock')).history)).toMatchObject({
      1: 'error',
      '1/files': 'error',
      '1/clock': 'success',
    });
  });

  test('nothing is said of commits before the first that was seen', () => {
    const world = new World();
    deploy({ files: '1' })(world);
    world.end('files', true);
    world.commit({});
    expect(states(commitStatuses(world.facts(), []))).toEqual({ 2: 'success' });
  });

  test('before the first Snapshot nothing is said', () => {
    expect(commitStatuses(new World().facts(), [])).toEqual([]);
  });
});

/** A forge that keeps the newest of each context, and refuses when it is told to. */
class FakeForge implements Forge {
  readonly kind = 'gitea';
  readonly newest = new Map<string, CommitStatus>();
  readonly sent: CommitStatus[] = [];
  refusals: Error[] = [];
  /** Called when a status arrives. */
  onStatus: () => void = () => {};

  propose(): Promise<never> {
    throw new Error('not asked for here');
  }

  comment(): Promise<never> {
    throw new Error('not asked for here');
  }

  setStatus(status: CommitStatus): Promise<void> {
    this.onStatus();
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return Promise.reject(refusal);
    this.sent.push(status);
    this.newest.set(`${status.commit} ${status.context}`, status);
    return Promise.resolve();
  }
}

class Reporting {
  readonly forge = new FakeForge();
  readonly settings = new Map<string, string>();
  readonly problems: string[] = [];
  /** Timers not yet run: delay and callback. */
  timers: [number, () => void][] = [];
  #alive = { yes: true };
  reporter = this.started();

  /** Ends the reporter between any two of its steps: nothing that it began is heard of again. */
  kill(): void {
    this.#alive.yes = false;
    this.timers = [];
    this.#alive = { yes: true };
    this.reporter = this.started();
  }

  started(): CommitStatusReporter {
    const life = this.#alive;
    const { forge } = this;
    const ofTheDead = new Promise<never>(() => {});
    return new CommitStatusReporter({
      source: 'main',
      forge: {
        kind: forge.kind,
        propose: forge.propose,
        comment: forge.comment,
        setStatus: (status) => (life.yes ? forge.setStatus(status) : ofTheDead),
      },
      store: {
        setting: (key) => (life.yes ? Promise.resolve(this.settings.get(key) ?? null) : ofTheDead),
        saveSetting: (_epoch, key, value) => (life.yes ? Promise.resolve(void this.settings.set(key, value!)) : ofTheDead),
      },
      epoch: 1,
      clock: {
        now: () => 0,
        elapsedMs: () => 0,
        after: (delayMs, callback) => {
          const timer: [number, () => void] = [delayMs, callback];
          this.timers.push(timer);
          return () => (this.timers = this.timers.filter((other) => other !== timer));
        },
      },
      targetUrl: (service) => (service === null ? null : `http://127.0.0.1:7401/api/v1/services/${service}`),
      onProblem: (message) => this.problems.push(message),
    });
  }

  /** Lets time pass for whoever waits, until nobody does. */
  async settle(): Promise<void> {
    for (;;) {
      await this.reporter.idle();
      const due = this.timers;
      if (due.length === 0) return;
      this.timers = [];
      for (const [, callback] of due) callback();
    }
  }
}

describe('telling the forge', () => {
  test('only differences are sent, the whole after its services', async () => {
    const world = new World();
    const reporting = new Reporting();
    world.commit({ files: '1' });
    world.pass('files');
    reporting.reporter.report(world.facts());
    await reporting.settle();
    reporting.reporter.report(world.facts());
    await reporting.settle();
    world.end('files', true);
    reporting.reporter.report(world.facts());
    await reporting.settle();
    expect(reporting.forge.sent.map(({ context, state }) => `${context} ${state}`)).toEqual([
      'fairlead/main/files pending',
      'fairlead/main pending',
      'fairlead/main/files success',
      'fairlead/main success',
    ]);
    expect(reporting.forge.sent[0]!.targetUrl).toBe('http://127.0.0.1:7401/api/v1/services/files');
  });

  test('a forge that fails is asked again, after the time that it asks for; newer facts do not hurry it', async () => {
    const world = new World();
    const reporting = new Reporting();
    reporting.forge.refusals = [
      new FairleadError('ForgeLimited', 'slow down', { data: { retryAfterMs: 90_000 } }),
      new FairleadError('ForgeUnreachable', 'oops'),
      new FairleadError('ForgeUnreachable', 'oops'),
    ];
    world.commit({ files: '1' });
    world.pass('files');
    reporting.reporter.report(world.facts());
    await reporting.reporter.idle();
    world.end('files', true);
    reporting.reporter.report(world.facts());
    await reporting.reporter.idle();
    expect(reporting.timers.map(([delay]) => delay)).toEqual([90_000]);
    expect(reporting.forge.sent).toEqual([]);
    await reporting.settle();
    expect(reporting.forge.sent.map(({ state }) => state)).toEqual(['success', 'success']);
    expect(reporting.problems).toHaveLength(2);
  });

  test('a status that the forge will never take is told once, and the others are sent', async () => {
    const world = new World();
    const reporting = new Reporting();
    reporting.forge.refusals = [new FairleadError('ForgeRefused', 'No commit found for SHA')];
    world.commit({ files: '1' });
    world.pass('files');
    reporting.reporter.report(world.facts());
    await reporting.settle();
    expect(reporting.forge.sent.map(({ context }) => context)).toEqual(['fairlead/main']);
    expect(reporting.problems).toHaveLength(1);
  });

  test('a repository that the forge does not show to the token is asked for again: somebody may mend the token', async () => {
    const world = new World();
    const reporting = new Reporting();
    reporting.forge.refusals = [new FairleadError('ForgeNotFound', 'answered 404: Not Found')];
    world.commit({ files: '1' });
    world.pass('files');
    reporting.reporter.report(world.facts());
    await reporting.reporter.idle();
    expect(reporting.forge.sent).toEqual([]);
    await reporting.settle();
    expect(reporting.forge.sent.map(({ context }) => context)).toEqual(['fairlead/main/files', 'fairlead/main']);
  });

  test('killed after the forge took it and before that was stored, the next one knows of it', async () => {
    const world = new World();
    const reporting = new Reporting();
    world.commit({ files: '1' });
    world.pass('files');
    let stored = '';
    reporting.forge.onStatus = () => (stored = reporting.settings.get('commit-status/main')!);
    reporting.reporter.report(world.facts());
    await reporting.settle();
    reporting.settings.set('commit-status/main', stored);
    world.commit({ files: '2' });
    world.pass('files');
    world.end('files', true);
    reporting.reporter = reporting.started();
    reporting.reporter.report(world.facts());
    await reporting.settle();
    expect([...reporting.forge.newest.values()].filter(({ state }) => state === 'pending')).toEqual([]);
  });

  test('of a commit that touches very many services only those that fail are told one by one', async () => {
    const world = new World();
    const reporting = new Reporting();
    const names = Array.from({ length: 60 }, (_, index) => `s${index}`);
    world.commit(Object.fromEntries(names.map((name) => [name, '1'])));
    for (const name of names) world.pass(name);
    reporting.reporter.report(world.facts());
    await reporting.settle();
    for (const name of names) world.end(name, name !== 's7');
    reporting.reporter.report(world.facts());
    await reporting.settle();
    expect(reporting.forge.sent.map(({ context, state }) => `${context} ${state}`)).toEqual([
      'fairlead/main pending',
      'fairlead/main/s7 failure',
      'fairlead/main failure',
    ]);
  });
});

test('after everything has settled no commit that ever was pending is left so, whatever happened, was lost or was killed on the way', async () => {
  const names = ['a', 'b', 'c'];
  const name = fc.constantFrom(...names);
  const change = fc.dictionary(name, fc.constantFrom('1', '2', '3', 'invalid', null), { maxKeys: 3 });
  const step = fc.oneof(
    fc.record({ do: fc.constant('commit' as const), change }),
    fc.record({
      do: fc.constantFrom(
        'pass' as const,
        'promote' as const,
        'reject' as const,
        'regress' as const,
        'suspend' as const,
        'resume' as const,
        'hold' as const,
      ),
      name,
    }),
    fc.record({ do: fc.constantFrom('report' as const, 'restart' as const, 'kill' as const, 'fail' as const, 'wait' as const) }),
  );
  let everPending = 0;
  let superseded = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = new World();
      const reporting = new Reporting();
      const pending = new Set<string>();
      for (const each of steps) {
        if (each.do === 'commit') world.commit(each.change);
        else if (each.do === 'pass') world.pass(each.name);
        else if (each.do === 'promote') world.end(each.name, true);
        else if (each.do === 'reject') world.end(each.name, false);
        else if (each.do === 'regress') world.regress(each.name);
        else if (each.do === 'suspend' || each.do === 'resume') world.suspend(each.name, each.do === 'suspend');
        else if (each.do === 'hold') world.hold(each.name);
        else if (each.do === 'fail') reporting.forge.refusals.push(new FairleadError('ForgeUnreachable', 'oops'));
        else if (each.do === 'wait') await reporting.settle();
        else if (each.do === 'kill') reporting.kill();
        else if (each.do === 'restart') {
          await reporting.reporter.close();
          reporting.timers = [];
          reporting.reporter = reporting.started();
        }
        reporting.reporter.report(world.facts());
        if (each.do === 'report') await reporting.reporter.idle();
        // So that kills come in the middle of the reporter's work.
        else await Promise.resolve();
      }
      for (const each of names) {
        world.pass(each);
        world.end(each, true);
      }
      reporting.reporter.report(world.facts());
      await reporting.settle();
      for (const { commit, context, state } of reporting.forge.sent) if (state === 'pending') pending.add(`${commit} ${context}`);
      everPending += pending.size;
      const left = [...reporting.forge.newest.values()].filter(({ state }) => state === 'pending');
      superseded += [...reporting.forge.newest.values()].filter(({ description }) => description.startsWith('superseded')).length;
      expect(left).toEqual([]);
    }),
    { numRuns: 300 },
  );
  // The property is about something.
  expect(everPending).toBeGreaterThan(30);
  expect(superseded).toBeGreaterThan(20);
});
