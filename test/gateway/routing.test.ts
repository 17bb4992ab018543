import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client, FakeUpstream, instance, lost, post, result, startWorld, systemClock, type Heard, type World } from './world.ts';

let world: World;
let endpoint: string;
beforeEach(async () => {
  world = await startWorld();
  endpoint = `${world.url}/services/files/mcp`;
});
afterEach(() => world.close());

/** An Upstream whose calls wait until the test lets them go. */
function held(id: string, shared = true): { upstream: FakeUpstream; arrived: (count: number) => Promise<void>; release: () => void } {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const waiting: { count: number; resolve: () => void }[] = [];
  const upstream = new FakeUpstream(id, {
    shared,
    answer: async (heard) => {
      for (const each of waiting) if (upstream.heard.length >= each.count) each.resolve();
      await gate;
      return result(heard, JSON.stringify({ content: [{ type: 'text', text: id }] }));
    },
  });
  const arrived = (count: number): Promise<void> =>
    new Promise((resolve) => (upstream.heard.length >= count ? resolve() : void waiting.push({ count, resolve })));
  return { upstream, arrived, release: () => release() };
}

const said = (answer: Record<string, any>): string => answer['result']?.content?.[0]?.text;

describe('which instance gets a call', () => {
  it('goes to the one with the least in flight', async () => {
    const busy = held('i1');
    const free = new FakeUpstream('i2');
    world.route({ service: 'files' }, instance(busy.upstream), instance(free));
    const client = await Client.open(endpoint);
    const first = client.call('echo');
    await busy.arrived(1);
    expect(said(await client.call('echo'))).toBe('i2');
    expect(said(await client.call('echo'))).toBe('i2');
    busy.release();
    expect(said(await first)).toBe('i1');
  });

  it('never goes to a revision without weight, however idle', async () => {
    const target = new FakeUpstream('t1');
    const stable = new FakeUpstream('s1');
    world.route({ service: 'files', weights: { old: 100 } }, instance(target, 'new'), instance(stable, 'old'));
    const client = await Client.open(endpoint);
    for (let i = 0; i < 5; i++) expect(said(await client.call('echo'))).toBe('s1');
    expect(target.heard).toHaveLength(0);
  });

  it('follows a new plan with the next call', async () => {
    const stable = new FakeUpstream('s1');
    const target = new FakeUpstream('t1');
    const both = [instance(stable, 'old'), instance(target, 'new')];
    world.route({ service: 'files', weights: { old: 100 } }, ...both);
    const client = await Client.open(endpoint);
    expect(said(await client.call('echo'))).toBe('s1');
    world.route({ service: 'files', weights: { new: 100 }, duties: { s1: 'drain' } }, ...both);
    expect(said(await client.call('echo'))).toBe('t1');
  });

  it('splits sessions by their weights, and each session stays where it is', async () => {
    const one = new FakeUpstream('a1', { shared: false });
    const two = new FakeUpstream('b1', { shared: false });
    world.route({ service: 'files', weights: { a: 50, b: 50 } }, instance(one, 'a'), instance(two, 'b'));
    const clients = await Promise.all(Array.from({ length: 40 }, () => Client.open(endpoint)));
    const first = await Promise.all(clients.map(async (client) => said(await client.call('echo'))));
    const second = await Promise.all(clients.map(async (client) => said(await client.call('echo'))));
    expect(second).toEqual(first);
    expect(new Set(first)).toEqual(new Set(['a1', 'b1']));
  });

  it('moves a session at most once and only forwards while the weight of the target grows', async () => {
    const both = [instance(new FakeUpstream('a1'), 'a'), instance(new FakeUpstream('b1'), 'b')];
    world.route({ service: 'files', weights: { a: 100 } }, ...both);
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.open(endpoint)));
    const seen = clients.map(() => 'a1');
    for (const share of [0, 25, 50, 75, 100]) {
      world.route({ service: 'files', weights: { a: 100 - share, b: share } }, ...both);
      for (const [index, client] of clients.entries()) {
        const now = said(await client.call('echo'));
        expect([seen[index], now]).not.toEqual(['b1', 'a1']);
        seen[index] = now;
      }
    }
    expect(new Set(seen)).toEqual(new Set(['b1']));
  });
});

describe('an instance that leaves', () => {
  it('keeps its bound session while it retires and gets no new one', async () => {
    const retiring = new FakeUpstream('i1', { shared: false });
    const fresh = new FakeUpstream('i2', { shared: false });
    world.route({ service: 'files' }, instance(retiring));
    const bound = await Client.open(endpoint);
    expect(world.gateway.load('i1')).toEqual({ sessions: 1, inFlight: 0 });
    world.route({ service: 'files', duties: { i1: 'retire' } }, instance(retiring), instance(fresh));
    const later = await Client.open(endpoint);
    expect(said(await bound.call('echo'))).toBe('i1');
    expect(said(await later.call('echo'))).toBe('i2');
  });

  it('is idle when its last session ends', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const idle: string[] = [];
    world.gateway.onIdle((id) => idle.push(id));
    await client.close();
    expect(idle).toContain('i1');
    expect(world.gateway.load('i1')).toEqual({ sessions: 0, inFlight: 0 });
  });

  it('finishes its calls in flight while it drains, and then is idle', async () => {
    const draining = held('i1', false);
    const fresh = new FakeUpstream('i2', { shared: false });
    world.route({ service: 'files' }, instance(draining.upstream));
    const client = await Client.open(endpoint);
    const call = client.call('echo');
    await draining.arrived(1);
    const idle = new Promise<string>((resolve) => world.gateway.onIdle(resolve));
    world.route({ service: 'files', duties: { i1: 'drain' } }, instance(draining.upstream), instance(fresh));
    expect(world.gateway.load('i1')).toEqual({ sessions: 0, inFlight: 1 });
    expect(said(await client.call('echo'))).toBe('i2');
    expect(draining.upstream.sessions[0]!.closed).toBe(false);
    draining.release();
    expect(said(await call)).toBe('i1');
    expect(await idle).toBe('i1');
    await expect.poll(() => draining.upstream.sessions[0]!.closed).toBe(true);
  });

  it('holds no session when its process is shared', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    await Client.open(endpoint);
    expect(world.gateway.load('i1').sessions).toBe(0);
  });
});

describe('no instance at the moment', () => {
  it('lets calls wait while the route is held, and go on when it no longer is', async () => {
    const upstream = new FakeUpstream('i1');
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    world.route({ service: 'files', hold: true }, instance(upstream));
    const call = client.call('echo');
    await client.request('ping');
    expect(upstream.heard).toHaveLength(0);
    world.route({ service: 'files' }, instance(upstream));
    expect(said(await call)).toBe('i1');
  });

  it.each([3_600_000, -3_600_000])('gives a call the time it has when the clock is set by %i ms meanwhile', async (ms) => {
    let setMs = 0;
    const other = await startWorld({ clock: { ...systemClock, now: () => Date.now() + setMs } });
    const upstream = new FakeUpstream('i1');
    other.route({ service: 'files', limits: { callTimeoutMs: 60_000 } }, instance(upstream));
    const client = await Client.open(`${other.url}/services/files/mcp`);
    other.route({ service: 'files', limits: { callTimeoutMs: 60_000 }, hold: true }, instance(upstream));
    const call = client.call('echo');
    await client.request('ping');
    setMs = ms;
    other.route({ service: 'files', limits: { callTimeoutMs: 60_000 } }, instance(upstream));
    await call;
    const { timeoutMs } = upstream.heard[0]!.options;
    expect(timeoutMs).toBeGreaterThan(30_000);
    expect(timeoutMs).toBeLessThanOrEqual(60_000);
    for (const { latencySumMs } of Object.values(other.gateway.traffic('files'))) expect(Math.abs(latencySumMs)).toBeLessThan(60_000);
    await other.close();
  });

  it('answers with a retryable error when none came up within the call timeout', async () => {
    const upstream = new FakeUpstream('i1');
    const shape = { service: 'files', limits: { callTimeoutMs: 50 } };
    world.route(shape, instance(upstream));
    const client = await Client.open(endpoint);
    world.route(shape);
    const answer = await client.call('echo');
    expect(answer['error'].data).toEqual({ code: 'ServiceUnavailable', retryable: true, service: 'files' });
  });

  it.each(['/services/files/mcp', '/mcp'])(
    'answers with a retryable error when no session came about within the call timeout (%s)',
    async (path) => {
      const upstream = new FakeUpstream('i1');
      upstream.openSession = () => new Promise(() => undefined);
      world.route({ service: 'files', limits: { callTimeoutMs: 50 } }, instance(upstream));
      const client = await Client.open(world.url + path);
      const answer = path === '/mcp' ? await client.call('files__echo') : client.initialized;
      expect(answer['error'].data).toEqual({ code: 'ServiceUnavailable', retryable: true, service: 'files' });
    },
  );

  it('refuses at once when no revision may be called and nothing says that one soon will', async () => {
    const upstream = new FakeUpstream('i1');
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    world.route({ service: 'files', weights: {}, limits: { callTimeoutMs: 3_600_000 } });
    expect((await client.call('echo'))['error'].data).toEqual({ code: 'ServiceUnavailable', retryable: true, service: 'files' });
  });

  it('tells those who wait when the service is no longer published', async () => {
    const upstream = new FakeUpstream('i1');
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    world.route({ service: 'files', hold: true }, instance(upstream));
    const call = client.call('echo');
    await client.request('ping');
    world.gateway.forget('files');
    expect((await call)['error'].data.code).toBe('NotFound');
  });
});

describe('an instance that dies', () => {
  it('gives one typed retryable error for each call in flight and sends none of them twice', async () => {
    const dying = held('i1');
    const other = new FakeUpstream('i2');
    world.route({ service: 'files' }, instance(dying.upstream));
    const client = await Client.open(endpoint);
    const calls = [client.call('echo'), client.call('echo'), client.call('echo')];
    await dying.arrived(3);
    world.route({ service: 'files' }, instance(dying.upstream), instance(other));
    dying.upstream.die();
    for (const answer of await Promise.all(calls)) {
      expect(answer['error'].data).toEqual({ code: 'UpstreamLost', retryable: true, service: 'files' });
    }
    expect(other.heard).toHaveLength(0);
  });

  it('sends a call elsewhere of which nothing was written', async () => {
    const gone = new FakeUpstream('i1', { answer: () => Promise.reject(lost(false)) });
    const other = new FakeUpstream('i2');
    world.route({ service: 'files' }, instance(gone), instance(other));
    const client = await Client.open(endpoint);
    expect(said(await client.call('echo'))).toBe('i2');
    expect(gone.heard).toHaveLength(1);
  });

  it('sends a request that only reads once more, although it was written', async () => {
    const gone = new FakeUpstream('i1', { answer: () => Promise.reject(lost(true)) });
    const other = new FakeUpstream('i2', { answer: (heard) => result(heard, '{"tools":[]}') });
    world.route({ service: 'files' }, instance(gone), instance(other));
    const client = await Client.open(endpoint);
    expect((await client.ask('tools/list'))['result']).toEqual({ tools: [] });
  });

  it('keeps the client session, and serves it from the instance that comes next', async () => {
    const first = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(first));
    const client = await Client.open(endpoint);
    first.die();
    world.route({ service: 'files' });
    const call = client.call('echo');
    const second = new FakeUpstream('i2', { shared: false });
    world.route({ service: 'files' }, instance(second));
    expect(said(await call)).toBe('i2');
    expect(second.sessions).toHaveLength(1);
    expect(second.sessions[0]?.client.clientInfo.name).toBe('test');
  });

  it('says log level and subscriptions again to the session that replaces the lost one', async () => {
    const first = new FakeUpstream('i1', { shared: false, answer: (heard) => result(heard, '{}') });
    world.route({ service: 'files' }, instance(first));
    const client = await Client.open(endpoint);
    await client.ask('logging/setLevel', { level: 'warning' });
    await client.ask('resources/subscribe', { uri: 'a://1' });
    await client.ask('resources/subscribe', { uri: 'a://2' });
    await client.ask('resources/unsubscribe', { uri: 'a://1' });
    const second = new FakeUpstream('i2', { shared: false });
    world.route({ service: 'files' }, instance(second));
    await client.call('echo');
    const replayed = second.heard.map(({ message }) => JSON.parse(message.text)).map(({ method, params }) => [method, params]);
    expect(replayed.slice(0, 2)).toEqual([
      ['logging/setLevel', { level: 'warning' }],
      ['resources/subscribe', { uri: 'a://2' }],
    ]);
  });

  it('opens a session anew, once and unseen, that the service has forgotten', async () => {
    let forgotten = true;
    const upstream = new FakeUpstream('i1', {
      shared: false,
      answer: (heard) => {
        if (!forgotten) return result(heard, '{"content":[]}');
        forgotten = false;
        return Promise.reject(lost(false, { sessionLost: true }));
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    expect((await client.call('echo'))['result']).toEqual({ content: [] });
    expect(upstream.sessions).toHaveLength(2);
    expect(upstream.sessions[0]?.closed).toBe(true);
  });

  it('does not open sessions for ever when the service forgets each of them', async () => {
    const upstream = new FakeUpstream('i1', { shared: false, answer: () => Promise.reject(lost(false, { sessionLost: true })) });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    expect((await client.call('echo'))['error'].data.code).toBe('UpstreamLost');
    expect(upstream.heard).toHaveLength(2);
  });
});

describe('many calls at once', () => {
  it('never lets more through than maxConcurrentCalls, and answers each exactly once', async () => {
    let running = 0;
    let most = 0;
    const upstream = new FakeUpstream('i1', {
      answer: async (heard) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        const { name } = JSON.parse(heard.message.text).params as { name: string };
        return result(heard, JSON.stringify({ content: [{ type: 'text', text: name }] }));
      },
    });
    world.route({ service: 'files', limits: { maxConcurrentCalls: 8 } }, instance(upstream));
    const clients = await Promise.all(Array.from({ length: 4 }, () => Client.open(endpoint)));
    const names = Array.from({ length: 40 }, (_, i) => `t${i}`);
    const answers = await Promise.all(names.map(async (name, i) => said(await clients[i % 4]!.call(name))));
    expect(answers).toEqual(names);
    expect(upstream.heard).toHaveLength(40);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('refuses with a retryable error when the line is full', async () => {
    const busy = held('i1');
    world.route({ service: 'files', limits: { maxConcurrentCalls: 1 } }, instance(busy.upstream));
    const client = await Client.open(endpoint);
    const first = client.call('echo');
    await busy.arrived(1);
    const waiting = Array.from({ length: 5 }, () => client.call('echo'));
    const refused = await Promise.race(waiting);
    expect(refused['error'].data).toEqual({ code: 'TooManyCalls', retryable: true, service: 'files' });
    busy.release();
    expect(said(await first)).toBe('i1');
    const codes = (await Promise.all(waiting)).map((answer) => answer['error']?.data.code ?? 'ok');
    expect(codes.filter((code) => code === 'ok')).toHaveLength(4);
  });

  it('gives two clients with the same request id each its own answer', async () => {
    const upstream = new FakeUpstream('i1', {
      answer: (heard: Heard) => result(heard, JSON.stringify({ content: [], for: JSON.parse(heard.message.text).params.name })),
    });
    world.route({ service: 'files' }, instance(upstream));
    const [one, two] = await Promise.all([Client.open(endpoint), Client.open(endpoint)]);
    const [first, second] = await Promise.all([one.request('tools/call', { name: 'a' }, 1), two.request('tools/call', { name: 'b' }, 1)]);
    expect(first.messages[0]?.['result'].for).toBe('a');
    expect(second.messages[0]?.['result'].for).toBe('b');
  });
});

describe('what is counted', () => {
  it('tells errors of the protocol and of tools apart, by revision', async () => {
    const answers = ['{"content":[]}', '{"content":[],"isError":true}', '{"content":[{"type":"text","text":"\\"isError\\":true"}]}'];
    const upstream = new FakeUpstream('i1', { answer: (heard) => result(heard, answers.shift()!) });
    world.route({ service: 'files' }, instance(upstream, 'rev'));
    const client = await Client.open(endpoint);
    for (let i = 0; i < 3; i++) await client.call('echo');
    upstream.answer = (heard) => `{"jsonrpc":"2.0","id":${heard.message.id},"error":{"code":-32603,"message":"x"}}`;
    await client.call('echo');
    await client.ask('tools/list');
    const { rev } = world.gateway.traffic('files');
    expect(rev).toMatchObject({ calls: 4, toolErrors: 1, protocolErrors: 1 });
    expect(rev?.latencyBuckets.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  it('is kept of the revisions there are, and of the newest of those before', async () => {
    const stable = instance(new FakeUpstream('s1'), 'stable');
    for (let i = 0; i < 30; i++) {
      const target = instance(new FakeUpstream(`t${i}`), `target-${i}`);
      for (const to of ['stable', `target-${i}`]) {
        world.route({ service: 'files', weights: { [to]: 100 } }, stable, target);
        await (await Client.open(endpoint)).call('echo');
      }
    }
    const revisions = Object.keys(world.gateway.traffic('files'));
    expect(revisions).toEqual(expect.arrayContaining(['stable', 'target-29', 'target-28']));
    expect(revisions.length).toBeLessThanOrEqual(12);
    expect(world.gateway.traffic('files')['stable']?.calls).toBe(30);
  });

  it('counts tools by day, once', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const client = await Client.open(endpoint);
    await client.call('echo');
    await client.call('echo');
    expect(world.gateway.takeUsage()).toMatchObject([{ service: 'files', tool: 'echo', calls: 2, errors: 0 }]);
    expect(world.gateway.takeUsage()).toEqual([]);
  });

  it('does not hold against the service that a client cancelled', async () => {
    const slow = held('i1');
    world.route({ service: 'files' }, instance(slow.upstream));
    const client = await Client.open(endpoint);
    const call = client.request('tools/call', { name: 'echo' }, 'c1');
    await slow.arrived(1);
    await client.notify('notifications/cancelled', { requestId: 'c1' });
    expect((await call).messages.at(-1)?.['error'].data.code).toBe('Cancelled');
    expect(slow.upstream.heard[0]?.options.signal?.aborted).toBe(true);
    expect(world.gateway.traffic('files')).toEqual({});
  });
});

describe('closing', () => {
  it('lets calls in flight end and refuses new ones', async () => {
    const slow = held('i1');
    world.route({ service: 'files' }, instance(slow.upstream));
    const client = await Client.open(endpoint);
    const call = client.call('echo');
    await slow.arrived(1);
    const closed = world.gateway.close(5_000);
    expect((await post(endpoint, { jsonrpc: '2.0', id: 1, method: 'ping' }, client.headers)).status).toBe(503);
    slow.release();
    expect(said(await call)).toBe('i1');
    await closed;
  });
});
