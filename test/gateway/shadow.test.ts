import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import type { Shadow } from '../../src/model/plan.ts';
import type { ShadowReport } from '../../src/model/observation.ts';
import type { GatewayInstance } from '../../src/ports/gateway.ts';
import {
  Client,
  contractOf,
  FakeUpstream,
  instance,
  result,
  startWorld,
  systemClock,
  type Heard,
  type PlanShape,
  type World,
} from './world.ts';

let world: World;
let stable: FakeUpstream;
let target: FakeUpstream;
let both: GatewayInstance[];
beforeEach(async () => {
  world = await startWorld();
  const same = (heard: Heard): string => result(heard, '{"content":[{"type":"text","text":"same"}]}');
  stable = new FakeUpstream('s1', { answer: same });
  target = new FakeUpstream('t1', { answer: same, shared: false });
  both = [instance(stable, 'old'), instance(target, 'new')];
});
afterEach(() => world.close());

const shadow = (more: Partial<Shadow> = {}): PlanShape => ({
  service: 'files',
  weights: { old: 100 },
  shadow: { revision: 'new', tools: ['get_*'], percent: 100, ...more },
});
const open = (): Promise<Client> => Client.open(`${world.url}/services/files/mcp`);
const report = (): ShadowReport => world.gateway.shadow('files')!;
/** Resolves once this many mirrored calls have come to something. */
const mirrored = async (calls: number): Promise<void> => {
  await expect.poll(() => report().calls, { interval: 5 }).toBe(calls);
};
const silent = (): Promise<string> => new Promise(() => undefined);

describe('a call of a safe tool', () => {
  it('is made a second time at the target, with the same arguments and in the gateway’s own name', async () => {
    world.route(shadow(), ...both);
    const client = await Client.open(`${world.url}/services/files/mcp`, { sampling: {} });
    const answer = await client.ask('tools/call', { name: 'get_one', arguments: { n: 1.5 }, _meta: { progressToken: 7, mine: true } });
    expect(answer['result'].content[0].text).toBe('same');
    await mirrored(1);
    expect(JSON.parse(target.heard[0]!.message.text)).toMatchObject({
      method: 'tools/call',
      params: { name: 'get_one', arguments: { n: 1.5 } },
    });
    expect(target.heard[0]!.message.text).not.toContain('mine');
    expect(target.sessions[0]!.client).toMatchObject({ clientInfo: { name: 'fairlead' }, capabilities: {} });
    expect(report()).toEqual({ revision: 'new', calls: 1, same: 1, different: 0, failed: 0, skipped: 0, examples: [] });
  });

  it('is answered before it is made again, and not with what came of that', async () => {
    target.answer = silent;
    world.route(shadow({ percent: 100 }), ...both);
    const client = await open();
    for (let i = 0; i < 3; i++) expect((await client.call('get_one'))['result'].content[0].text).toBe('same');
  });

  it('counts once: in traffic, in usage and in the load', async () => {
    target.answer = silent;
    world.route(shadow(), ...both);
    await (await open()).call('get_one');
    await expect.poll(() => target.heard).toHaveLength(1);
    expect(Object.keys(world.gateway.traffic('files'))).toEqual(['old']);
    expect(world.gateway.takeUsage()).toMatchObject([{ tool: 'get_one', calls: 1 }]);
    expect(world.gateway.load('t1')).toEqual({ sessions: 0, inFlight: 0 });
  });

  it('is mirrored as often as the percentage says', async () => {
    world.route(shadow({ percent: 25 }), ...both);
    const client = await open();
    for (let i = 0; i < 100; i++) await client.call('get_one');
    world.route(shadow(), ...both);
    await client.call('get_last');
    await expect.poll(() => target.heard.at(-1)?.message.text).toContain('get_last');
    expect(Math.abs(target.heard.length - 1 - 25)).toBeLessThanOrEqual(1);
  });

  it('is listed with both answers when they differ, the latest ten newest first', async () => {
    target.answer = (heard) => result(heard, `{"content":[{"type":"text","text":"other ${target.heard.length}"}]}`);
    world.route(shadow(), ...both);
    const client = await open();
    for (let i = 1; i <= 12; i++) {
      await client.call('get_one');
      await mirrored(i);
    }
    expect(report()).toMatchObject({ calls: 12, same: 0, different: 12 });
    expect(report().examples).toHaveLength(10);
    expect(report().examples[0]).toEqual({
      tool: 'get_one',
      path: '/content/0/text',
      stable: '"same"',
      target: '"other 12"',
      at: expect.any(Number),
    });
  });
});

describe('no second call is made', () => {
  it.each([
    ['of a tool that is not named safe', 'set_one', shadow()],
    ['without a shadow', 'get_one', { service: 'files', weights: { old: 100 } }],
    ['of what the target itself answered', 'get_one', { ...shadow(), weights: { new: 100 } }],
    ['at nought per cent', 'get_one', shadow({ percent: 0 })],
  ] as [string, string, PlanShape][])('%s', async (_when, tool, shape) => {
    world.route(shape, ...both);
    await (await open()).call(tool);
    // What would be mirrored has been by the time that a later call, made by another Plan, is.
    const calls = target.heard.length;
    world.route(shadow(), ...both);
    await (await open()).call('get_later');
    await mirrored(1);
    expect(target.heard.slice(calls).map(({ message }) => JSON.parse(message.text).params.name)).toEqual(['get_later']);
  });

  it('of a tool that says that it destroys something, unless it is named as it is', async () => {
    const contract = { ...contractOf([]), tools: [{ name: 'get_and_drop', inputSchema: {}, annotations: { destructiveHint: true } }] };
    world.route(shadow(), instance(stable, 'old', contract), instance(target, 'new', contract));
    const client = await open();
    await client.call('get_and_drop');
    await client.call('get_one');
    await mirrored(1);
    world.route(shadow({ tools: ['get_*', 'get_and_drop'] }), instance(stable, 'old', contract), instance(target, 'new', contract));
    await client.call('get_and_drop');
    await mirrored(2);
    expect(target.heard.map(({ message }) => JSON.parse(message.text).params.name)).toEqual(['get_one', 'get_and_drop']);
  });

  it('of a call in which the service asks for more', async () => {
    stable.answer = (heard) => result(heard, '{"resultType":"input_required","inputRequests":{}}');
    world.route(shadow(), ...both);
    const client = await open();
    await client.call('get_one').catch(() => undefined);
    stable.answer = (heard) => result(heard, '{"content":[]}');
    await client.call('get_two');
    await mirrored(1);
    expect(target.heard.map(({ message }) => JSON.parse(message.text).params.name)).toEqual(['get_two']);
  });

  it('while eight are under way: it is counted as left out', async () => {
    const waiting: (() => void)[] = [];
    target.answer = async (heard) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return result(heard, '{"content":[{"type":"text","text":"same"}]}');
    };
    world.route(shadow(), ...both);
    const client = await open();
    for (let i = 0; i < 11; i++) await client.call('get_one');
    await expect.poll(() => waiting).toHaveLength(8);
    expect(report()).toMatchObject({ calls: 0, skipped: 3 });
    for (const finish of waiting) finish();
    await mirrored(8);
    await client.call('get_one');
    await expect.poll(() => waiting).toHaveLength(9);
    waiting[8]!();
    await mirrored(9);
  });
});

describe('a target that does not answer', () => {
  it('has failed after the call timeout, and keeps its session', async () => {
    target.answer = ({ options }) =>
      new Promise((_resolve, reject) => setTimeout(() => reject(new FairleadError('CallTimedOut', 'too late')), options.timeoutMs));
    world.route({ ...shadow(), limits: { callTimeoutMs: 30 } }, ...both);
    const client = await open();
    await client.call('get_one');
    await mirrored(1);
    await client.call('get_one');
    await mirrored(2);
    expect(report()).toMatchObject({ failed: 2, same: 0, different: 0 });
    expect(target.sessions).toHaveLength(1);
  });

  it('has failed when it is not there, and is asked again when it is', async () => {
    world.route(shadow(), both[0]!);
    const client = await open();
    await client.call('get_one');
    await mirrored(1);
    world.route(shadow(), ...both);
    await client.call('get_one');
    await mirrored(2);
    expect(report()).toMatchObject({ failed: 1, same: 1 });
  });

  it('is asked in another session when it lost the first', async () => {
    target.answer = () => Promise.reject(new FairleadError('UpstreamLost', 'gone', { data: { written: true } }));
    world.route(shadow(), ...both);
    const client = await open();
    await client.call('get_one');
    await mirrored(1);
    target.answer = stable.answer;
    await client.call('get_one');
    await mirrored(2);
    expect(report()).toMatchObject({ failed: 1, same: 1 });
    expect(target.sessions).toHaveLength(2);
  });

  it('is another when its instance is', async () => {
    world.route(shadow(), ...both);
    const client = await open();
    await client.call('get_one');
    await mirrored(1);
    const next = new FakeUpstream('t2', { answer: stable.answer });
    world.route({ ...shadow(), duties: { t1: 'drain' } }, ...both, instance(next, 'new'));
    await client.call('get_one');
    await mirrored(2);
    expect(next.heard).toHaveLength(1);
    expect(target.sessions[0]!.closed).toBe(true);
  });
});

describe('when the shadow ends', () => {
  it('its session does, what was under way counts as nothing, and the report stays', async () => {
    world.route(shadow(), ...both);
    const client = await open();
    await client.call('get_one');
    await mirrored(1);
    target.answer = silent;
    await client.call('get_one');
    await expect.poll(() => target.heard).toHaveLength(2);
    world.route({ service: 'files', weights: { old: 50, new: 50 } }, ...both);
    await expect.poll(() => target.sessions[0]!.closed).toBe(true);
    expect(report()).toMatchObject({ revision: 'new', calls: 1, same: 1, failed: 0 });
  });

  it('another target begins to be counted anew', async () => {
    world.route(shadow(), ...both);
    const client = await open();
    await client.call('get_one');
    await mirrored(1);
    world.route(shadow({ revision: 'newer' }), ...both);
    expect(report()).toMatchObject({ revision: 'newer', calls: 0, same: 0 });
  });

  it('and begins again, the same target is counted anew: it may be tried a second time', async () => {
    world.route(shadow(), ...both);
    const client = await open();
    await client.call('get_one');
    await mirrored(1);
    world.route({ service: 'files', weights: { old: 100 } }, ...both);
    expect(report().calls).toBe(1);
    world.route(shadow(), ...both);
    expect(report().calls).toBe(0);
  });

  it('what was to be mirrored to it is not mirrored to the next', async () => {
    await world.close();
    let held = true;
    const later: (() => void)[] = [];
    const after: typeof systemClock.after = (delayMs, callback) => {
      if (delayMs > 0 || !held) return systemClock.after(delayMs, callback);
      later.push(callback);
      return () => undefined;
    };
    world = await startWorld({ clock: { ...systemClock, after } });
    const next = new FakeUpstream('n1');
    const all = [...both, instance(next, 'newer')];
    world.route(shadow(), ...all);
    const client = await open();
    await client.call('get_one');
    world.route(shadow({ revision: 'newer' }), ...all);
    await client.call('get_two');
    held = false;
    for (const mirror of later) mirror();
    await mirrored(1);
    expect(next.heard.map(({ message }) => JSON.parse(message.text).params.name)).toEqual(['get_two']);
  });

  it('there has never been one: no report', () => {
    world.route({ service: 'files', weights: { old: 100 } }, ...both);
    expect(world.gateway.shadow('files')).toBeNull();
    expect(world.gateway.shadow('unknown')).toBeNull();
  });
});
