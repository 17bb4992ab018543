/** The loop around the heart: what is stored, what is sent, in which order, and what failures do to both. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/model/plan.ts';
import type { Issue } from '../../src/model/issue.ts';
import { service } from '../core/situation.ts';
import { World } from './world.ts';

const named = (name: string, more: Parameters<typeof service>[1] = {}) => service(`${name}-1`, { name, ...more });
const issue: Issue = { code: 'UnknownField', severity: 'error', message: '', file: 'a.yaml', line: 1, column: 1, path: '', subject: 'a' };

describe('the loop', () => {
  it('brings a declared service to Active', async () => {
    const world = await new World().with(named('a'));
    expect(world.state('a')).toBe('Active');
    expect(world.host.plans.get('a')!.route!.weights).toEqual({ [named('a').revision.hash]: 100 });
  });

  it('stores before it sends', async () => {
    const world = new World();
    world.source.declare([named('a')]);
    await world.start();
    world.store.afterSave = () => expect(world.store.saves).toHaveLength(world.host.sent.length + 1);
    world.host.connect();
    await world.settle();
    expect(world.host.sent.length).toBeGreaterThan(0);
    expect(world.problems).toEqual([]);
  });

  it('writes nothing and sends nothing on a pass that changes nothing', async () => {
    const world = await new World().with(named('a'), named('b'));
    const [saves, sent] = [world.store.saves.length, world.host.sent.length];
    world.controller.loop.queueAll();
    world.host.report('a');
    await world.settle();
    expect([world.store.saves.length, world.host.sent.length]).toEqual([saves, sent]);
  });

  it('passes only over the services that a Snapshot changed', async () => {
    const world = await new World().with(named('a'), named('b'));
    const passes: string[] = [];
    const { decide } = world;
    world.decide = (desired, ...rest) => {
      passes.push(desired.service);
      return decide(desired, ...rest);
    };
    world.source.declare([named('a'), service('b-2', { name: 'b' })]);
    await world.settle();
    expect(new Set(passes)).toEqual(new Set(['b']));
  });

  it('stores many services in one transaction', async () => {
    const world = new World();
    world.source.declare(Array.from({ length: 50 }, (_, index) => named(`s${index}`)));
    await world.start();
    world.host.connect();
    await world.settle();
    expect(world.store.saves[0]).toHaveLength(50);
  });

  it('decides nothing before the Host has said what it sees', async () => {
    const world = new World();
    world.source.declare([named('a')]);
    await world.start();
    await world.settle();
    expect(world.store.saves).toEqual([]);
    world.host.connect();
    await world.settle();
    expect(world.state('a')).toBe('Active');
  });

  it('decides nothing while the Host is away and sends every Plan again when it is back', async () => {
    const world = await new World().with(named('a'));
    world.host.disconnect();
    world.source.declare([service('a-2', { name: 'a' })]);
    await world.settle();
    const sent = world.host.sent.length;
    world.host.connect();
    await world.settle();
    expect((world.host.sent[sent] as Plan).service).toBe('a');
    expect(world.controller.readModel.service('a')!.record.stable!.hash).toBe(service('a-2').revision.hash);
  });

  it('has the Host forget what nothing is remembered of', async () => {
    const world = await new World().with(named('ghost'), named('a'));
    const { plans } = world.host;
    const other = new World();
    other.source.declare([named('a')]);
    for (const [name, plan] of plans) other.host.plans.set(name, plan);
    await other.start();
    other.host.connect();
    await other.settle();
    expect(other.host.sent).toContainEqual({ forget: 'ghost' });
    expect([...other.host.plans.keys()]).toEqual(['a']);
  });

  it('stores a Contract once for as long as the Host stays connected', async () => {
    const world = await new World().with(named('a'));
    const contract = { hash: 'h', tools: [], prompts: [], resources: [], resourceTemplates: [] };
    const saved: string[] = [];
    world.store.saveContract = async (_epoch, { hash }) => void saved.push(hash);
    for (let connection = 0; connection < 2; connection += 1) {
      for (let times = 0; times < 3; times += 1) {
        world.controller.loop.contract(contract);
        await world.settle();
      }
      world.host.connect();
    }
    expect(saved).toEqual(['h', 'h']);
  });

  it('starts the services that wait once the one they depend on is ready', async () => {
    const world = new World();
    const web = named('web', { dependsOn: [{ service: 'db', condition: 'Ready' }] });
    world.host.connects = () => false;
    await world.with(web, named('db'));
    expect(world.host.plans.get('web')!.instances).toEqual([]);
    world.host.connects = () => true;
    world.host.report('db');
    await world.settle();
    expect([world.state('db'), world.state('web')]).toEqual(['Active', 'Active']);
  });

  it('wakes a service at the instant its decision named, and no earlier', async () => {
    const world = await new World().with(named('a'));
    const stuck = service('a-2', { name: 'a', migration: { ...named('a').migration, progressDeadlineMs: 5_000 } });
    world.host.connects = (revision) => revision !== stuck.revision.hash;
    world.source.declare([stuck]);
    await world.clock.advance(4_900);
    expect(world.controller.readModel.service('a')!.record.rejections).toEqual([]);
    await world.clock.advance(200);
    expect(world.controller.readModel.service('a')!.record.rejections).toMatchObject([{ revision: stuck.revision.hash }]);
  });
});

describe('a save that fails', () => {
  it('sends nothing, is tried again, and ends where it would have', async () => {
    const world = new World();
    world.store.failSaves = 3;
    await world.with(named('a'));
    expect(world.host.sent).toEqual([]);
    await world.clock.advance(99);
    expect(world.host.sent).toEqual([]);
    await world.clock.advance(1_000);
    expect(world.state('a')).toBe('Active');
    expect(world.problems).toHaveLength(3);
  });

  it('of one service holds up no other', async () => {
    const world = new World();
    world.store.failFor = 'b';
    await world.with(named('a'), named('b'), named('c'));
    expect([world.state('a'), world.state('c')]).toEqual(['Active', 'Active']);
    expect(world.controller.readModel.service('b')).toBeNull();
    world.store.failFor = null;
    await world.clock.advance(60_000);
    expect(world.state('b')).toBe('Active');
  });

  it('keeps the Commands that it would have taken', async () => {
    const world = await new World().with(named('a'));
    await world.store.addCommand(world.controller.epoch, { service: 'a', kind: 'suspend', uid: 1, at: 1 });
    world.store.failSaves = 1;
    await world.controller.loop.commanded('a');
    expect(world.controller.readModel.service('a')!.record.suspended).toBe(false);
    await world.clock.advance(100);
    expect(world.controller.readModel.service('a')!.record.suspended).toBe(true);
    expect((await world.reasons('a')).filter((reason) => reason === 'ServiceSuspended')).toHaveLength(1);
  });

  it('of an epoch that was followed ends the controller without a word to the Host', async () => {
    const world = await new World().with(named('a'));
    await world.store.takeEpoch();
    const sent = world.host.sent.length;
    world.source.declare([service('a-2', { name: 'a' })]);
    await world.settle();
    expect(world.fenced).toBe(true);
    expect(world.host.sent).toHaveLength(sent);
    await world.clock.advance(60_000);
    expect(world.host.sent).toHaveLength(sent);
  });
});

it('ends when the Host says that a newer controller speaks to it', async () => {
  const world = await new World().with(named('a'));
  world.host.disconnect('StaleEpoch: 2 is newer');
  expect(world.fenced).toBe(true);
});

describe('a controller that was killed', () => {
  it.each([1, 2, 3, 4, 5, 6])('right after save %i of an update goes on to the same end', async (fatal) => {
    const world = await new World().with(named('a'));
    const target = service('a-2', { name: 'a' });
    let saves = 0;
    let killed = false;
    const send = world.host.send.bind(world.host);
    world.store.afterSave = () => {
      saves += 1;
      killed ||= saves === fatal;
    };
    // Between the save and the send: what it would have sent is lost, and so is all that it would have done next.
    world.host.send = (plan) => {
      if (!killed) send(plan);
    };
    world.source.declare([target]);
    await world.settle();
    await world.kill();
    world.store.afterSave = () => {};
    await world.start();
    world.host.connect();
    await world.clock.advance(120_000);
    const { record } = world.controller.readModel.service('a')!;
    expect(record).toMatchObject({ state: 'Active', rollout: null, stable: { hash: target.revision.hash } });
    expect(world.host.plans.get('a')!.instances.map(({ revision }) => revision)).toEqual([target.revision.hash]);
    const verdicts = (await world.reasons('a')).filter((reason) => reason === 'RolloutPromoted' || reason === 'Promoted');
    expect(record.verdicts.filter(({ result }) => result === 'Promoted')).toHaveLength(2);
    expect(new Set(verdicts).size).toBeLessThanOrEqual(1);
  });

  it('takes the next epoch, sends the Plans that it finds, and stores nothing anew', async () => {
    const world = await new World().with(named('a'));
    const first = world.controller.epoch;
    const saves = world.store.saves.length;
    await world.kill();
    await world.start();
    world.host.connect();
    await world.settle();
    expect(world.host.epoch).toBe(first + 1);
    expect(world.state('a')).toBe('Active');
    expect(world.host.sent).toMatchObject([{ service: 'a' }]);
    expect(world.store.saves).toHaveLength(saves);
  });
});

describe('what the source says', () => {
  it('that cannot be read leaves everything running, also after a restart', async () => {
    const world = await new World().with(named('a'));
    await world.kill();
    world.sources[0] = Object.assign(world.source, { suspended: true });
    await world.start();
    world.host.connect();
    await world.settle();
    expect(world.store.saves.flat().every(({ archive }) => !archive)).toBe(true);
    world.source.unreadable('no such folder');
    await world.settle();
    expect(world.state('a')).toBe('Active');
    expect(world.controller.readModel.sources()[0]).toMatchObject({ failure: 'no such folder' });
    expect(await world.reasons()).toContain('SourceUnreadable');
  });

  it('in a Snapshot that is still being compiled when the source goes away does not hide that it is away', async () => {
    const world = await new World().with(named('a'));
    const held = Promise.withResolvers<void>();
    const compile = world.source.compile.bind(world.source);
    world.source.compile = async (snapshot) => held.promise.then(() => compile(snapshot));
    world.source.declare([service('a-2', { name: 'a' })]);
    world.source.unreadable('no such folder');
    held.resolve();
    await world.settle();
    expect(world.controller.readModel.sources()[0]!.failure).toBe('no such folder');
    expect(world.controller.readModel.service('a')!.record.stable!.hash).toBe(service('a-2').revision.hash);
    await world.source.refresh();
    await world.settle();
    expect(world.controller.readModel.sources()[0]!.failure).toBeNull();
  });

  it('is asked for when its source is said to have moved, also of one that knows no cheaper way than to be read again', async () => {
    const world = await new World().with(named('a'));
    world.source.unreadable('no such folder');
    await world.settle();
    await world.controller.source(world.source.name).poll();
    expect(world.controller.readModel.sources()[0]!.failure).toBeNull();
  });

  it('last counts: what was overtaken while one was compiled is never looked at', async () => {
    const world = await new World().with(named('a'));
    const { compilations } = world.source;
    const held = Promise.withResolvers<void>();
    const compile = world.source.compile.bind(world.source);
    const compiled: string[] = [];
    world.source.compile = async (snapshot) => {
      compiled.push(snapshot.id);
      await held.promise;
      return compile(snapshot);
    };
    for (const version of ['a-2', 'a-3', 'a-4']) world.source.declare([service(version, { name: 'a' })]);
    held.resolve();
    await world.settle();
    expect(compiled).toEqual(['snapshot-2', 'snapshot-4']);
    expect(world.source.compilations - compilations).toBe(2);
    expect(world.controller.readModel.service('a')!.record.stable!.hash).toBe(service('a-4').revision.hash);
  });

  it('of a manifest that does not compile lets the last valid one go on', async () => {
    const world = await new World().with(named('a'));
    world.source.declare([], { a: [issue] });
    await world.settle();
    expect(world.state('a')).toBe('Active');
    expect(world.controller.readModel.service('a')).toMatchObject({ issues: [issue] });
    expect(world.host.plans.get('a')!.instances).toHaveLength(1);
  });

  it('of a file that cannot be read at all deletes nothing that was last declared in it', async () => {
    const origin = { source: 'folder', snapshot: 'snapshot-1', file: 'broken.yaml', line: 1 };
    const world = await new World().with(named('a', { origin }), named('b'));
    world.source.doubtfulFiles = ['broken.yaml'];
    world.source.declare([]);
    await world.clock.advance(120_000);
    expect([world.state('a'), world.state('b')]).toEqual(['Active', undefined]);
  });

  it('of a manifest that is gone drains, archives and forgets; declared again, its history is back', async () => {
    const world = await new World().with(named('a'), named('b'));
    world.source.declare([named('b')]);
    await world.clock.advance(120_000);
    expect(world.state('a')).toBeUndefined();
    expect(world.host.sent).toContainEqual({ forget: 'a' });
    expect(await world.store.archived('a')).toMatchObject({ service: 'a', rolloutCount: 1 });
    world.source.declare([named('a'), named('b')]);
    await world.settle();
    expect(world.controller.readModel.service('a')!.record).toMatchObject({
      state: 'Active',
      rolloutCount: expect.toSatisfy((n) => n > 0),
    });
    expect(await world.store.archived('a')).toBeNull();
  });

  it('that the prune guard holds deletes nothing and is told once', async () => {
    const world = await new World().with(named('a'), named('b'));
    world.guardPrune = ({ missing }) => missing;
    world.source.declare([]);
    await world.settle();
    world.source.declare([]);
    await world.settle();
    expect([world.state('a'), world.state('b')]).toEqual(['Active', 'Active']);
    expect(world.controller.readModel.sources()[0]!.pruneHeld).toEqual(['a', 'b']);
    expect((await world.reasons()).filter((reason) => reason === 'PruneHeld')).toHaveLength(1);
    world.source.declare([named('a'), named('b')]);
    await world.settle();
    expect(world.controller.readModel.sources()[0]!.pruneHeld).toEqual([]);
  });

  it('that was held is held by a controller that starts afterwards', async () => {
    const world = await new World().with(named('a'), named('b'));
    world.guardPrune = ({ missing }) => missing;
    await world.kill();
    world.source.declare([]);
    await world.start();
    world.host.connect();
    await world.settle();
    expect([world.state('a'), world.state('b')]).toEqual(['Active', 'Active']);
  });

  it('lets go what somebody asked by name to delete', async () => {
    const world = await new World().with(named('a'), named('b'));
    world.guardPrune = ({ missing }) => missing;
    await world.controller.approveDeletions(['a']);
    world.source.declare([]);
    await world.clock.advance(120_000);
    expect([world.state('a'), world.state('b')]).toEqual([undefined, 'Active']);
    world.source.declare([named('a')]);
    await world.settle();
    world.source.declare([]);
    await world.clock.advance(120_000);
    expect(world.state('a')).toBe('Active');
  });

  it('is compiled again when the compiler broke, and everything goes on until then', async () => {
    const world = await new World().with(named('a'));
    world.source.failCompilations = 1;
    world.source.declare([service('a-2', { name: 'a' })]);
    await world.settle();
    expect(world.controller.readModel.sources()[0]!.failure).toContain('the compiler broke');
    await world.clock.advance(1_000);
    expect(world.controller.readModel.sources()[0]!.failure).toBeNull();
    expect(world.controller.readModel.service('a')!.record.stable!.hash).toBe(service('a-2').revision.hash);
  });

  it('is not asked for while the source is suspended, also after a restart', async () => {
    const world = await new World().with(named('a'));
    await world.controller.suspendSource('folder', true);
    await world.kill();
    await world.start();
    expect(world.source.suspended).toBe(true);
    world.host.connect();
    await world.settle();
    expect(world.state('a')).toBe('Active');
    world.source.declare([service('a-2', { name: 'a' })]);
    await world.settle();
    expect(world.controller.readModel.service('a')!.record.stable!.hash).toBe(named('a').revision.hash);
    await world.controller.suspendSource('folder', false);
    await world.settle();
    expect(world.controller.readModel.service('a')!.record.stable!.hash).toBe(service('a-2').revision.hash);
  });
});

describe('a defect of the heart on one service', () => {
  it('is told once and harms no other service', async () => {
    const world = new World();
    const { decide } = world;
    world.decide = (desired, ...rest) => {
      if (desired.service === 'bad') throw new Error('defect');
      return decide(desired, ...rest);
    };
    await world.with(named('bad'), named('good'));
    await world.clock.advance(120_000);
    expect(world.state('good')).toBe('Active');
    expect((await world.reasons('bad')).filter((reason) => reason === 'PassBroken')).toHaveLength(1);
    world.decide = decide;
    await world.clock.advance(60_000);
    expect(world.state('bad')).toBe('Active');
  });
});

describe('the read model', () => {
  it('tells of Events after they were stored, and of changes', async () => {
    const world = await new World().with(named('a'));
    const told: number[] = [];
    const changed = new Set<string>();
    const stop = world.controller.readModel.onEvent(({ seq }) => told.push(seq));
    world.controller.readModel.onChange((name) => changed.add(name));
    world.source.declare([named('a'), named('b')]);
    await world.settle();
    stop();
    const stored = (await world.store.events({})).map(({ seq }) => seq);
    expect(told.length).toBeGreaterThan(0);
    expect(stored).toEqual(expect.arrayContaining(told));
    expect(changed.has('b')).toBe(true);
    const count = told.length;
    world.source.declare([named('a')]);
    await world.settle();
    expect(told).toHaveLength(count);
  });

  it('shows services by name, with what the Host sees', async () => {
    const world = await new World().with(named('b'), named('a'));
    const views = world.controller.readModel.services();
    expect(views.map(({ record }) => record.service)).toEqual(['a', 'b']);
    expect(views[0]).toMatchObject({ observation: { service: 'a' }, spec: { type: 'server' }, issues: [] });
    expect(world.controller.readModel.about()).toMatchObject({ epoch: 1, hostConnected: true });
  });
});
