/** What hostile services on standard streams get: a typed error for the call it concerns, and nothing else disturbed. */
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectUpstream } from '../../src/upstream/connect.ts';
import type { Upstream, UpstreamSession } from '../../src/ports/upstream.ts';
import { client, codeOf, Heard, hostile, request, spawnServer, until, type Spawned } from './channel.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function start(mode: string, env: Record<string, string> = {}): { upstream: Upstream; spawned: Spawned } {
  const spawned = spawnServer([hostile, 'stdio', mode], env);
  const upstream = connectUpstream({ kind: 'stdio', channel: spawned.channel }, { instanceId: 'hostile-0-1', maxMessageBytes: 4_194_304 });
  stops.push(spawned.stop, () => upstream.close());
  return { upstream, spawned };
}

async function session(mode: string, heard = new Heard()): Promise<{ upstream: Upstream; heard: Heard; session: UpstreamSession }> {
  const { upstream } = start(mode);
  await upstream.connect(20_000);
  return { upstream, heard, session: await upstream.openSession(client(), heard) };
}

const echo = (value: unknown) => request('tools/call', { name: 'echo', arguments: { value } });
const slow = request('tools/call', { name: 'slow' });
const in10s = { timeoutMs: 10_000 };

describe('a handshake with a service', () => {
  it('that never answers ends with HandshakeTimeout', async () => {
    expect(await codeOf(start('mute').upstream.connect(300))).toBe('HandshakeTimeout');
  });

  it('that ends at once ends with HandshakeFailed, long before the time-out', async () => {
    expect(await codeOf(start('exit').upstream.connect(20_000))).toBe('HandshakeFailed');
  });

  it('that prints without end to its output may come about, and is given up with ProtocolViolation', async () => {
    const { upstream } = start('flood');
    await upstream.connect(20_000);
    // A busy machine may have read enough of it already before the first call.
    expect(['UpstreamLost', 'ProtocolViolation']).toContain(await codeOf(upstream.own.request(slow, in10s)));
    expect(upstream.violations).toBeGreaterThanOrEqual(100);
    expect(await codeOf(upstream.own.request(request('ping'), in10s))).toBe('ProtocolViolation');
  });

  it('that prints a banner first succeeds, and the lines are counted', async () => {
    const { upstream } = start('banner');
    await upstream.connect(20_000);
    expect(upstream.violations).toBe(20);
    expect(await upstream.own.request(echo(1), in10s)).toContain('value');
  });

  it('that chooses a version nobody knows ends with HandshakeFailed', async () => {
    expect(await codeOf(start('future-version').upstream.connect(20_000))).toBe('HandshakeFailed');
  });
});

describe('a call to a service', () => {
  it.each([
    ['wrong-id', 'CallTimedOut', 500],
    ['text-id', 'UpstreamMalformed', 20_000],
    ['bad-result', 'UpstreamMalformed', 20_000],
    ['no-result', 'UpstreamMalformed', 20_000],
    ['broken-json', 'CallTimedOut', 500],
  ])('that answers with %s ends with %s and is counted', async (mode, code, timeoutMs) => {
    const { upstream, session: own } = await session(mode);
    expect(await codeOf(own.request(echo(1), { timeoutMs }))).toBe(code);
    expect(upstream.violations).toBe(1);
    expect(await codeOf(own.request(request('ping'), in10s))).toBe('no error');
  });

  it('that answers twice gets the first answer, the others are counted', async () => {
    const { upstream, session: own } = await session('double-id');
    expect(await own.request(echo(1), in10s)).toContain('"caller-1"');
    await own.request(request('ping'), in10s);
    expect(upstream.violations).toBe(2);
  });

  it('that answers in a batch gets its answer, and the notification in it is heard', async () => {
    const { upstream, session: own } = await session('batch');
    const heard: (string | null)[] = [];
    upstream.onNotification((message) => heard.push(message.method));
    expect(await own.request(echo(1), in10s)).toContain('value');
    expect(heard).toEqual(['notifications/message']);
    expect(upstream.violations).toBe(0);
  });

  it('that writes half a message and ends fails with UpstreamLost, every call that is in flight', async () => {
    const { heard, session: own } = await session('half');
    const calls = [slow, echo(1)].map((message) => own.request(message, in10s));
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'UpstreamLost', data: { written: true }, retry: 'backoff' });
    await until(() => heard.closedWith !== null);
    await expect(own.request(echo(2), in10s)).rejects.toMatchObject({ code: 'UpstreamLost', data: { written: false } });
  });

  it('that answers after the cancel is no violation', async () => {
    const { upstream, session: own } = await session('late');
    const controller = new AbortController();
    const call = codeOf(own.request(slow, { ...in10s, signal: controller.signal }));
    controller.abort();
    expect(await call).toBe('Cancelled');
    await own.request(request('ping'), in10s);
    expect(upstream.violations).toBe(0);
  });

  it('that asks a shared session for what only a client can give hears that nobody is there', async () => {
    const { heard, session: own } = await session('asks');
    expect(await own.request(echo(1), in10s)).toContain('-32601');
    expect(heard.requests).toEqual([]);
  });

  it('that pings in the middle of it is answered at once', async () => {
    const { session: own } = await session('pings');
    expect(await own.request(echo(1), in10s)).toContain('{\\"jsonrpc\\":\\"2.0\\",\\"id\\":\\"theirs\\",\\"result\\":{}}');
  });
});

describe('the Contract of a service', () => {
  it.each([['endless-pages'], ['same-cursor'], ['many-tools'], ['no-list'], ['deep-schema']])(
    'with %s is refused with ProtocolViolation',
    async (mode) => {
      const { upstream } = await session(mode);
      expect(await codeOf(upstream.contract(20_000))).toBe('ProtocolViolation');
      expect(await upstream.own.request(echo(1), in10s)).toContain('value');
    },
  );

  it('with a name twice keeps the first, leaves out what has no name, and counts both', async () => {
    const { upstream } = await session('double-names');
    const { tools } = await upstream.contract(20_000);
    expect(tools.map(({ name, description }) => [name, description])).toEqual([
      ['echo', 'the tool echo'],
      ['slow', 'the tool slow'],
    ]);
    expect(upstream.violations).toBe(3);
  });

  it('with schemas that are none takes them as they are and compiles nothing', async () => {
    const { upstream } = await session('no-schema');
    const { tools } = await upstream.contract(20_000);
    expect(tools.map(({ inputSchema }) => inputSchema)).toEqual(['not a schema', { type: 5, pattern: '(a+)+$', properties: [] }]);
  });

  it('with a reference to the network never fetches it', async () => {
    let connections = 0;
    const trap = createServer(() => connections++);
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    stops.push(() => new Promise((resolve) => void trap.close(() => resolve())));
    const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/schema.json`;
    const { upstream } = start('remote-ref', { REF_URL: url });
    await upstream.connect(20_000);
    expect((await upstream.contract(20_000)).tools[0]!.inputSchema).toEqual({ $ref: url });
    await upstream.own.request(echo(1), in10s);
    expect(connections).toBe(0);
  });
});

describe('a storm of list_changed', () => {
  it('is heard a few times, not thousands of times', async () => {
    const { upstream } = start('storm');
    let changes = 0;
    upstream.onListChanged(() => changes++);
    await upstream.connect(20_000);
    await until(() => changes > 0);
    await upstream.own.request(request('ping'), in10s);
    expect(changes).toBeLessThan(5);
  });
});
