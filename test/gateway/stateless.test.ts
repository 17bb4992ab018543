import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Listening } from '../../src/gateway/listening.ts';
import { readBody } from '../../src/gateway/message.ts';
import {
  Client,
  EventReader,
  FakeUpstream,
  accept,
  contractOf,
  instance,
  post,
  result,
  startWorld,
  systemClock,
  type Reply,
  type World,
} from './world.ts';

let world: World;
let endpoint: string;
beforeEach(async () => {
  world = await startWorld();
  endpoint = `${world.url}/services/files/mcp`;
});
afterEach(() => world.close());

const version = '2026-07-28';
const meta = {
  'io.modelcontextprotocol/protocolVersion': version,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

function headersFor(method: string, params: Record<string, unknown>): Record<string, string> {
  const name = params['name'] ?? params['uri'];
  return { 'mcp-protocol-version': version, 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': name } : {}) };
}

function ask(url: string, method: string, params: Record<string, unknown> = {}, headers = headersFor(method, params)): Promise<Reply> {
  return post(url, { jsonrpc: '2.0', id: 'q', method, params: { _meta: meta, ...params } }, headers);
}

const stateless = (id: string, answer?: ConstructorParameters<typeof FakeUpstream>[1]): FakeUpstream =>
  new FakeUpstream(id, { shared: false, facts: { era: 'stateless', protocolVersion: version }, ...answer });

describe('a stateless client and a stateless service', () => {
  it('hear each other byte for byte, with the headers that travel beside parameters', async () => {
    const upstream = stateless('i1', { answer: (heard) => result(heard, '{ "content": [], "resultType":"complete", "n": 1.0 }') });
    world.route({ service: 'files' }, instance(upstream));
    const headers = { ...headersFor('tools/call', { name: 'echo' }), 'mcp-param-region': 'eu' };
    const reply = await ask(endpoint, 'tools/call', { name: 'echo', arguments: {} }, headers);
    expect(reply.text).toBe('{"jsonrpc":"2.0","id":"q","result":{ "content": [], "resultType":"complete", "n": 1.0 }}');
    expect(upstream.heard[0]?.options.headers).toEqual({ 'mcp-param-region': 'eu' });
    expect(JSON.parse(upstream.heard[0]!.message.text).params._meta).toEqual(meta);
  });

  it('need no session of the gateway, and keep no instance from being idle', async () => {
    world.route({ service: 'files' }, instance(stateless('i1')));
    const reply = await ask(endpoint, 'tools/call', { name: 'echo' });
    expect(reply.headers.get('mcp-session-id')).toBeNull();
    expect(world.gateway.load('i1')).toEqual({ sessions: 0, inFlight: 0 });
  });

  it('has the time of one call, of which waiting for a session is a part', async () => {
    let passedMs = 0;
    const other = await startWorld({ clock: { ...systemClock, elapsedMs: () => performance.now() + passedMs } });
    const upstream = stateless('i1');
    const open = upstream.openSession.bind(upstream);
    upstream.openSession = (client, listener) => {
      passedMs = 40_000;
      return open(client, listener);
    };
    other.route({ service: 'files', limits: { callTimeoutMs: 60_000 } }, instance(upstream));
    await ask(`${other.url}/services/files/mcp`, 'tools/call', { name: 'echo' });
    expect(upstream.heard[0]!.options.timeoutMs).toBeLessThanOrEqual(20_000);
    await other.close();
  });

  it.each([
    [-32_601, 404],
    [-32_020, 400],
    [-32_021, 400],
    [-32_602, 200],
  ])('an error %i of the service has HTTP status %i', async (code, status) => {
    const upstream = stateless('i1', {
      answer: (heard) => `{"jsonrpc":"2.0","id":${heard.message.id},"error":{"code":${code},"message":"x"}}`,
    });
    world.route({ service: 'files' }, instance(upstream));
    expect((await ask(endpoint, 'prompts/get', { name: 'p' })).status).toBe(status);
  });

  it('spread over revisions by their weights, request by request, as calls with curl do', async () => {
    const both = [instance(stateless('a1'), 'a'), instance(stateless('b1'), 'b')] as const;
    world.route({ service: 'files', weights: { a: 50, b: 50 } }, ...both);
    for (let i = 0; i < 40; i++) await ask(endpoint, 'tools/call', { name: 'echo' });
    const calls = () => Object.values(world.gateway.traffic('files')).map((traffic) => traffic.calls);
    expect(calls()).toHaveLength(2);
    world.route({ service: 'other', weights: { a: 50, b: 50 } }, instance(stateless('a2'), 'a'), instance(stateless('b2'), 'b'));
    const body = JSON.stringify({ tool: 'echo' });
    for (let i = 0; i < 40; i++) await fetch(`${world.url}/api/v1/services/other/call`, { method: 'POST', headers: accept, body });
    expect(Object.keys(world.gateway.traffic('other')).sort()).toEqual(['a', 'b']);
  });

  it('a connection that closes cancels its call', async () => {
    let arrived = (): void => undefined;
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    const cancelled = new Promise<void>((resolve) => {
      const upstream = stateless('i1', {
        answer: (heard) => {
          heard.options.signal?.addEventListener('abort', () => resolve());
          arrived();
          return new Promise(() => undefined);
        },
      });
      world.route({ service: 'files' }, instance(upstream));
    });
    const controller = new AbortController();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { _meta: meta, name: 'echo' } });
    const headers = { ...accept, ...headersFor('tools/call', { name: 'echo' }) };
    const call = fetch(endpoint, { method: 'POST', headers, body, signal: controller.signal });
    await begun;
    controller.abort();
    await expect(call).rejects.toThrow();
    await cancelled;
  });
});

describe('what a stateless request must carry', () => {
  beforeEach(() => world.route({ service: 'files' }, instance(stateless('i1'))));

  const without = (key: keyof typeof meta): Record<string, unknown> =>
    Object.fromEntries(Object.entries(meta).filter(([name]) => name !== key));
  const good = { 'mcp-protocol-version': version, 'mcp-method': 'tools/list' };

  it.each([
    ['no _meta', {}, good, -32_602],
    ['no version', { _meta: without('io.modelcontextprotocol/protocolVersion') }, good, -32_602],
    ['no capabilities', { _meta: without('io.modelcontextprotocol/clientCapabilities') }, good, -32_602],
    ['capabilities that are none', { _meta: { ...meta, 'io.modelcontextprotocol/clientCapabilities': 1 } }, good, -32_602],
    ['another version in the header', { _meta: meta }, { ...good, 'mcp-protocol-version': '2027-01-01' }, -32_020],
    ['no version header', { _meta: meta }, { 'mcp-method': 'tools/list' }, -32_020],
    ['no method header', { _meta: meta }, { 'mcp-protocol-version': version }, -32_020],
    ['another method in the header', { _meta: meta }, { ...good, 'mcp-method': 'tools/call' }, -32_020],
  ])('%s: refused with 400', async (_what, params, headers, code) => {
    const reply = await post(endpoint, { jsonrpc: '2.0', id: 9, method: 'tools/list', params }, headers);
    expect(reply.status).toBe(400);
    expect(reply.messages[0]).toMatchObject({ id: 9, error: { code } });
  });

  it.each([
    ['missing', {}, -32_020],
    ['another', { 'mcp-name': 'other' }, -32_020],
    ['not Base64', { 'mcp-name': '=?base64?!!?=' }, -32_020],
  ])('a name header that is %s: refused with 400', async (_what, header, code) => {
    const headers = { 'mcp-protocol-version': version, 'mcp-method': 'tools/call', ...header } as Record<string, string>;
    const reply = await ask(endpoint, 'tools/call', { name: 'echo' }, headers);
    expect(reply.status).toBe(400);
    expect(reply.messages[0]?.['error'].code).toBe(code);
  });

  it('takes a name header in Base64', async () => {
    const name = 'grüße';
    const encoded = `=?base64?${Buffer.from(name).toString('base64')}?=`;
    const headers = { 'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': encoded };
    expect((await ask(endpoint, 'tools/call', { name }, headers)).status).toBe(200);
  });

  it('names the versions it speaks to a client of another', async () => {
    const params = { _meta: { ...meta, 'io.modelcontextprotocol/protocolVersion': '2030-01-01' } };
    const headers = { 'mcp-protocol-version': '2030-01-01', 'mcp-method': 'tools/list' };
    const reply = await post(endpoint, { jsonrpc: '2.0', id: 1, method: 'tools/list', params }, headers);
    expect(reply.status).toBe(400);
    expect(reply.messages[0]?.['error']).toMatchObject({ code: -32_022, data: { supported: [version], requested: '2030-01-01' } });
  });

  it('is no batch', async () => {
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } };
    expect((await post(endpoint, [message, message], good)).status).toBe(400);
  });
});

describe('all services, stateless', () => {
  it('are discovered, listed with caching hints, and called', async () => {
    const upstream = stateless('i1', { answer: (heard) => result(heard, `{"resultType":"complete","heard":${heard.message.text}}`) });
    world.route({ service: 'files' }, instance(upstream, 'r', contractOf(['read'])));
    const discovered = (await ask(`${world.url}/mcp`, 'server/discover')).messages[0]?.['result'];
    expect(discovered).toMatchObject({
      supportedVersions: [version],
      resultType: 'complete',
      capabilities: { tools: { listChanged: true } },
    });
    const listed = (await ask(`${world.url}/mcp`, 'tools/list')).messages[0]?.['result'];
    expect(listed).toMatchObject({ tools: [{ name: 'files__read' }], ttlMs: 0, cacheScope: 'private', resultType: 'complete' });
    const called = (await ask(`${world.url}/mcp`, 'tools/call', { name: 'files__read' })).messages[0]?.['result'];
    expect(called.heard.params.name).toBe('read');
    expect((await ask(`${world.url}/mcp`, 'ping')).status).toBe(404);
  });

  it('tell those who listen what changed, and only what they asked for', async () => {
    const upstream = stateless('i1');
    world.route({ service: 'files' }, instance(upstream, 'r', contractOf(['read'])));
    const params = { _meta: meta, notifications: { toolsListChanged: true } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'sub', method: 'subscriptions/listen', params });
    const headers = { ...accept, ...headersFor('subscriptions/listen', {}) };
    const events = new EventReader(await fetch(`${world.url}/mcp`, { method: 'POST', headers, body }));
    const tagged = { 'io.modelcontextprotocol/subscriptionId': 'sub' };
    expect(await events.message()).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { toolsListChanged: true }, _meta: tagged },
    });
    world.route({ service: 'files' }, instance(upstream, 'r', contractOf(['read'], { prompts: [{ name: 'p' }] })));
    world.route({ service: 'files' }, instance(upstream, 'r', contractOf(['read', 'write'], { prompts: [{ name: 'p' }] })));
    expect(await events.message()).toMatchObject({ method: 'notifications/tools/list_changed', params: { _meta: tagged } });
    await events.close();
  });
});

describe('listening to one service', () => {
  it('ends when the service is no longer there', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const params = { _meta: meta, notifications: { toolsListChanged: true } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'sub', method: 'subscriptions/listen', params });
    const headers = { ...accept, ...headersFor('subscriptions/listen', {}) };
    const events = new EventReader(await fetch(endpoint, { method: 'POST', headers, body }));
    expect(await events.message()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
    world.gateway.forget('files');
    expect(await events.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
    expect(await events.message()).toMatchObject({ id: 'sub', error: { data: { code: 'NotFound' } } });
    expect(await events.next()).toBeNull();
  });

  it('takes no room for clients that went before it began', () => {
    const listening = new Listening();
    const { messages } = readBody('{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{}}}');
    const reply = { signal: AbortSignal.abort(), headers: {}, send: () => undefined };
    for (let i = 0; i <= 10_000; i++)
      expect(() => listening.listen(messages[0]!, reply)).toThrow(expect.objectContaining({ code: 'Cancelled' }));
  });
});

describe('a stateless client and a session service', () => {
  it('gets what its era requires of a result, the rest as the service said it', async () => {
    const upstream = new FakeUpstream('i1', { answer: (heard) => result(heard, '{"tools":[{"name":"a","x":1.0}],"_meta":{"k":1}}') });
    world.route({ service: 'files' }, instance(upstream));
    const reply = await ask(endpoint, 'tools/list');
    expect(reply.text).toContain('"tools":[{"name":"a","x":1.0}]');
    expect(reply.messages[0]?.['result']).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', _meta: { k: 1 } });
  });

  it('discovers it as the gateway knows it', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const { result: discovered } = (await ask(endpoint, 'server/discover')).messages[0]!;
    expect(discovered.supportedVersions).toEqual([version]);
    expect(discovered._meta['io.modelcontextprotocol/serverInfo'].name).toBe('fake');
  });

  it.each(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'unknown/method'])('may not ask %s', async (method) => {
    const upstream = new FakeUpstream('i1');
    world.route({ service: 'files' }, instance(upstream));
    const reply = await ask(endpoint, method);
    expect([reply.status, reply.messages[0]?.['error'].code]).toEqual([404, -32_601]);
    expect(upstream.heard).toHaveLength(0);
  });
});

describe('a session client and a stateless service', () => {
  it('is initialised with what the service said of itself', async () => {
    world.route({ service: 'files' }, instance(stateless('i1')));
    const client = await Client.open(endpoint);
    expect(client.initialized['result']).toMatchObject({ protocolVersion: '2025-11-25', serverInfo: { name: 'fake' } });
    expect(client.initialized['result'].capabilities.resources.subscribe).toBe(false);
  });

  it('is asked for the input that the service requires, and gets the complete result', async () => {
    const upstream = stateless('i1', {
      answer: (heard) => {
        const { params } = JSON.parse(heard.message.text);
        if (params.inputResponses === undefined) {
          const inputRequests = { who: { method: 'elicitation/create', params: { message: 'name?' } } };
          return result(heard, JSON.stringify({ resultType: 'input_required', inputRequests, requestState: 'sealed' }));
        }
        return result(
          heard,
          JSON.stringify({ resultType: 'complete', content: [], got: params.inputResponses, state: params.requestState }),
        );
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint, { elicitation: {} });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: {} } });
    const events = new EventReader(await fetch(endpoint, { method: 'POST', headers: { ...accept, ...client.headers }, body }));
    const asked = await events.message();
    expect(asked).toMatchObject({ method: 'elicitation/create', params: { message: 'name?' } });
    await client.respond(asked?.['id'], { result: { action: 'accept', content: { name: 'Ada' } } });
    const answer = await events.message();
    expect(answer).toMatchObject({ id: 1, result: { got: { who: { action: 'accept', content: { name: 'Ada' } } }, state: 'sealed' } });
  });

  it('gets an error when it cannot give what the service requires', async () => {
    const upstream = stateless('i1', {
      answer: (heard) => result(heard, '{"resultType":"input_required","inputRequests":{"x":{"method":"sampling/createMessage"}}}'),
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    expect((await client.call('echo'))['error'].data.cause.code).toBe(-32_601);
  });

  it('has its log level said with each request', async () => {
    const upstream = stateless('i1');
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    expect((await client.ask('logging/setLevel', { level: 'warning' }))['result']).toEqual({});
    await client.call('echo');
    expect(JSON.parse(upstream.heard[0]!.message.text).params._meta['io.modelcontextprotocol/logLevel']).toBe('warning');
  });
});
