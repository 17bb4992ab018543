import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { CreateMessageRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventReader, FakeUpstream, contractOf, instance, post, result, startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

async function connected(capabilities: Record<string, object> = {}): Promise<Client> {
  const client = new Client({ name: 'old', version: '1' }, { capabilities });
  await client.connect(new SSEClientTransport(new URL(`${world.url}/services/files/sse`)));
  return client;
}

describe('a client that has only HTTP+SSE of 2024-11-05', () => {
  it('calls tools and hears what changed', async () => {
    const upstream = new FakeUpstream('i1', {
      answer: (heard) =>
        result(heard, heard.message.method === 'tools/list' ? '{"tools":[]}' : '{"content":[{"type":"text","text":"hi"}]}'),
    });
    world.route({ service: 'files' }, instance(upstream, 'r', contractOf(['echo'])));
    const client = await connected();
    expect(await client.callTool({ name: 'echo', arguments: {} })).toMatchObject({ content: [{ text: 'hi' }] });
    const changed = new Promise<void>((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve()));
    world.route({ service: 'files' }, instance(upstream, 'r', contractOf(['echo', 'more'])));
    await changed;
    await client.close();
  });

  it('is asked for completions by the service that it called', async () => {
    const ask = '{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}';
    const upstream = new FakeUpstream('i1', {
      shared: false,
      answer: async (heard) => {
        const asked = { kind: 'request' as const, id: '9', method: 'sampling/createMessage', isError: false, text: ask };
        const answer = await heard.options.onRequest?.(asked);
        return result(heard, JSON.stringify({ content: [{ type: 'text', text: answer }] }));
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await connected({ sampling: {} });
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: 'sampled' },
    }));
    const called = await client.callTool({ name: 'echo', arguments: {} });
    expect(JSON.stringify(called)).toContain('sampled');
    await client.close();
  });

  it('ends its session with its stream', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await connected();
    expect(world.gateway.load('i1').sessions).toBe(1);
    const idle = new Promise<string>((resolve) => world.gateway.onIdle(resolve));
    await client.close();
    expect(await idle).toBe('i1');
    expect(world.gateway.load('i1').sessions).toBe(0);
  });

  it('is told when its own version is answered to', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const events = new EventReader(await fetch(`${world.url}/services/files/sse`));
    const path = (await events.next())?.data;
    expect(path).toMatch(/^\/services\/files\/messages\?sessionId=/);
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'o', version: '1' } };
    expect((await post(`${world.url}${path}`, { jsonrpc: '2.0', id: 1, method: 'initialize', params })).status).toBe(202);
    expect(await events.message()).toMatchObject({ id: 1, result: { protocolVersion: '2024-11-05' } });
    await events.close();
  });

  it('initialises once: what it says again does not reach the service, nor opens it another session', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const events = new EventReader(await fetch(`${world.url}/services/files/sse`));
    const path = (await events.next())?.data;
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'o', version: '1' } };
    const initialize = (id: number) => post(`${world.url}${path}`, { jsonrpc: '2.0', id, method: 'initialize', params });
    await Promise.all([initialize(1), initialize(2)]);
    const answers = [await events.message(), await events.message()];
    expect(answers.filter((answer) => answer?.['error']?.code === -32_600)).toHaveLength(1);
    await initialize(3);
    expect(await events.message()).toMatchObject({ id: 3, error: { code: -32_600 } });
    expect(upstream.sessions).toHaveLength(1);
    expect(upstream.heard).toEqual([]);
    await events.close();
  });

  it('must name a session that is open, at the service it was opened for', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    world.route({ service: 'other' }, instance(new FakeUpstream('o1')));
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    expect((await post(`${world.url}/services/files/messages?sessionId=x`, ping)).status).toBe(404);
    const events = new EventReader(await fetch(`${world.url}/services/files/sse`));
    const path = (await events.next())!.data.replace('/files/', '/other/');
    expect((await post(`${world.url}${path}`, ping)).status).toBe(404);
    await events.close();
  });
});
