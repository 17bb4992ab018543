/** Checks against services that are well, unwell, slow, gone or hostile: pass, fail and error never mixed up, nothing left open. */
import { createServer as createHttp } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createProber } from '../../src/probes/prober.ts';
import { connectUpstream } from '../../src/upstream/connect.ts';
import { latencyBoundsMs, noTraffic, type TrafficCounters } from '../../src/model/observation.ts';
import type { Check, Expectation } from '../../src/model/service.ts';
import type { ProbeSubject } from '../../src/ports/prober.ts';
import type { Upstream } from '../../src/ports/upstream.ts';
import { startHostile, type Hostile } from '../fixtures/hostile/server.ts';
import { startTwoEras } from '../fixtures/two-eras-server.ts';
import { codeOf, everything, hostile, request, spawnServer, until, type Spawned } from '../upstream/channel.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const prober = createProber();
const options = { instanceId: 'probed-0-1', maxMessageBytes: 1_048_576 };

async function http(mode: string): Promise<{ server: Hostile; upstream: Upstream }> {
  const server = await startHostile(mode);
  const upstream = connectUpstream({ kind: 'http', url: server.url, headers: {} }, options);
  stops.push(server.close, () => upstream.close());
  await upstream.connect(20_000);
  return { server, upstream };
}

async function stdio(...args: string[]): Promise<{ spawned: Spawned; upstream: Upstream }> {
  const spawned = spawnServer(args);
  const upstream = connectUpstream({ kind: 'stdio', channel: spawned.channel }, options);
  stops.push(spawned.stop, () => upstream.close());
  await upstream.connect(20_000);
  return { spawned, upstream };
}

function subject(upstream: Upstream | null, extra: Partial<ProbeSubject> = {}): ProbeSubject {
  // Checks that look elsewhere must not need the Instance at all.
  return {
    session: async () => upstream!.own,
    traffic: noTraffic,
    probeLatenciesMs: [],
    serviceReady: () => false,
    ...extra,
  };
}

const basic: Check = { type: 'basic', name: 'alive', timeoutMs: 10_000 };

function functional(expected: Expectation, args: Record<string, unknown> = {}, tool = 'echo', timeoutMs = 10_000): Check {
  return { type: 'functional', name: 'works', timeoutMs, tool, arguments: args, expect: expected };
}

describe('the basic check', () => {
  it('passes a service that answers ping, and says how long it took', async () => {
    const { upstream } = await stdio(everything, 'stdio');
    const answer = await prober.probe(basic, subject(upstream));
    expect(answer).toMatchObject({ outcome: 'pass', message: 'answered ping' });
    expect(answer.latencyMs).toBeGreaterThan(0);
  });

  it('asks a service without ping for its tools', async () => {
    const { upstream, server } = await http('no-ping');
    expect(await prober.probe(basic, subject(upstream))).toMatchObject({ outcome: 'pass' });
    expect(server.seen.slice(-2)).toEqual(['POST ping', 'POST tools/list']);
  });

  it('asks a service of the stateless era to say what it is', async () => {
    const server = await startTwoEras('reject');
    const upstream = connectUpstream({ kind: 'http', url: server.url, headers: {} }, options);
    stops.push(server.close, () => upstream.close());
    await upstream.connect(20_000);
    expect(await prober.probe(basic, subject(upstream))).toMatchObject({ outcome: 'pass' });
    expect(server.seen.filter((line) => line === 'POST server/discover')).toHaveLength(2);
  });

  it('is an error, not a failure, of a service that is gone', async () => {
    const { upstream, spawned } = await stdio(hostile, 'stdio', '');
    await spawned.stop();
    expect(await prober.probe(basic, subject(upstream))).toMatchObject({ outcome: 'error', latencyMs: null });
  });

  it('fails a service that floods its output with what is not MCP', async () => {
    const { upstream } = await stdio(hostile, 'stdio', 'flood');
    // Answered when it is given up, or at once when it has been already.
    await codeOf(upstream.own.request(request('tools/call', { name: 'slow' }), { timeoutMs: 20_000 }));
    expect(await prober.probe(basic, subject(upstream))).toMatchObject({ outcome: 'fail' });
  });
});

describe('the functional check', () => {
  it.each<[string, Expectation, Record<string, unknown>, string]>([
    ['nothing but an answer', {}, {}, 'pass'],
    ['a text that is there', { contains: '"sunny"' }, { sky: 'sunny' }, 'pass'],
    ['a text that is not there', { contains: 'rain' }, { sky: 'sunny' }, 'fail'],
    ['a pattern that matches', { matches: '"t":[0-9]+' }, { t: 21 }, 'pass'],
    ['a pattern that does not match', { matches: '^nothing$' }, { t: 21 }, 'fail'],
    ['a value that is equal, keys in any order', { equals: { a: 1, b: [2] } }, { b: [2], a: 1 }, 'pass'],
    ['a value that differs', { equals: { a: 1 } }, { a: 2 }, 'fail'],
    ['an error where there is none', { isError: true }, {}, 'fail'],
    ['all of several, one of which does not hold', { contains: 'a', equals: { a: 2 } }, { a: 1 }, 'fail'],
    ['a pattern that is none', { matches: '(' }, {}, 'error'],
  ])('with %s', async (_name, expected, args, outcome) => {
    const { upstream } = await http('');
    expect(await prober.probe(functional(expected, args), subject(upstream))).toMatchObject({ outcome });
  });

  it('takes the tools of the official server as a person would', async () => {
    const { upstream } = await stdio(everything, 'stdio');
    const sum = functional({ contains: '5' }, { a: 2, b: 3 }, 'get-sum');
    expect(await prober.probe(sum, subject(upstream))).toMatchObject({ outcome: 'pass' });
    const structured = functional(
      { equals: { temperature: 33, conditions: 'Cloudy', humidity: 82 } },
      { location: 'New York' },
      'get-structured-content',
    );
    expect(await prober.probe(structured, subject(upstream))).toMatchObject({ outcome: 'pass' });
    expect(await prober.probe(functional({}, {}, 'no-such-tool'), subject(upstream))).toMatchObject({ outcome: 'fail' });
    expect(await prober.probe(functional({ isError: true }, {}, 'no-such-tool'), subject(upstream))).toMatchObject({ outcome: 'pass' });
  });

  it('is an error when the time is over or the connection breaks, a failure when the answer is none', async () => {
    const outcomes = await Promise.all(
      ['loris', 'no-answer', 'unavailable', 'other-answer', 'bad-result', 'huge-json'].map(async (mode) => {
        const { upstream } = await http(mode);
        return [mode, (await prober.probe(functional({}, {}, 'echo', mode === 'loris' ? 300 : 10_000), subject(upstream))).outcome];
      }),
    );
    expect(Object.fromEntries(outcomes)).toEqual({
      loris: 'error',
      'no-answer': 'error',
      unavailable: 'error',
      'other-answer': 'fail',
      'bad-result': 'fail',
      'huge-json': 'fail',
    });
  });

  it('is not held up by a pattern that would explode, on an answer made for it', async () => {
    const { upstream } = await http('');
    const check = functional({ matches: '^(a+)+$' }, { a: 'a'.repeat(50_000) });
    expect(await prober.probe(check, subject(upstream))).toMatchObject({ outcome: 'fail' });
  });
});

describe('the performance check', () => {
  const check: Check = { type: 'performance', name: 'fast', timeoutMs: 1_000, p95Ms: 190, errorRate: 0.05, minCalls: 20 };
  // 90 calls between 125 and 160 ms, 10 between 160 and 200: p95 is 180 ms.
  const buckets = [...latencyBoundsMs.map((upper) => ({ 160: 90, 200: 10 })[upper] ?? 0), 0];
  const traffic: TrafficCounters = { calls: 100, protocolErrors: 2, toolErrors: 1, latencyBuckets: buckets, latencySumMs: 8_000 };

  it.each<[string, Partial<typeof check>, Partial<TrafficCounters>, number[], string, RegExp]>([
    ['passes what stays within both', {}, {}, [], 'pass', /p95 180 ms; 3 % errors/],
    ['fails a p95 over the limit', { p95Ms: 170 }, {}, [], 'fail', /p95 is 180 ms/],
    ['fails an error rate over the limit, protocol and tool errors said apart', { errorRate: 0.02 }, {}, [], 'fail', /2 protocol, 1 tool/],
    ['judges nothing that has no limit', { p95Ms: null, errorRate: null }, {}, [], 'pass', /p95/],
    ['is inconclusive over too few calls, and says so', {}, { calls: 19 }, [1, 2], 'pass', /^inconclusive: 19 calls and 2 probes/],
    [
      'judges the probes where clients call too little',
      {},
      { calls: 0 },
      Array.from({ length: 20 }, (_, index) => index),
      'pass',
      /p95 18 ms over 20 probes/,
    ],
    ['fails slow probes', { p95Ms: 10 }, { calls: 0 }, Array.from({ length: 20 }, (_, index) => index), 'fail', /p95 is 18 ms/],
    [
      'takes the last bound for what is beyond it',
      { p95Ms: 79_999 },
      { latencyBuckets: [...buckets.slice(0, -1), 900] },
      [],
      'fail',
      /80000 ms/,
    ],
  ])('%s', async (_name, change, counters, probeLatenciesMs, outcome, message) => {
    const answer = await prober.probe({ ...check, ...change }, subject(null, { traffic: { ...traffic, ...counters }, probeLatenciesMs }));
    expect(answer.outcome).toBe(outcome);
    expect(answer.message).toMatch(message);
  });
});

describe('the dependency check', () => {
  const dependency = (target: Extract<Check, { type: 'dependency' }>['target'], timeoutMs = 10_000): Check => ({
    type: 'dependency',
    name: 'needs',
    timeoutMs,
    target,
  });

  it('goes by what the host says of another service', async () => {
    const ready = subject(null, { serviceReady: (name) => name === 'db' });
    expect(await prober.probe(dependency({ service: 'db' }), ready)).toMatchObject({ outcome: 'pass' });
    expect(await prober.probe(dependency({ service: 'cache' }), ready)).toMatchObject({ outcome: 'fail' });
  });

  it('passes a port that takes connections, fails one that refuses them, and is an error for a name that is none', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await prober.probe(dependency({ tcp: `127.0.0.1:${port}` }), subject(null))).toMatchObject({ outcome: 'pass' });
    await new Promise((resolve) => server.close(resolve));
    expect(await prober.probe(dependency({ tcp: `127.0.0.1:${port}` }), subject(null))).toMatchObject({ outcome: 'fail' });
    expect(await prober.probe(dependency({ tcp: 'no-such-host.invalid:80' }), subject(null))).toMatchObject({ outcome: 'error' });
  });

  it('passes an address that answers, fails one that answers with an error, is an error for one that does not answer', async () => {
    const server = createHttp((request, response) => {
      if (request.url !== '/hangs') response.writeHead(request.url === '/broken' ? 503 : 200).end('x'.repeat(100_000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stops.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const outcome = async (path: string, timeoutMs?: number) =>
      (await prober.probe(dependency({ http: base + path }, timeoutMs), subject(null))).outcome;
    expect([await outcome('/'), await outcome('/broken'), await outcome('/hangs', 200)]).toEqual(['pass', 'fail', 'error']);
    const connections = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    while ((await connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('two hundred rounds', () => {
  const rounds = 200;
  const all = [
    basic,
    functional({}, { a: 1 }),
    { type: 'performance', name: 'fast', timeoutMs: 1_000, p95Ms: 1, errorRate: 0, minCalls: 5 } as Check,
  ];
  const round = async (upstream: Upstream): Promise<void> => {
    for (const check of all) await prober.probe(check, subject(upstream));
  };

  it('leave sessions, streams, sockets and timers of a service over HTTP as they were', async () => {
    const { server, upstream } = await http('');
    await until(() => server.streams.size === 1);
    await round(upstream);
    const count = () => ({
      sessions: server.sessions.size,
      streams: server.streams.size,
      sockets: server.sockets.size,
      resources: process.getActiveResourcesInfo().filter((name) => name !== 'Immediate' && name !== 'TickObject').length,
    });
    const before = count();
    for (let i = 0; i < rounds; i++) await round(upstream);
    const after = count();
    expect(after).toMatchObject({ sessions: 1, streams: 1 });
    expect(after.sockets).toBeLessThanOrEqual(before.sockets);
    expect(after.resources).toBeLessThanOrEqual(before.resources);
    expect(server.seen.filter((line) => line === 'POST initialize')).toHaveLength(1);
  });

  it('leave listeners and timers of a process as they were', async () => {
    const { spawned, upstream } = await stdio(everything, 'stdio');
    await round(upstream);
    const count = () => ({
      listeners: [spawned.child, spawned.child.stdin!, spawned.child.stdout!].map((emitter) =>
        emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0),
      ),
      timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    });
    const before = count();
    for (let i = 0; i < rounds; i++) await round(upstream);
    const after = count();
    expect(after.listeners).toEqual(before.listeners);
    // One of the test runner's own may have ended meanwhile.
    expect(after.timers).toBeLessThanOrEqual(before.timers);
  });

  it('that all end in time-outs leave nothing behind either', async () => {
    const { server, upstream } = await http('');
    await until(() => server.streams.size === 1);
    const slow = functional({}, {}, 'slow', 20);
    for (let i = 0; i < 50; i++) expect((await prober.probe(slow, subject(upstream))).outcome).toBe('error');
    expect(server.sessions.size).toBe(1);
    await until(() => server.sockets.size <= 3);
    expect(await prober.probe(basic, subject(upstream))).toMatchObject({ outcome: 'pass' });
  });
});
