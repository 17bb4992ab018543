/** Both eras, against SDK v2: which one a session is in, what a request carries in each, how changes are heard. */
import { afterEach, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { connectUpstream } from '../../src/upstream/connect.ts';
import { hostFacts } from '../../src/upstream/handshake.ts';
import type { Upstream } from '../../src/ports/upstream.ts';
import { startTwoEras, waits, type TwoEras } from '../fixtures/two-eras-server.ts';
import { startConformanceServer } from '../fixtures/conformance-server.ts';
import { client, codeOf, Heard, request, spawnServer, until } from './channel.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const options = { instanceId: 'eras-0-1', maxMessageBytes: 4_194_304 };
const in10s = { timeoutMs: 10_000 };
const modern = '2026-07-28';

async function http(legacy: 'stateless' | 'reject'): Promise<{ server: TwoEras; upstream: Upstream }> {
  const server = await startTwoEras(legacy);
  const upstream = connectUpstream({ kind: 'http', url: server.url, headers: {} }, options);
  stops.push(server.close, () => upstream.close());
  await upstream.connect(20_000);
  return { server, upstream };
}

async function stdio(legacy: 'serve' | 'reject'): Promise<Upstream> {
  const spawned = spawnServer(['test/fixtures/two-eras-server.ts', 'stdio', legacy]);
  const upstream = connectUpstream({ kind: 'stdio', channel: spawned.channel }, options);
  stops.push(spawned.stop, () => upstream.close());
  await upstream.connect(20_000);
  return upstream;
}

async function who(upstream: Upstream, protocolVersion: string, extra: Record<string, unknown> = {}): Promise<unknown> {
  const session = await upstream.openSession(client({}, protocolVersion), new Heard());
  const answer = await session.request(request('tools/call', { name: 'who', arguments: { tag: 'x' }, ...extra }), in10s);
  await session.close();
  const { result } = JSON.parse(answer) as { result: { content: { text: string }[] } };
  return JSON.parse(result.content[0]!.text);
}

describe('over HTTP', () => {
  it('a service of both eras gives each client a session in its own', async () => {
    const { upstream } = await http('stateless');
    expect(upstream.own.facts).toMatchObject({ era: 'stateless', protocolVersion: modern, serverInfo: { name: 'two-eras' } });
    expect(await who(upstream, modern)).toEqual({ era: 'modern', tag: 'x', client: { name: 'test-client', version: '1.2.3' } });
    expect(await who(upstream, '2025-11-25')).toMatchObject({ era: 'legacy' });
    expect(await who(upstream, '2025-03-26')).toMatchObject({ era: 'legacy' });
  });

  it('a service of both eras with sessions gives a session client one that knows its version', async () => {
    const server = await startConformanceServer(0);
    const upstream = connectUpstream({ kind: 'http', url: server.url, headers: {} }, options);
    stops.push(server.close, () => upstream.close());
    expect((await upstream.connect(20_000)).era).toBe('stateless');
    const session = await upstream.openSession(client({ sampling: {} }, '2025-06-18'), new Heard());
    expect(session.facts).toMatchObject({ era: 'session', protocolVersion: '2025-06-18' });
    const stateless = await upstream.openSession(client({}, modern), new Heard());
    expect(stateless.facts.era).toBe('stateless');
    expect((await upstream.contract(10_000)).tools.length).toBeGreaterThan(5);
  });

  it('a service of the stateless era alone serves a session client too, in its name', async () => {
    const { server, upstream } = await http('reject');
    expect(await who(upstream, '2025-11-25')).toEqual({ era: 'modern', tag: 'x', client: { name: 'test-client', version: '1.2.3' } });
    expect(await who(upstream, '2025-11-25')).toMatchObject({ era: 'modern' });
    // That it refuses sessions is asked once.
    expect(server.seen.filter((line) => line === 'POST')).toHaveLength(1);
  });

  it('a client that says its facts itself is passed on as it is', async () => {
    const { upstream } = await http('reject');
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': modern,
      'io.modelcontextprotocol/clientInfo': { name: 'itself', version: '0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    expect(await who(upstream, modern, { _meta })).toMatchObject({ client: { name: 'itself' } });
  });

  it('requests repeat method and name in their headers, with what no header may carry encoded', async () => {
    const { server, upstream } = await http('reject');
    await upstream.own.request(request('tools/call', { name: 'who', arguments: { tag: 'x' } }), in10s);
    await upstream.own.request(request('tools/call', { name: 'żółw ', arguments: {} }), in10s);
    expect(server.seen).toContain('POST tools/call who');
    expect(server.seen).toContain(`POST tools/call =?base64?${Buffer.from('żółw ').toString('base64')}?=`);
  });

  it('a client adds headers that repeat arguments and no other, least of all credentials', async () => {
    const { server, upstream } = await http('reject');
    const headers = { 'Mcp-Param-Region': 'eu', Authorization: 'Bearer of the client', 'Mcp-Method': 'ping', Cookie: 'a=b' };
    await upstream.own.request(request('tools/call', { name: 'who', arguments: { tag: 'x' } }), { ...in10s, headers });
    expect(server.headers.at(-1)).toMatchObject({ 'mcp-param-region': 'eu', 'mcp-method': 'tools/call' });
    expect(server.headers.at(-1)).not.toHaveProperty('cookie');
    expect(server.headers.at(-1)).not.toHaveProperty('authorization');
  });

  it('progress comes on the stream of its call, under the token of the caller', async () => {
    const { upstream } = await http('reject');
    const tokens: unknown[] = [];
    const answer = await upstream.own.request(request('tools/call', { name: 'steps', arguments: {}, _meta: { progressToken: 'mine' } }), {
      ...in10s,
      onNotification: (message) => tokens.push((JSON.parse(message.text) as { params: { progressToken: unknown } }).params.progressToken),
    });
    expect(tokens).toEqual(['mine', 'mine', 'mine']);
    expect(JSON.parse(answer)).toMatchObject({ id: 'caller-1', result: { resultType: 'complete' } });
  });

  it('a cancel closes the stream, which the service hears', async () => {
    const { server, upstream } = await http('reject');
    const before = { ...waits };
    const controller = new AbortController();
    const call = codeOf(
      upstream.own.request(request('tools/call', { name: 'wait', arguments: {} }), { ...in10s, signal: controller.signal }),
    );
    await until(() => waits.begun === before.begun + 1);
    controller.abort();
    expect(await call).toBe('Cancelled');
    await until(() => waits.abandoned === before.abandoned + 1);
    expect(server.seen.filter((line) => line.includes('cancelled'))).toEqual([]);
  });

  it('changes of lists are heard on a subscription of the host, and on one of a client under its own id', async () => {
    const { server, upstream } = await http('reject');
    let changes = 0;
    upstream.onListChanged(() => changes++);
    const session = await upstream.openSession(client({}, modern), new Heard());
    const heard: { method: string; params: { _meta: Record<string, unknown> } }[] = [];
    const controller = new AbortController();
    const listening = codeOf(
      session.request(request('subscriptions/listen', { notifications: { toolsListChanged: true } }), {
        timeoutMs: Number.POSITIVE_INFINITY,
        signal: controller.signal,
        onNotification: (message) => heard.push(JSON.parse(message.text) as (typeof heard)[number]),
      }),
    );
    await until(() => heard.length === 1 && server.seen.filter((line) => line === 'POST subscriptions/listen').length === 2);
    server.notify.toolsChanged();
    await until(() => heard.length === 2 && changes > 0);
    expect(heard.map(({ method }) => method)).toEqual(['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']);
    expect(heard.map(({ params }) => params._meta['io.modelcontextprotocol/subscriptionId'])).toEqual(['caller-1', 'caller-1']);
    controller.abort();
    expect(await listening).toBe('Cancelled');
  });
});

it('the host says its own version', () => {
  expect(hostFacts.clientInfo).toEqual({ name: manifest.name, version: manifest.version });
});

describe('on standard streams', () => {
  it('a service of both eras is shaken hands with in the older one, which hurts no service', async () => {
    const upstream = await stdio('serve');
    expect(upstream.own.facts).toMatchObject({ era: 'session', protocolVersion: '2025-11-25' });
    expect(await who(upstream, modern)).toMatchObject({ era: 'legacy' });
  });

  it('a service of the stateless era alone carries each client by name on the one process', async () => {
    const upstream = await stdio('reject');
    expect(upstream.own.facts).toMatchObject({ era: 'stateless', protocolVersion: modern });
    expect((await upstream.contract(10_000)).tools.map(({ name }) => name)).toEqual(['steps', 'wait', 'who']);
    const clients = ['one', 'two'].map((name) => ({ ...client({}, modern), clientInfo: { name, version: '1' } }));
    const sessions = await Promise.all(clients.map((facts) => upstream.openSession(facts, new Heard())));
    const answers = await Promise.all(
      sessions.map((session) => session.request(request('tools/call', { name: 'who', arguments: { tag: 'x' } }), in10s)),
    );
    expect(answers.map((text) => /\\"name\\":\\"(\w+)\\"/.exec(text)?.[1])).toEqual(['one', 'two']);
    expect(sessions.map(({ shared }) => shared)).toEqual([false, false]);
  });
});
