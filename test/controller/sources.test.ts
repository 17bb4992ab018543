/** Several sources at once: what each of them decides alone, and whose a name is. */
import { describe, expect, it } from 'vitest';
import { Operator } from '../../src/controller/operator.ts';
import { heldDeletions } from '../../src/manifest/prune.ts';
import type { Service } from '../../src/model/service.ts';
import { service } from '../core/situation.ts';
import { FakeSource, World } from './world.ts';

/** A Service of a source, in version 1 unless told otherwise. */
function of(source: string, name: string, version = '1', more: Partial<Service> = {}): Service {
  const made = service(version, {
    name,
    expose: { ...service('1').expose, prefix: name },
    ...more,
    origin: { source, snapshot: `${source}-x`, file: `${name}.yaml`, line: 3 },
  });
  return { ...made, specHash: `${name} ${version} ${JSON.stringify(more)}` };
}

/** A world of sources `north` and `south`, each with what it declares; null: it has not been read. */
async function worldOf(
  north: readonly Service[] | null,
  south: readonly Service[] | null,
): Promise<World & { north: FakeSource; south: FakeSource }> {
  const world = new World();
  world.sources = [new FakeSource('north'), new FakeSource('south')];
  if (north !== null) world.sources[0]!.declare(north);
  if (south !== null) world.sources[1]!.declare(south);
  await world.start();
  world.host.connect();
  await world.settle();
  return Object.defineProperties(world as World & { north: FakeSource; south: FakeSource }, {
    north: { get: () => world.sources[0] },
    south: { get: () => world.sources[1] },
  });
}

const recordOf = (world: World, name: string) => world.controller.readModel.service(name)?.record;
const sourceOf = (world: World, name: string) => recordOf(world, name)?.desired?.origin.source;
const stableOf = (world: World, name: string) => recordOf(world, name)?.stable?.hash;
const viewOf = (world: World, source: string) => world.controller.readModel.sources().find(({ name }) => name === source)!;
const issuesOf = (world: World, source: string) =>
  viewOf(world, source).issues.map(({ code, severity, message }) => ({ code, severity, message }));
const running = (version: string) => service(version).revision.hash;
const idsOf = (world: World, name: string) => world.host.plans.get(name)!.instances.map(({ id }) => id);

async function restarted(world: World): Promise<void> {
  await world.kill();
  await world.start();
  world.host.connect();
  await world.settle();
}

describe('sources side by side', () => {
  it('each have their services, their snapshot and their own failure', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    expect([world.state('a'), world.state('b')]).toEqual(['Active', 'Active']);
    world.south.unreadable('no route to host');
    world.north.declare([of('north', 'a', '2')]);
    await world.settle();
    expect(stableOf(world, 'a')).toBe(running('2'));
    expect(world.state('b')).toBe('Active');
    const [north, south] = world.controller.readModel.sources();
    expect(north).toMatchObject({ name: 'north', location: '/north', snapshot: 'north-2', failure: null, services: 1 });
    expect(south).toMatchObject({ name: 'south', location: '/south', snapshot: 'south-1', failure: 'no route to host', services: 1 });
  });

  it('that takes its time at the start keeps nothing that runs from going on', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    await world.kill();
    world.south.suspended = true;
    await world.start();
    world.host.connect();
    world.north.declare([of('north', 'a', '2')]);
    await world.settle();
    expect([stableOf(world, 'a'), stableOf(world, 'b')]).toEqual([running('2'), running('1')]);
  });

  it('are all asked before a new name is taken', async () => {
    const world = await worldOf([of('north', 'a')], null);
    expect(world.state('a')).toBeUndefined();
    world.south.declare([of('south', 'b')]);
    await world.settle();
    expect([world.state('a'), world.state('b')]).toEqual(['Active', 'Active']);
  });

  it('that cannot be read at the start need not be waited for', async () => {
    const world = await worldOf([of('north', 'a')], null);
    world.south.unreadable('refused');
    await world.settle();
    expect(world.state('a')).toBe('Active');
  });

  it('are suspended one by one, also over a restart', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    await world.controller.suspendSource('south', true);
    await restarted(world);
    world.north.declare([of('north', 'a', '2')]);
    world.south.declare([of('south', 'b', '2')]);
    await world.settle();
    expect([stableOf(world, 'a'), stableOf(world, 'b')]).toEqual([running('2'), running('1')]);
    expect([viewOf(world, 'north').suspended, viewOf(world, 'south').suspended]).toEqual([false, true]);
    await world.controller.suspendSource('south', false);
    await world.settle();
    expect(stableOf(world, 'b')).toBe(running('2'));
  });

  it('are read again one by one', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    const before = world.sources.map(({ compilations }) => compilations);
    await world.controller.reconcile('south');
    expect(world.sources.map(({ compilations }) => compilations)).toEqual([before[0], before[1]! + 1]);
    await expect(world.controller.reconcile('west')).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('north, south'),
    });
  });

  it('are told over a restart which snapshot was applied last', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    expect(world.sources.map(({ lastApplied }) => lastApplied)).toEqual([null, null]);
    world.north.declare([of('north', 'a', '2')]);
    await world.settle();
    await restarted(world);
    expect(world.sources.map(({ lastApplied }) => lastApplied)).toEqual(['north-2', 'south-1']);
  });

  it('may depend on each other, and be one group', async () => {
    const migration = { ...service('1').migration, releaseTogether: 'both' };
    const world = await worldOf(
      [of('north', 'a', '1', { dependsOn: [{ service: 'b', condition: 'Ready' }], migration })],
      [of('south', 'b', '1', { migration })],
    );
    const at = { severity: 'warning', message: '', file: 'a.yaml', line: 1, column: 1, subject: 'a' } as const;
    const alone = [
      { ...at, code: 'UnknownDependency', path: 'spec.dependsOn[0].service' },
      { ...at, code: 'GroupOfOne', path: 'spec.migration.releaseTogether' },
    ];
    expect(world.controller.declarations.amend('north', alone)).toEqual([]);
    world.south.declare([]);
    await world.settle();
    expect(world.controller.declarations.amend('north', alone)).toEqual(alone);
    expect(world.state('a')).toBe('Active');
  });
});

describe('services of different sources that cannot well be together', () => {
  it.each([
    ['one prefix', {}, 'PrefixConflict', 'have the prefix `files`'],
    ['a circle of dependencies', { a: 'b', b: 'a' }, 'DependencyCycle', 'a → b → a'],
  ])('%s: both are warned, and neither is refused', async (_what, needs: Record<string, string>, code, words) => {
    const needing = (name: string): Partial<Service> => ({
      expose: { ...service('1').expose, prefix: code === 'PrefixConflict' ? 'files' : name },
      dependsOn: needs[name] === undefined ? [] : [{ service: needs[name], condition: 'Ready' }],
    });
    const world = await worldOf([of('north', 'a', '1', needing('a'))], [of('south', 'b', '1', needing('b'))]);
    for (const source of ['north', 'south']) expect(issuesOf(world, source)).toMatchObject([{ code, severity: 'warning' }]);
    expect(issuesOf(world, 'north')[0]!.message).toContain(words);
    expect(world.controller.readModel.service('a')!.issues).toMatchObject([{ code, file: 'a.yaml', line: 3 }]);
    expect(recordOf(world, 'b')!.desired).not.toBeNull();
    world.south.declare([]);
    await world.settle();
    expect(issuesOf(world, 'north')).toEqual([]);
  });
});

describe('what is applied', () => {
  it('is stored before anything of it is acted upon', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    const { store } = world;
    const save = store.saveSetting.bind(store);
    let fails = 2;
    Object.assign(store, {
      saveSetting: async (...args: Parameters<typeof save>) => {
        if (args[1] === 'snapshot:north' && fails-- > 0) throw new Error('disk');
        return save(...args);
      },
    });
    world.north.declare([of('north', 'a', '2')]);
    await world.settle();
    expect(stableOf(world, 'a')).toBe(running('1'));
    expect(world.problems.join()).toContain('disk');
    world.south.declare([of('south', 'b', '2')]);
    await world.settle();
    expect(stableOf(world, 'b')).toBe(running('2'));
    await world.clock.advance(2_000);
    expect(stableOf(world, 'a')).toBe(running('2'));
    expect(await store.setting('snapshot:north')).toBe('north-2');
  });

  it('is what a source calls an event of its own', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    world.south.happens({ type: 'Warning', reason: 'RewindRefused', message: 'the branch was forced back.', snapshot: 'abc' });
    await world.settle();
    const told = (await world.store.events({})).find(({ reason }) => reason === 'RewindRefused');
    expect(told).toMatchObject({ type: 'Warning', message: 'south: the branch was forced back.', snapshot: 'abc', service: null });
  });
});

describe('a path that a commit has nothing at', () => {
  const unmatched = (path: string) => ({ path, near: null, message: `The path ${path} matches nothing.` });
  const toldOf = async (world: World) =>
    (await world.store.events({})).filter(({ reason }) => reason === 'PathsUnmatched').map(({ message }) => message);

  it('is told once, and shown as long as it stands; the guard holds what is gone with it', async () => {
    const world = await worldOf([of('north', 'a'), of('north', 'b')], [of('south', 'c')]);
    world.guardPrune = heldDeletions;
    world.north.unmatchedPaths = [unmatched('deplyo')];
    world.north.declare([]);
    await world.settle();
    world.north.declare([]);
    await world.settle();
    expect(await toldOf(world)).toEqual(['north: The path deplyo matches nothing.']);
    expect([viewOf(world, 'north').unmatchedPaths, viewOf(world, 'north').failure]).toEqual([[unmatched('deplyo')], null]);
    expect([viewOf(world, 'north').pruneHeld, stableOf(world, 'a')]).toEqual([['a', 'b'], running('1')]);
    world.north.unmatchedPaths = [];
    world.north.declare([of('north', 'a'), of('north', 'b')]);
    await world.settle();
    expect([viewOf(world, 'north').unmatchedPaths, viewOf(world, 'north').pruneHeld, await toldOf(world)]).toEqual([
      [],
      [],
      ['north: The path deplyo matches nothing.'],
    ]);
  });

  it('is told again when it is another one, and after a restart', async () => {
    const world = await worldOf([], []);
    world.north.unmatchedPaths = [unmatched('x')];
    world.north.declare([]);
    await world.settle();
    world.north.unmatchedPaths = [unmatched('y')];
    world.north.declare([]);
    await world.settle();
    await restarted(world);
    expect(await toldOf(world)).toEqual(['x', 'y', 'y'].map((path) => `north: The path ${path} matches nothing.`));
  });
});

describe('a name in two sources', () => {
  it('stays with the one that it runs from; the other is refused, and both are told', async () => {
    const world = await worldOf([of('north', 'a')], []);
    world.south.declare([of('south', 'a', '9')]);
    await world.settle();
    expect([sourceOf(world, 'a'), stableOf(world, 'a')]).toEqual(['north', running('1')]);
    expect(issuesOf(world, 'north')).toEqual([
      { code: 'DuplicateService', severity: 'warning', message: expect.stringContaining('a.yaml:3 of source south') },
    ]);
    expect(issuesOf(world, 'south')).toEqual([
      { code: 'DuplicateService', severity: 'error', message: expect.stringContaining('a.yaml:3 of source north') },
    ]);
    expect(world.controller.readModel.service('a')!.issues.map(({ severity }) => severity)).toEqual(['warning', 'error']);
    world.north.declare([of('north', 'a', '2')]);
    await world.settle();
    expect(stableOf(world, 'a')).toBe(running('2'));
    await restarted(world);
    expect([sourceOf(world, 'a'), stableOf(world, 'a')]).toEqual(['north', running('2')]);
  });

  it('is taken from neither when it runs from none', async () => {
    const world = await worldOf([of('north', 'a'), of('north', 'b')], [of('south', 'a', '9')]);
    expect(recordOf(world, 'a')).toMatchObject({ desired: null });
    expect(world.state('b')).toBe('Active');
    expect([...issuesOf(world, 'north'), ...issuesOf(world, 'south')].map(({ severity }) => severity)).toEqual(['error', 'error']);
    world.south.declare([]);
    await world.settle();
    expect([world.state('a'), sourceOf(world, 'a')]).toEqual(['Active', 'north']);
    expect(issuesOf(world, 'north')).toEqual([]);
  });

  it('is not taken from one while the other, which it runs from, cannot be read', async () => {
    const world = await worldOf([of('north', 'a')], []);
    await world.kill();
    world.north.suspended = true;
    world.south.declare([of('south', 'a', '9')]);
    await world.start();
    world.host.connect();
    world.north.unreadable('gone');
    await world.settle();
    expect([sourceOf(world, 'a'), stableOf(world, 'a')]).toEqual(['north', running('1')]);
    expect(issuesOf(world, 'south')).toMatchObject([
      { code: 'DuplicateService', message: expect.stringContaining('source north, which cannot be read') },
    ]);
  });
});

describe('a service that moves', () => {
  it('goes on as it is when it is in the new source first', async () => {
    const world = await worldOf([of('north', 'a'), of('north', 'b')], []);
    const ids = idsOf(world, 'a');
    world.south.declare([of('south', 'a')]);
    await world.settle();
    world.north.declare([of('north', 'b')]);
    await world.settle();
    expect([world.state('a'), sourceOf(world, 'a'), idsOf(world, 'a')]).toEqual(['Active', 'south', ids]);
    expect(recordOf(world, 'a')!.rolloutCount).toBe(1);
    expect(await world.reasons('a')).toContain('ServiceMoved');
    expect(await world.reasons('a')).not.toContain('ManifestRemoved');
    expect([...issuesOf(world, 'north'), ...issuesOf(world, 'south')]).toEqual([]);
  });

  it('goes on as it is when it is gone from the old source first, for the new one is read before it is deleted', async () => {
    const world = await worldOf([of('north', 'a'), of('north', 'b')], []);
    const ids = idsOf(world, 'a');
    // What south has by now it has not said yet.
    world.south.quietly(() => world.south.declare([of('south', 'a', '2')]));
    world.north.declare([of('north', 'b')]);
    await world.settle();
    expect([world.state('a'), sourceOf(world, 'a'), stableOf(world, 'a')]).toEqual(['Active', 'south', running('2')]);
    expect(idsOf(world, 'a')).not.toEqual(ids);
    expect(await world.reasons('a')).not.toContain('ManifestRemoved');
  });

  it('that every other source was asked about and none has is deleted', async () => {
    const world = await worldOf([of('north', 'a'), of('north', 'b')], []);
    world.north.declare([of('north', 'b')]);
    await world.settle();
    expect(world.state('a')).toBeUndefined();
  });

  it('is not deleted while a source that may have it cannot be read, and says so', async () => {
    const world = await worldOf([of('north', 'a'), of('north', 'b')], []);
    world.south.unreadable('refused', true);
    world.north.declare([of('north', 'b')]);
    await world.settle();
    expect(world.state('a')).toBe('Active');
    expect(await world.reasons()).toContain('DeletionWaits');
    world.south.declare([of('south', 'a', '2')]);
    await world.settle();
    expect([sourceOf(world, 'a'), stableOf(world, 'a')]).toEqual(['south', running('2')]);
    expect(await world.reasons('a')).not.toContain('ManifestRemoved');
  });

  it('under another name is taken over from the other source', async () => {
    const world = await worldOf([of('north', 'old'), of('north', 'b')], []);
    const ids = idsOf(world, 'old');
    world.south.quietly(() => world.south.declare([of('south', 'new', '1', { formerly: 'old' })]));
    world.north.declare([of('north', 'b')]);
    await world.settle();
    expect([world.state('old'), world.state('new')]).toEqual([undefined, 'Active']);
    expect(idsOf(world, 'new')).toEqual(ids);
  });

  it('does not count as a deletion for the prune guard of the source that it left', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const world = await worldOf(
      names.map((name) => of('north', name)),
      [],
    );
    world.guardPrune = heldDeletions;
    world.south.quietly(() => world.south.declare(names.map((name) => of('south', name))));
    world.north.declare([]);
    await world.settle();
    expect(names.map((name) => sourceOf(world, name))).toEqual(names.map(() => 'south'));
    expect(viewOf(world, 'north').pruneHeld).toEqual([]);
  });
});

describe('the prune guard', () => {
  it('is not taken for another source’s silence when that one can be read again', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const world = await worldOf(
      names.map((name) => of('north', name)),
      [],
    );
    world.guardPrune = heldDeletions;
    world.north.declare([]);
    await world.settle();
    world.south.unreadable('refused', true);
    await world.settle();
    world.south.declare([]);
    await world.settle();
    expect(await world.reasons()).not.toContain('DeletionWaits');
    expect(names.map((name) => world.state(name))).toEqual(names.map(() => 'Active'));
  });

  it('counts each source for itself', async () => {
    const world = await worldOf(
      ['a', 'b', 'c', 'd'].map((name) => of('north', name)),
      Array.from({ length: 20 }, (_, index) => of('south', `s${index}`)),
    );
    world.guardPrune = heldDeletions;
    world.north.declare([]);
    await world.settle();
    expect(viewOf(world, 'north').pruneHeld).toEqual(['a', 'b', 'c', 'd']);
    expect(viewOf(world, 'south').pruneHeld).toEqual([]);
    expect(world.state('a')).toBe('Active');
    world.south.declare([of('south', 's0')]);
    await world.settle();
    expect(viewOf(world, 'south').pruneHeld).toHaveLength(19);
  });

  it('lets go of what is deleted by name though no manifest is left to delete', async () => {
    const world = await worldOf(
      ['a', 'b', 'c', 'd'].map((name) => of('north', name)),
      [],
    );
    world.guardPrune = heldDeletions;
    world.north.declare([]);
    await world.settle();
    const applied = await new Operator(world.controller, () => {}).apply(
      { files: {}, deletions: ['a'], prune: false },
      null,
      { message: null, author: null, propose: false },
      7,
    );
    await world.settle();
    expect(applied.changes).toEqual([{ service: 'a', action: 'delete', specHash: null }]);
    expect([world.state('a'), world.state('b')]).toEqual([undefined, 'Active']);
  });
});

describe('a source that is no longer configured', () => {
  async function withoutSouth(): Promise<World> {
    const world = await worldOf([of('north', 'a')], [of('south', 'b'), of('south', 'c')]);
    await world.kill();
    world.sources = [world.sources[0]!];
    await world.start();
    world.host.connect();
    await world.settle();
    return world;
  }

  it('leaves its services as they are, and an event says what to do', async () => {
    const world = await withoutSouth();
    expect(['a', 'b', 'c'].map((name) => world.state(name))).toEqual(['Active', 'Active', 'Active']);
    const told = (await world.store.events({})).find(({ reason }) => reason === 'SourceGone');
    expect(told).toMatchObject({ type: 'Warning', message: expect.stringMatching(/^Source south .* b, c\. .*delete them by name/) });
  });

  it('leaves them to another that declares them, and to who deletes them by name', async () => {
    const world = await withoutSouth();
    const ids = idsOf(world, 'b');
    world.sources[0]!.declare([of('north', 'a'), of('north', 'b')]);
    await world.settle();
    expect([sourceOf(world, 'b'), idsOf(world, 'b')]).toEqual(['north', ids]);
    await new Operator(world.controller, () => {}).apply(
      { files: {}, deletions: ['c'], prune: false },
      null,
      { message: null, author: null, propose: false },
      7,
    );
    await world.settle();
    expect([world.state('b'), world.state('c')]).toEqual(['Active', undefined]);
  });

  it('has them back when it is configured again', async () => {
    const world = await withoutSouth();
    await world.kill();
    const south = new FakeSource('south');
    south.declare([of('south', 'b', '2'), of('south', 'c')]);
    world.sources = [world.sources[0]!, south];
    await world.start();
    world.host.connect();
    await world.settle();
    expect([stableOf(world, 'b'), world.state('c')]).toEqual([running('2'), 'Active']);
  });
});

describe('a proposal', () => {
  const manifest = (name: string) =>
    `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: {name: ${name}}\nspec: {run: {command: [x]}}\n`;

  it('of something new has to say which source it is for, and of what is in two likewise', async () => {
    const world = await worldOf([of('north', 'a')], [of('south', 'b')]);
    const operator = new Operator(world.controller, () => {});
    const refused = { code: 'Refused', data: { next: 'add --source NAME' } };
    await expect(operator.plan({ files: { 'n.yaml': manifest('n') }, deletions: [], prune: false })).rejects.toMatchObject(refused);
    await expect(
      operator.plan({ files: { 'x.yaml': `${manifest('a')}---\n${manifest('b')}` }, deletions: [], prune: false }),
    ).rejects.toMatchObject(refused);
    await expect(operator.plan({ files: {}, deletions: [], prune: false, source: 'west' })).rejects.toMatchObject({ code: 'NotFound' });
  });
});
