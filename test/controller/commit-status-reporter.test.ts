/** How a forge is told of its commits: what is sent, and again, and that no commit is left pending, whatever happened. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import { CommitStatusReporter } from '../../src/controller/commit-status-reporter.ts';
import type { CommitStatus, Forge } from '../../src/ports/forge.ts';
import { CommitWorld } from './commit-world.ts';

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
    const world = new CommitWorld();
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
    const world = new CommitWorld();
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
    const world = new CommitWorld();
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
    const world = new CommitWorld();
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
    const world = new CommitWorld();
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
    const world = new CommitWorld();
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
      const world = new CommitWorld();
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
