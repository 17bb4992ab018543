import { describe, expect, it } from 'vitest';
import type { Check, Health } from '../../src/model/service.ts';
import type { Answer } from '../../src/ports/prober.ts';
import { basic, health, HostWorld, planFor, planned, settle } from './world.ts';

const functional: Check = { name: 'sum', type: 'functional', timeoutMs: 2_000, tool: 'sum', arguments: {}, expect: {} };
const performance: Check = { name: 'fast', type: 'performance', timeoutMs: 1_000, p95Ms: 100, errorRate: null, minCalls: 1 };
const answer = (outcome: Answer['outcome']): Answer => ({ outcome, message: outcome, latencyMs: 5 });

async function up(changes: Partial<Health> = {}): Promise<HostWorld> {
  const world = new HostWorld();
  world.host.take(planFor('a', { health: { ...health, ...changes } }));
  await world.bringUp('a-1');
  return world;
}

/** Milliseconds between the rounds of one check. */
function gaps(world: HostWorld, check: string): number[] {
  const at = world.asked.filter((asked) => asked.check === check).map((asked) => asked.at);
  return at.slice(1).map((each, index) => each - at[index]!);
}

function result(world: HostWorld, name: string) {
  return world.observe('a').instances[0]!.checks.find((check) => check.name === name)!;
}

describe('the checks of an Instance', () => {
  it('are pending until they were made, and begin as soon as it is connected', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await settle();
    expect(result(world, 'basic')).toMatchObject({ outcome: 'pending', passesInARow: 0 });
    await world.bringUp('a-1');
    expect(result(world, 'basic')).toMatchObject({ outcome: 'pass', passesInARow: 1, latencyMs: 5 });
  });

  it('follow each other every second until all have passed, then at the interval, a tenth more or less', async () => {
    const world = new HostWorld();
    let passes = false;
    world.answer = async (check) => answer(check.type === 'functional' && !passes ? 'fail' : 'pass');
    world.host.take(planFor('a', { health: { ...health, checks: [basic, functional] } }));
    await world.bringUp('a-1');
    await world.clock.pass(3_000);
    expect(gaps(world, 'sum')).toEqual([1_000, 1_000, 1_000]);
    expect(result(world, 'sum')).toMatchObject({ outcome: 'fail', failsInARow: 4, passesInARow: 0 });
    passes = true;
    await world.clock.pass(120_000);
    const steady = gaps(world, 'sum').slice(4);
    expect(steady.length).toBeGreaterThanOrEqual(3);
    for (const gap of steady) {
      expect(gap).toBeGreaterThanOrEqual(27_000);
      expect(gap).toBeLessThanOrEqual(33_000);
    }
    // Moved differently from round to round, the same in every run.
    expect(new Set(steady).size).toBeGreaterThan(1);
  });

  it('do not wait for a performance check, which needs calls first', async () => {
    const world = new HostWorld();
    world.answer = async (check) => answer(check.type === 'performance' ? 'error' : 'pass');
    world.host.take(planFor('a', { health: { ...health, checks: [basic, performance] } }));
    await world.bringUp('a-1');
    await world.clock.pass(20_000);
    expect(gaps(world, 'basic')).toEqual([]);
  });

  it('are put one after another: a slow one never stacks', async () => {
    const world = new HostWorld();
    const slow = Promise.withResolvers<Answer>();
    world.answer = (check) => (check.name === 'sum' ? slow.promise : Promise.resolve(answer('pass')));
    world.host.take(planFor('a', { health: { ...health, checks: [functional, basic] } }));
    await world.bringUp('a-1');
    await world.clock.pass(2_500);
    expect(world.asked.map(({ check }) => check)).toEqual(['sum']);
    slow.resolve(answer('pass'));
    await settle();
    expect(world.asked.map(({ check }) => check)).toEqual(['sum', 'basic']);
  });

  it('that do not come back at all are errors, not failures', async () => {
    const world = new HostWorld();
    world.answer = () => new Promise(() => {});
    world.host.take(planFor('a'));
    await world.bringUp('a-1');
    await world.clock.pass(2_100);
    expect(result(world, 'basic')).toMatchObject({ outcome: 'error', errorsInARow: 1, failsInARow: 0, latencyMs: null });
  });

  it('are told at once when the outcome changes and for as long as the row matters, and no longer', async () => {
    const world = await up();
    await world.clock.pass(30_000);
    world.told.length = 0;
    await world.clock.pass(120_000);
    expect(world.told).toEqual([]);
    world.answer = async () => answer('fail');
    await world.clock.pass(300_000);
    // Three failures are the threshold; those after them tell nobody anything new.
    expect(world.told).toEqual(['a', 'a', 'a']);
    expect(result(world, 'basic').failsInARow).toBeGreaterThan(5);
  });

  it('that fail keep their row over errors in between: those say nothing about the service', async () => {
    const world = new HostWorld();
    let asked = 0;
    world.answer = async () => answer((asked += 1) % 2 === 1 ? 'fail' : 'error');
    world.host.take(planFor('a'));
    await world.bringUp('a-1');
    await world.clock.pass(5_500);
    expect(result(world, 'basic')).toMatchObject({ outcome: 'error', failsInARow: 3, errorsInARow: 1, passesInARow: 0 });
    world.answer = async () => answer('pass');
    await world.clock.pass(1_000);
    expect(result(world, 'basic')).toMatchObject({ outcome: 'pass', failsInARow: 0, errorsInARow: 0, passesInARow: 1 });
  });

  it('stop with the Instance', async () => {
    const world = await up();
    world.find('a-1').end();
    await settle();
    const asked = world.asked.length;
    await world.clock.pass(120_000);
    expect(world.asked).toHaveLength(asked);
  });

  it('keep what they know of a check that stays as it is, and forget what was said of one that changed', async () => {
    const world = await up({ checks: [basic, functional] });
    const pending = Promise.withResolvers<Answer>();
    world.answer = () => pending.promise;
    world.host.take(planFor('a', { generation: 2, health: { ...health, checks: [basic, { ...functional, tool: 'other' }] } }));
    await settle();
    expect(result(world, 'basic')).toMatchObject({ outcome: 'pass' });
    expect(result(world, 'sum')).toMatchObject({ outcome: 'pending' });
    pending.resolve(answer('pass'));
    await settle();
    expect(result(world, 'sum')).toMatchObject({ outcome: 'pass', passesInARow: 1 });
  });

  it('are not answered by what was asked before they were changed', async () => {
    const world = await up({ checks: [functional] });
    const late = Promise.withResolvers<Answer>();
    world.answer = () => late.promise;
    while (world.asked.length < 2) await world.clock.pass(500);
    const next = Promise.withResolvers<Answer>();
    world.answer = () => next.promise;
    const changed = { ...functional, tool: 'other' };
    world.host.take(planFor('a', { generation: 2, health: { ...health, checks: [changed] } }));
    late.resolve(answer('pass'));
    await settle();
    expect(result(world, 'sum')).toMatchObject({ outcome: 'pending', passesInARow: 0 });
    next.resolve(answer('fail'));
    await settle();
    expect(result(world, 'sum')).toMatchObject({ outcome: 'fail', failsInARow: 1 });
  });

  it('are given the traffic of their own Revision since the round before, and the latencies of probes', async () => {
    const counters = (calls: number) => ({ calls, protocolErrors: 0, toolErrors: 0, latencyBuckets: [calls], latencySumMs: calls });
    const world = new HostWorld();
    world.gateway.counters = { a: { 'hash-a': counters(10), 'hash-b': counters(99) } };
    world.host.take(planFor('a', { health: { ...health, checks: [functional] } }));
    await world.bringUp('a-1');
    world.gateway.counters = { a: { 'hash-a': counters(14) } };
    await world.clock.pass(34_000);
    expect(world.asked.map(({ subject }) => subject.traffic.calls)).toEqual([10, 4]);
    expect(world.asked[1]!.subject.probeLatenciesMs).toEqual([5]);
  });

  it('of another service are answered by whether that one is published and proven here', async () => {
    const world = await up();
    world.answer = async () => answer('fail');
    world.host.take(planFor('b', { instances: [planned('b-1')] }));
    await world.bringUp('b-1');
    const { subject } = world.asked[0]!;
    expect(['a', 'b', 'c'].map((name) => subject.serviceReady(name))).toEqual([true, false, false]);
    world.host.take(planFor('a', { generation: 2, route: null }));
    expect(subject.serviceReady('a')).toBe(false);
  });
});
