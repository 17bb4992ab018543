/** Rollouts by steps as the controller drives them: the heart, the store and the link together, commands and kills in between. */
import { describe, expect, it } from 'vitest';
import { Operator } from '../../src/controller/operator.ts';
import type { Contract } from '../../src/model/contract.ts';
import { noTraffic } from '../../src/model/observation.ts';
import type { ServiceRecord } from '../../src/model/record.ts';
import type { Service } from '../../src/model/service.ts';
import { service } from '../core/situation.ts';
import { migrationOf, type MigrationParts } from '../fixtures/migration.ts';
import { World } from './world.ts';

const version = (name: string, number: number, migration: MigrationParts, more: Partial<Service> = {}) =>
  service(`${name}-${number}`, { name, migration: migrationOf(migration), ...more });
const recordOf = (world: World, name = 'a'): ServiceRecord => world.controller.readModel.service(name)!.record;
const hash = (name: string, number: number) => version(name, number, {}).revision.hash;
const weights = (world: World) => world.host.plans.get('a')!.route!.weights;
const calls = (count: number, toolErrors = 0) => ({ ...noTraffic, calls: count, toolErrors });

const threeSteps: MigrationParts = {
  strategy: 'canary',
  canary: {
    steps: [
      { type: 'setWeight', weight: 10 },
      { type: 'pause', durationMs: 30_000 },
      { type: 'setWeight', weight: 50 },
    ],
    analysis: { intervalMs: 10_000, minCalls: 30, failureLimit: 0, checks: [] },
  },
};

/** `a` with its first Revision stable and its second declared. */
async function moving(migration: MigrationParts): Promise<World> {
  const world = await new World().with(version('a', 1, migration));
  world.source.declare([version('a', 2, migration)]);
  await world.settle();
  return world;
}

describe('a canary over three steps', () => {
  it('shares calls out step by step, waits as long as it says, and is promoted', async () => {
    const world = await moving(threeSteps);
    expect(weights(world)).toEqual({ [hash('a', 1)]: 90, [hash('a', 2)]: 10 });
    expect(recordOf(world).rollout).toMatchObject({ phase: 'Stepping', step: 1, waitsOn: 'time' });
    await world.clock.advance(29_000);
    expect(weights(world)[hash('a', 2)]).toBe(10);
    await world.clock.advance(1_000);
    const shares = world.host.sent.flatMap((sent) => ('route' in sent ? (sent.route?.weights[hash('a', 2)] ?? 0) : []));
    expect(shares.filter((share, index) => share !== shares[index - 1])).toEqual([0, 10, 50, 100]);
    await world.clock.advance(60_000);
    expect(recordOf(world)).toMatchObject({ state: 'Active', rollout: null, stable: { hash: hash('a', 2) } });
    expect(recordOf(world).verdicts[0]).toMatchObject({ result: 'Promoted', strategy: 'canary', weight: 100 });
    expect(world.host.plans.get('a')!.instances.map(({ revision }) => revision)).toEqual([hash('a', 2)]);
  });

  it('ends its pause at the same instant though the controller is killed in it', async () => {
    const world = await moving(threeSteps);
    await world.clock.advance(20_000);
    await world.kill();
    await world.clock.advance(5_000);
    await world.start();
    world.host.connect();
    await world.clock.advance(4_000);
    expect(weights(world)).toEqual({ [hash('a', 1)]: 90, [hash('a', 2)]: 10 });
    await world.clock.advance(1_000);
    expect(recordOf(world).stable!.hash).toBe(hash('a', 2));
  });

  it('is taken back by what the Host counts', async () => {
    const checks = [{ type: 'errorRate', name: 'errors', of: 'all', max: 0.05, versusStable: null }] as const;
    const analysis = { intervalMs: 10_000, minCalls: 30, failureLimit: 0, checks };
    const steps = [
      { type: 'setWeight', weight: 20 },
      { type: 'analysis', forMs: 60_000 },
    ] as const;
    const world = await moving({ strategy: 'canary', canary: { steps, analysis } });
    world.host.traffic = { [hash('a', 1)]: calls(800), [hash('a', 2)]: calls(200, 100) };
    world.host.report('a');
    await world.clock.advance(10_000);
    expect(recordOf(world).verdicts[0]).toMatchObject({ result: 'RolledBack', reason: 'AnalysisFailed', weight: 20 });
    expect(weights(world)).toEqual({ [hash('a', 1)]: 100 });
  });
});

describe('the contract gate', () => {
  const contract = (name: string, required: string[]): Contract => ({
    hash: name,
    tools: [{ name: 'read', inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required } }],
    prompts: [],
    resources: [],
    resourceTemplates: [],
  });
  const [lenient, strict] = [contract('lenient', []), contract('strict', ['path'])];

  /** The second Revision offers `strict`; the Host has said what `lenient` is. */
  async function narrowing(): Promise<World> {
    const world = new World();
    world.host.offers = (revision) => (revision === hash('a', 2) ? 'strict' : 'lenient');
    await world.with(version('a', 1, {}));
    world.controller.loop.contract(lenient);
    await world.settle();
    world.source.declare([version('a', 2, {})]);
    await world.settle();
    return world;
  }

  it('waits for a Contract that the Host has not said yet, and judges it as soon as it comes', async () => {
    const world = await narrowing();
    expect(recordOf(world).rollout).toMatchObject({ phase: 'Proving', contract: null });
    world.controller.loop.contract(strict);
    await world.settle();
    expect(recordOf(world).verdicts[0]).toMatchObject({
      result: 'RolledBack',
      reason: 'ContractBreaking',
      contract: { class: 'breaking', from: 'lenient', to: 'strict' },
    });
    expect(weights(world)).toEqual({ [hash('a', 1)]: 100 });
  });

  it('knows after a restart what the Host does not say again', async () => {
    const world = await narrowing();
    await world.kill();
    await world.start();
    world.host.connect();
    world.controller.loop.contract(strict);
    await world.settle();
    expect(recordOf(world).verdicts[0]).toMatchObject({ reason: 'ContractBreaking' });
  });

  it('costs no look into the store where everything offered is what stable was promoted with', async () => {
    const world = new World();
    let looks = 0;
    const { contract: load } = world.store;
    Object.assign(world.store, { contract: async (name: string) => (looks++, load(name)) });
    world.host.offers = () => 'lenient';
    await world.with(version('a', 1, {}));
    world.source.declare([version('a', 2, {})]);
    await world.settle();
    expect(recordOf(world).stable!.hash).toBe(hash('a', 2));
    expect(looks).toBe(0);
  });

  it('sees a Contract that changed without a commit, and shows how', async () => {
    const world = new World();
    world.host.offers = () => 'lenient';
    await world.with(version('a', 1, {}));
    world.controller.loop.contract(lenient);
    world.controller.loop.contract(strict);
    world.host.offers = () => 'strict';
    world.host.report('a');
    await world.settle();
    expect(recordOf(world).drift).toMatchObject({ from: 'lenient', to: 'strict', class: 'breaking' });
    expect(await world.reasons('a')).toContain('ContractDrifted');
  });
});

describe('services that are released together', () => {
  const together: MigrationParts = { releaseTogether: 'suite' };
  const both = (number: number) => [version('a', number, together), version('b', number, together)];
  const stables = (world: World) => ['a', 'b'].map((name) => recordOf(world, name).stable!.hash);

  it('wait for each other and then go, each told of the other at once', async () => {
    const world = await new World().with(...both(1));
    world.host.connects = (revision) => revision !== hash('b', 2);
    world.source.declare(both(2));
    await world.clock.advance(300_000);
    expect(recordOf(world).rollout).toMatchObject({ phase: 'Gathering', waitsOn: 'group' });
    expect(stables(world)).toEqual([hash('a', 1), hash('b', 1)]);
    world.host.connects = () => true;
    world.host.report('b');
    await world.settle();
    expect(stables(world)).toEqual([hash('a', 2), hash('b', 2)]);
  });

  it('are taken back together', async () => {
    const world = await new World().with(...both(1));
    world.host.connects = (revision) => revision !== hash('b', 2);
    world.source.declare(both(2));
    await world.settle();
    await new Operator(world.controller, () => {}).command('b', 'abort', 7);
    await world.settle();
    expect(recordOf(world, 'a').verdicts[0]).toMatchObject({ result: 'RolledBack', reason: 'GroupRejected' });
    expect(stables(world)).toEqual([hash('a', 1), hash('b', 1)]);
  });

  it('go together once the one that was bad is mended, though the other was taken back with it', async () => {
    const world = await new World().with(...both(1));
    world.host.connects = (revision) => revision !== hash('b', 2);
    world.source.declare(both(2));
    await world.settle();
    await new Operator(world.controller, () => {}).command('b', 'abort', 7);
    await world.settle();
    world.source.declare([version('a', 2, together), version('b', 3, together)]);
    await world.clock.advance(60_000);
    expect(stables(world)).toEqual([hash('a', 2), hash('b', 3)]);
  });

  it.each([
    ['is gone', []],
    ['is Inactive', [version('b', 2, together, { state: 'Inactive' })]],
    ['is in another group', [version('b', 2, { releaseTogether: 'other' })]],
  ])('do not wait for one that %s by now', async (_name, others) => {
    const world = await new World().with(...both(1));
    world.host.connects = (revision) => revision !== hash('b', 2);
    world.source.declare(both(2));
    await world.settle();
    expect(recordOf(world).rollout!.phase).toBe('Gathering');
    world.source.declare([version('a', 2, together), ...others]);
    await world.settle();
    expect(recordOf(world).stable!.hash).toBe(hash('a', 2));
  });

  it('wait on though the source cannot be read when the controller starts', async () => {
    const world = await new World().with(...both(1));
    world.host.connects = (revision) => revision !== hash('b', 2);
    world.source.declare(both(2));
    await world.settle();
    await world.kill();
    world.source.suspended = true;
    await world.start();
    world.source.unreadable('no such folder');
    world.host.connect();
    await world.clock.advance(60_000);
    expect(recordOf(world).rollout).toMatchObject({ phase: 'Gathering' });
    expect(stables(world)).toEqual([hash('a', 1), hash('b', 1)]);
  });
});

describe('commands to a rollout', () => {
  it('pause it for as long as nobody resumes it, and resume it', async () => {
    const world = await moving(threeSteps);
    const operator = new Operator(world.controller, () => {});
    await operator.command('a', 'pause-rollout', 7);
    await expect(operator.command('a', 'pause-rollout', 7)).rejects.toMatchObject({ code: 'Refused' });
    await world.clock.advance(3_600_000);
    expect(weights(world)).toEqual({ [hash('a', 1)]: 90, [hash('a', 2)]: 10 });
    await operator.command('a', 'resume-rollout', 7);
    await world.settle();
    expect(recordOf(world).stable!.hash).toBe(hash('a', 2));
    const said = (await world.store.events({ service: 'a' })).filter(({ actor }) => actor === 'uid:7').map(({ reason }) => reason);
    expect(said).toEqual(['RolloutPaused', 'RolloutResumed']);
  });

  it('go past what it waits for now, or past all that is left', async () => {
    const world = await moving({
      ...threeSteps,
      canary: {
        steps: [
          { type: 'setWeight', weight: 10 },
          { type: 'pause', durationMs: null },
          { type: 'setWeight', weight: 50 },
          { type: 'pause', durationMs: null },
          { type: 'setWeight', weight: 60 },
          { type: 'pause', durationMs: null },
        ],
      },
    });
    const operator = new Operator(world.controller, () => {});
    await operator.command('a', 'promote', 7);
    await world.settle();
    expect(weights(world)[hash('a', 2)]).toBe(50);
    await operator.command('a', 'promote-full', 7);
    await world.settle();
    expect(recordOf(world).verdicts[0]).toMatchObject({ result: 'Promoted' });
  });

  it.each(['pause-rollout', 'resume-rollout', 'promote', 'promote-full', 'abort'] as const)(
    'are refused when there is none: %s',
    async (kind) => {
      const world = await new World().with(version('a', 1, threeSteps));
      const operator = new Operator(world.controller, () => {});
      await expect(operator.command('a', kind, 7)).rejects.toMatchObject({
        code: 'Refused',
        message: expect.stringContaining('no rollout') as string,
      });
      expect(await world.reasons('a')).not.toContain('CommandIgnored');
    },
  );

  it('are refused where there is nothing to go past, with what the rollout waits for', async () => {
    const world = await new World().with(version('a', 1, {}));
    world.host.connects = () => false;
    world.source.declare([version('a', 2, {})]);
    await world.settle();
    const operator = new Operator(world.controller, () => {});
    await expect(operator.command('a', 'promote', 7)).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('waits for') as string,
    });
    await expect(operator.command('a', 'resume-rollout', 7)).rejects.toMatchObject({ code: 'Refused' });
  });

  it('that arrive while a pass of the service is being stored are taken by the next one', async () => {
    const world = await moving(threeSteps);
    const operator = new Operator(world.controller, () => {});
    const later: Promise<void>[] = [];
    world.store.afterSave = () => {
      if (later.length === 0) later.push(operator.command('a', 'abort', 8));
    };
    await operator.command('a', 'pause-rollout', 7);
    await world.settle();
    await Promise.all(later);
    expect(recordOf(world).rollout).toBeNull();
    expect(recordOf(world).verdicts[0]).toMatchObject({ result: 'Aborted' });
  });
});
