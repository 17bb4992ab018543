import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import type { ShadowReport } from '../../src/model/observation.ts';
import { contract, HostWorld, limits, planFor, planned, settle } from './world.ts';

describe('making a Plan true', () => {
  it('starts what is named, shakes hands, takes the Contract, and gives it to the gateway', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await settle();
    expect(world.phases('a')).toEqual(['a-1 starting']);
    expect(world.instances[0]!.request).toMatchObject({ service: 'a', startTimeoutMs: 10_000, stopTimeoutMs: 5_000 });
    expect(world.gateway.applied.at(-1)).toMatchObject({ generation: 1, instances: [] });
    await world.bringUp('a-1');
    expect(world.observe('a').instances[0]).toMatchObject({ phase: 'connected', contract: 'c1', pid: 4711, end: null });
    expect(world.gateway.applied.at(-1)).toMatchObject({ service: 'a', instances: ['a-1'], contracts: ['c1'] });
    expect(world.host.contracts('a')).toEqual([contract('c1')]);
  });

  it('starts nothing twice, however often the Plan is said', async () => {
    const world = new HostWorld();
    for (let n = 0; n < 3; n++) world.host.take(planFor('a'));
    await world.bringUp('a-1');
    world.host.take(planFor('a', { generation: 2 }));
    await settle();
    expect(world.instances).toHaveLength(1);
    expect(world.phases('a')).toEqual(['a-1 connected']);
  });

  it('tells the gateway first that an Instance goes, then stops it, then no longer sees it', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    const instance = await world.bringUp('a-1');
    instance.stubborn = true;
    world.host.take(planFor('a', { generation: 2, instances: [] }));
    expect(world.gateway.applied.at(-1)).toMatchObject({ generation: 2, instances: [] });
    expect(instance.upstream.closed).toBe(true);
    await settle();
    expect(instance.stops).toEqual([5_000]);
    expect(world.phases('a')).toEqual(['a-1 stopping']);
    instance.end();
    await settle();
    expect(world.phases('a')).toEqual([]);
  });

  it('leaves an Instance alone that is spared: it runs on and is not called, and goes when it is spared no more', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await world.bringUp('a-1');
    world.host.take(planFor('a', { generation: 2, instances: [], spared: ['a-1'] }));
    await settle();
    expect(world.phases('a')).toEqual(['a-1 connected']);
    expect(world.gateway.applied.at(-1)).toMatchObject({ generation: 2, instances: [] });
    world.host.take(planFor('a', { generation: 3, instances: [] }));
    await settle();
    expect(world.phases('a')).toEqual([]);
  });

  it('has the gateway take in a Plan that is said again, and tells by which weights it routes', () => {
    const world = new HostWorld();
    world.host.take(planFor('a', { generation: 1, route: { weights: { 'hash-a': 100 } } }));
    world.gateway.weights.set('a', { 'hash-b': 100 });
    expect(world.observe('a').routed).toEqual({ 'hash-b': 100 });
    world.host.take(planFor('a', { generation: 2, route: { weights: { 'hash-a': 100 } } }));
    expect(world.observe('a')).toMatchObject({ routeGeneration: 2, routed: { 'hash-a': 100 } });
    world.host.take(planFor('a', { generation: 3, route: null }));
    expect(world.observe('a').routed).toBeNull();
  });

  it('confirms a route only with the generation that the gateway has taken in', () => {
    const world = new HostWorld();
    const plain = world.gateway.apply.bind(world.gateway);
    const seen: number[] = [];
    world.gateway.apply = (plan, instances) => {
      seen.push(world.observe('a').routeGeneration);
      plain(plan, instances);
    };
    world.host.take(planFor('a', { generation: 7 }));
    expect(seen).toEqual([0]);
    expect(world.observe('a')).toMatchObject({ planGeneration: 7, routeGeneration: 7, hostId: 'host-1' });
  });

  it('calls off a start that is no longer wanted', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await settle();
    world.host.take(planFor('a', { generation: 2, instances: [] }));
    await settle();
    expect(world.instances[0]!.request.signal!.aborted).toBe(true);
    expect(world.phases('a')).toEqual([]);
  });

  it('applies other limits without a restart', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    const instance = await world.bringUp('a-1');
    world.host.take(planFor('a', { generation: 2, limits: { ...limits, stopTimeoutMs: 77 } }));
    world.host.take(planFor('a', { generation: 3, instances: [] }));
    await settle();
    expect(instance.stops).toEqual([77]);
  });
});

describe('what goes wrong', () => {
  it.each([
    ['a command that is not there', new FairleadError('CommandNotFound', 'There is no x.'), { code: 'CommandNotFound', stderrTail: '' }],
    [
      'a process that ended before it listened',
      new FairleadError('ExitedEarly', 'It exited with code 3.', { data: { exitCode: 3, signal: null, stderrTail: 'why' } }),
      { code: 'ExitedEarly', exitCode: 3, stderrTail: 'why' },
    ],
  ])('%s is a fact in the Observation', async (_, error, end) => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await world.failStart('a-1', error);
    expect(world.observe('a').instances[0]).toMatchObject({ phase: 'ended', end });
  });

  it('a handshake that breaks off because the process ended is told as its end', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await settle();
    const instance = world.find('a-1');
    instance.started.resolve();
    await settle();
    instance.upstream.connected.reject(new FairleadError('HandshakeFailed', 'the process closed its output'));
    await settle();
    expect(world.phases('a')).toEqual(['a-1 starting']);
    instance.end({ exitCode: 9 });
    await settle();
    expect(world.observe('a').instances[0]).toMatchObject({
      phase: 'ended',
      end: { code: 'ExitedEarly', exitCode: 9, stderrTail: 'last words' },
    });
  });

  it('a handshake that fails while the process lives is told as such, once the process is gone', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await settle();
    const instance = world.find('a-1');
    instance.stubborn = true;
    instance.started.resolve();
    instance.upstream.connected.reject(new FairleadError('HandshakeTimeout', 'no MCP handshake within 1942.917 ms'));
    await settle();
    expect(world.phases('a')).toEqual(['a-1 starting']);
    instance.end();
    await settle();
    expect(world.observe('a').instances[0]).toMatchObject({
      phase: 'ended',
      end: { code: 'HandshakeTimeout', message: 'no MCP handshake within 10s (limits.startTimeout)', stderrTail: 'so far' },
    });
  });

  it.each([3_600_000, -3_600_000])('a clock that is set by %i ms in the middle leaves the handshake the time it has', async (ms) => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await world.clock.pass(1_000);
    world.clock.jump(ms);
    world.find('a-1').started.resolve();
    await settle();
    expect(world.find('a-1').upstream.connectTimeoutMs).toBe(9_000);
  });

  it('an Instance that ended is gone from the gateway and never started again while the Plan names it', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    const instance = await world.bringUp('a-1');
    instance.end({ code: 'MessageTooLarge' });
    await settle();
    expect(world.observe('a').instances[0]).toMatchObject({ phase: 'ended', end: { code: 'MessageTooLarge' } });
    expect(world.gateway.applied.at(-1)!.instances).toEqual([]);
    world.host.take(planFor('a', { generation: 2 }));
    await settle();
    expect(world.instances).toHaveLength(1);
    world.host.take(planFor('a', { generation: 3, instances: [planned('a-2')] }));
    await settle();
    expect(world.phases('a')).toEqual(['a-2 starting']);
  });

  it('one that is named again while it is being stopped stays as ended, and goes when it is named no more', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await world.bringUp('a-1');
    world.host.take(planFor('a', { generation: 2, instances: [] }));
    world.host.take(planFor('a', { generation: 3 }));
    await settle();
    expect(world.phases('a')).toEqual(['a-1 ended']);
    expect(world.instances).toHaveLength(1);
    world.host.take(planFor('a', { generation: 4, instances: [] }));
    await settle();
    expect(world.phases('a')).toEqual([]);
  });
});

describe('many at once', () => {
  it('lets only so many start at a time, but none that hangs keeps the others waiting for long', async () => {
    const world = new HostWorld({ maxStarts: 2 });
    for (const name of ['a', 'b', 'c']) world.host.take(planFor(name, { instances: [planned(`${name}-1`)] }));
    await settle();
    expect(world.instances.map(({ request }) => request.instanceId)).toEqual(['a-1', 'b-1']);
    await world.bringUp('a-1');
    expect(world.instances).toHaveLength(3);
    world.host.take(planFor('d', { instances: [planned('d-1')] }));
    await settle();
    expect(world.instances).toHaveLength(3);
    await world.clock.pass(2_000);
    expect(world.instances).toHaveLength(4);
  });

  it('lets go at once of one that was still waiting to start', async () => {
    const world = new HostWorld({ maxStarts: 1 });
    world.host.take(planFor('a'));
    world.host.take(planFor('b', { instances: [planned('b-1')] }));
    await settle();
    world.host.take(planFor('b', { generation: 2, instances: [] }));
    await settle();
    expect(world.phases('b')).toEqual([]);
    expect(world.instances).toHaveLength(1);
  });
});

describe('a Service that changes its name', () => {
  it.each(['the new name first', 'the old name forgotten first'])('keeps its Instances running: %s', async (order) => {
    const world = new HostWorld();
    world.host.take(planFor('old'));
    const instance = await world.bringUp('a-1');
    const steps = [() => world.host.take(planFor('new')), () => world.host.forget('old')];
    for (const step of order.startsWith('the new') ? steps : steps.reverse()) {
      step();
      await settle();
    }
    await world.clock.pass(5_000);
    expect(world.phases('new')).toEqual(['a-1 connected']);
    expect(world.gateway.applied.at(-1)).toMatchObject({ service: 'new', instances: ['a-1'] });
    expect(world.gateway.forgotten).toEqual(['old']);
    expect(world.host.observe('old')).toBeNull();
    expect(instance.stops).toEqual([]);
    expect(world.instances).toHaveLength(1);
  });

  it('tells what happens to them later under the new name', async () => {
    const world = new HostWorld();
    world.host.take(planFor('old'));
    const instance = await world.bringUp('a-1');
    world.host.take(planFor('new'));
    world.host.forget('old');
    world.told.length = 0;
    instance.end();
    await settle();
    expect(new Set(world.told)).toEqual(new Set(['new']));
    expect(world.phases('new')).toEqual(['a-1 ended']);
  });

  it('is stopped after a moment when no Plan names it', async () => {
    const world = new HostWorld();
    world.host.take(planFor('old'));
    const instance = await world.bringUp('a-1');
    world.host.forget('old');
    await settle();
    expect(instance.stops).toEqual([]);
    await world.clock.pass(1_000);
    expect(instance.stops).toHaveLength(1);
    expect(world.host.observe('old')).toBeNull();
    expect(world.host.services()).toEqual([]);
  });

  it('may be declared again before it was stopped: what is not named goes, what is stays', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a', { instances: [planned('a-1'), planned('a-2')] }));
    const [first, second] = [await world.bringUp('a-1'), await world.bringUp('a-2')];
    world.host.forget('a');
    world.host.take(planFor('a', { generation: 2, instances: [planned('a-2')] }));
    await world.clock.pass(5_000);
    expect([first.stops.length, second.stops.length]).toEqual([1, 0]);
    expect(world.phases('a')).toEqual(['a-2 connected']);
  });
});

describe('what the controller is told at once', () => {
  async function connected(): Promise<HostWorld> {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await world.bringUp('a-1');
    await world.clock.pass(5_000);
    world.told.length = 0;
    return world;
  }

  it('is every step of an Instance on its way up', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    await settle();
    world.told.length = 0;
    world.find('a-1').started.resolve();
    await settle();
    expect(world.told.splice(0)).toEqual(['a']);
    world.find('a-1').upstream.connected.resolve();
    await settle();
    // Connected, and the first check passed.
    expect(world.told).toEqual(['a', 'a']);
  });

  it('is that the last call or session of an Instance ended', async () => {
    const world = await connected();
    world.gateway.idle('a-1');
    expect(world.told).toEqual(['a']);
    world.gateway.idle('somebody else');
    expect(world.told).toEqual(['a']);
  });

  it('is another Contract, and none when the lists are what they were', async () => {
    const world = await connected();
    const { upstream } = world.find('a-1');
    upstream.listChanged();
    await settle();
    expect(world.told).toEqual([]);
    upstream.current = contract('c2');
    upstream.listChanged();
    upstream.listChanged();
    await settle();
    expect(world.told).toEqual(['a']);
    expect(world.observe('a').instances[0]!.contract).toBe('c2');
    expect(world.gateway.applied.at(-1)!.contracts).toEqual(['c2']);
  });

  it('is another Contract of a remote endpoint that said nothing of it, within a little more than a minute', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a', { runtime: 'remote' }));
    const { upstream } = await world.bringUp('a-1');
    for (const name of ['c2', 'c3']) {
      upstream.current = contract(name);
      await world.clock.pass(67_000);
      expect(world.observe('a').instances[0]!.contract).toBe(name);
    }
    world.host.take(planFor('a', { generation: 2, instances: [] }));
    upstream.current = contract('c4');
    await world.clock.pass(200_000);
    expect(world.gateway.applied.some(({ contracts }) => contracts.includes('c4'))).toBe(false);
  });

  it('is not each call: counters are told every five seconds, if there were any', async () => {
    const world = await connected();
    const counters = { calls: 3, protocolErrors: 0, toolErrors: 0, latencyBuckets: [], latencySumMs: 1 };
    world.gateway.counters = { a: { 'hash-a': counters } };
    await world.clock.pass(4_000);
    expect(world.told).toEqual([]);
    await world.clock.pass(2_000);
    expect(world.told).toEqual(['a']);
    expect(world.observe('a').traffic).toEqual({ 'hash-a': counters });
    await world.clock.pass(10_000);
    expect(world.told).toEqual(['a']);
  });

  it('is calls every second while a Rollout is under way, and mirrored calls with them', async () => {
    const world = await connected();
    world.host.take(planFor('a', { generation: 2, route: { rollout: 7 } }));
    world.told.length = 0;
    const counters = { calls: 3, protocolErrors: 0, toolErrors: 0, latencyBuckets: [], latencySumMs: 1 };
    world.gateway.counters = { a: { 'hash-a': counters } };
    await world.clock.pass(1_000);
    expect(world.told).toEqual(['a']);
    world.observe('a');
    await world.clock.pass(1_000);
    expect(world.told).toEqual(['a']);
    const shadow: ShadowReport = { revision: 'hash-b', calls: 1, same: 1, different: 0, failed: 0, skipped: 0, examples: [] };
    world.gateway.shadows = { a: shadow };
    await world.clock.pass(1_000);
    expect(world.told).toEqual(['a', 'a']);
    expect(world.observe('a').shadow).toEqual(shadow);
  });
});

describe('closing', () => {
  it('lets calls end within their own time-outs, then stops every Instance', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    const instance = await world.bringUp('a-1');
    let closed = false;
    void world.host.close(false).then(() => (closed = true));
    await settle();
    expect(world.gateway.closes).toEqual([30_000]);
    expect(instance.stops).toEqual([]);
    world.gateway.closed.resolve();
    await settle();
    expect(instance.stops).toEqual([5_000]);
    expect(closed).toBe(true);
    world.host.take(planFor('b', { instances: [planned('b-1')] }));
    await settle();
    expect(world.instances).toHaveLength(1);
  });

  it('does not wait for calls once somebody is impatient', async () => {
    const world = new HostWorld();
    world.host.take(planFor('a'));
    const instance = await world.bringUp('a-1');
    instance.stubborn = true;
    void world.host.close(false);
    await settle();
    void world.host.close(true);
    await settle();
    expect(instance.stops).not.toEqual([]);
    expect(Math.min(...instance.stops.map((ms) => ms ?? Number.POSITIVE_INFINITY))).toBe(3_000);
  });
});
