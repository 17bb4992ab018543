/** A Service that goes on under another name: what is taken over, by whom, and what the old name is still good for. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/model/plan.ts';
import type { Service } from '../../src/model/service.ts';
import { service } from '../core/situation.ts';
import { World } from './world.ts';

const named = (name: string, more: Partial<Service> = {}): Service =>
  service('1', { name, ...more, specHash: `${name} ${JSON.stringify(more)}` });
const renamed = (name: string): Service => named(name, { formerly: 'old' });
const idsOf = (world: World, name: string): string[] => world.host.plans.get(name)!.instances.map(({ id }) => id);

describe('a service that was formerly another', () => {
  it('takes over its record in one step', async () => {
    const world = await new World().with(named('old'));
    const stable = world.controller.readModel.service('old')!.record.stable!;
    const ids = idsOf(world, 'old');
    world.source.declare([renamed('new')]);
    await world.settle();
    expect(world.state('old')).toBeUndefined();
    expect(world.controller.readModel.service('new')!.record).toMatchObject({
      state: 'Active',
      stable: { hash: stable.hash },
      rolloutCount: 1,
    });
    expect((await world.store.records()).map((record) => record.service)).toEqual(['new']);
    expect(idsOf(world, 'new')).toEqual(ids);
    expect(world.host.sent).toContainEqual({ forget: 'old' });
  });

  it('keeps its instances when the old name is given to another service', async () => {
    const world = await new World().with(named('old'));
    world.source.declare([renamed('new')]);
    await world.settle();
    world.source.declare([renamed('new'), named('old')]);
    await world.settle();
    expect([world.state('new'), world.state('old')]).toEqual(['Active', 'Active']);
    expect(idsOf(world, 'new').filter((id) => idsOf(world, 'old').includes(id))).toEqual([]);
    expect(world.controller.readModel.service('old')!.record).toMatchObject({ rolloutCount: 1, promoted: [{}] });
  });

  it('never uses an id again that its new name had in an earlier life', async () => {
    const world = await new World().with(named('new', { replicas: 2 }));
    const first = idsOf(world, 'new');
    const kept = named('kept', { formerly: 'new', replicas: 2 });
    for (const others of [[], [named('old')], [renamed('new')], [named('new', { formerly: 'old', replicas: 2 })]]) {
      world.source.declare([kept, ...others]);
      await world.settle();
    }
    expect(idsOf(world, 'kept')).toEqual(first);
    expect(idsOf(world, 'new')).toHaveLength(2);
    expect(idsOf(world, 'new').filter((id) => first.includes(id))).toEqual([]);
  });

  it('is one of those that say so: no two take over the same record', async () => {
    const world = await new World().with(named('old'));
    const ids = idsOf(world, 'old');
    world.source.declare([renamed('north'), renamed('south')]);
    await world.settle();
    expect([world.state('north'), world.state('south')]).toEqual(['Active', 'Active']);
    expect(idsOf(world, 'north')).toEqual(ids);
    expect(idsOf(world, 'south').filter((id) => ids.includes(id))).toEqual([]);
  });

  it('has its Plan sent before the old name is forgotten, also by a controller that comes after one killed in between', async () => {
    const world = await new World().with(named('old'));
    const { host } = world;
    host.send = () => {};
    host.forget = () => {};
    world.source.declare([renamed('new')]);
    await world.settle();
    await world.kill();
    await world.start();
    world.host.connect();
    await world.settle();
    const told = world.host.sent.map((message) => ('forget' in message ? `forget ${message.forget}` : (message satisfies Plan).service));
    expect(told).toEqual(['new', 'forget old']);
  });
});
