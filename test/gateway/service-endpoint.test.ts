import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client, FakeUpstream, instance, post, result, startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

describe('one service at its own endpoint, session era', () => {
  it('passes the answer of the service byte for byte under the id of the client', async () => {
    const odd = '{ "content" : [], "x-unknown": 1.0, "_meta": {"a/b": 12345678901234567890}, "isError":false }';
    const upstream = new FakeUpstream('i1', { answer: (heard) => result(heard, odd) });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(`${world.url}/services/files/mcp`);
    const reply = await client.request('tools/call', { name: 'echo', arguments: {} }, 'my-id');
    expect(reply.status).toBe(200);
    expect(reply.type).toBe('application/json');
    expect(reply.text).toBe(`{"jsonrpc":"2.0","id":"my-id","result":${odd}}`);
  });

  it('passes the request of the client as it was written', async () => {
    const upstream = new FakeUpstream('i1');
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(`${world.url}/services/files/mcp`);
    const text = '{"jsonrpc":"2.0", "id":7, "method":"tools/call","params":{"name":"echo","arguments":{"n":1.0},"extra":{"_":null}}}';
    await post(client.url, text, client.headers);
    expect(upstream.heard.at(-1)?.message.text).toBe(text);
  });

  it('answers initialize with what the service said, in the version of the client', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const client = await Client.open(`${world.url}/services/files/mcp`, {}, '2025-03-26');
    expect(client.initialized['result']).toMatchObject({ protocolVersion: '2025-03-26', serverInfo: { name: 'fake' } });
  });

  it('knows no session after DELETE', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const client = await Client.open(`${world.url}/services/files/mcp`);
    expect((await client.close()).status).toBe(200);
    expect((await client.request('tools/list')).status).toBe(404);
  });
});
