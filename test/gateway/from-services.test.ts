/** What comes from services by themselves: requests to clients, and notices; each to the clients that it is for, and to no other. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Client,
  FakeUpstream,
  call,
  contractOf,
  instance,
  notification,
  post,
  request,
  result,
  startWorld,
  stream,
  type World,
} from './world.ts';

let world: World;
let endpoint: string;
beforeEach(async () => {
  world = await startWorld();
  endpoint = `${world.url}/services/files/mcp`;
});
afterEach(() => world.close());

describe('what a service asks of a client', () => {
  it('reaches the client whose call it belongs to under an id of this hop, and its answer goes back under the service’s own', async () => {
    const upstream = new FakeUpstream('i1', {
      shared: false,
      answer: async (heard) => {
        const answer = await heard.options.onRequest?.(request('41', 'sampling/createMessage', { messages: [] }));
        return result(heard, JSON.stringify({ content: [], answer: JSON.parse(answer ?? '{}') }));
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint, { sampling: {} });
    const events = await stream(client, call);
    await events.next();
    const asked = await events.message();
    expect(asked).toMatchObject({ method: 'sampling/createMessage', params: { messages: [] } });
    expect(asked?.['id']).not.toBe(41);
    expect((await client.respond(asked?.['id'], { result: { role: 'assistant' } })).status).toBe(202);
    expect((await events.message())?.['result'].answer).toEqual({ jsonrpc: '2.0', id: 41, result: { role: 'assistant' } });
    expect(upstream.sessions[0]?.client.capabilities).toEqual({ sampling: {} });
  });

  it('is refused at once when the client never said that it can', async () => {
    let answer: string | undefined;
    const upstream = new FakeUpstream('i1', {
      shared: false,
      answer: async (heard) => {
        answer = await heard.options.onRequest?.(request('1', 'elicitation/create', {}));
        return result(heard, '{"content":[]}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    await client.call('echo');
    expect(JSON.parse(answer!).error.code).toBe(-32_601);
  });

  it('goes to the stream that the client listens on when its call can carry only the answer', async () => {
    const upstream = new FakeUpstream('i1', {
      shared: false,
      answer: async (heard) => result(heard, JSON.stringify({ roots: await heard.options.onRequest!(request('9', 'roots/list', {})) })),
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint, { roots: {} });
    const listening = await client.listen();
    const answer = post(client.url, call, { ...client.headers, accept: 'application/json' });
    const asked = await listening.message();
    expect(asked).toMatchObject({ method: 'roots/list' });
    await client.respond(asked!['id'], { result: { roots: [] } });
    expect((await answer).messages[0]?.['result'].roots).toContain('"roots":[]');
    await listening.close();
  });

  it('cannot be answered by another client', async () => {
    let answered = false;
    const upstream = new FakeUpstream('i1', {
      shared: false,
      answer: async (heard) => {
        await heard.options.onRequest?.(request('1', 'roots/list', {}));
        answered = true;
        return result(heard, '{"content":[]}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint, { roots: {} });
    const thief = await Client.open(endpoint, { roots: {} });
    const events = await stream(client, call);
    await events.next();
    const asked = await events.message();
    await thief.respond(asked?.['id'], { result: { roots: [] } });
    await thief.request('ping');
    expect(answered).toBe(false);
    await client.respond(asked?.['id'], { result: { roots: [] } });
    expect((await events.message())?.['result']).toEqual({ content: [] });
  });

  it('is called off at the client when the service calls it off', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint, { sampling: {} });
    const listening = await client.listen();
    const session = upstream.sessions[0]!;
    const answer = session.listener.request(request('"q"', 'sampling/createMessage', {}));
    const asked = await listening.message();
    session.listener.notification(notification('notifications/cancelled', { requestId: 'q' }));
    expect(JSON.parse(await answer)).toMatchObject({ id: 'q', error: {} });
    expect((await listening.message())?.['params']).toEqual({ requestId: asked?.['id'] });
    await listening.close();
  });

  it('ends with an error when the client goes', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint, { sampling: {} });
    const answer = upstream.sessions[0]!.listener.request(request('5', 'sampling/createMessage', {}));
    await client.close();
    expect(JSON.parse(await answer)).toMatchObject({ id: 5, error: {} });
  });
});

describe('what a service tells its clients', () => {
  it('comes on the standalone stream', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const listening = await client.listen();
    upstream.sessions[0]!.listener.notification(notification('notifications/tools/list_changed', {}));
    expect((await listening.message())?.['method']).toBe('notifications/tools/list_changed');
    await listening.close();
  });

  it('is a few notices, not a storm, when a service says a thousand times that its lists changed', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const listening = await client.listen();
    const { listener } = upstream.sessions[0]!;
    for (let i = 0; i < 1_000; i++) listener.notification(notification('notifications/tools/list_changed', { i }));
    expect((await listening.message())?.['params']).toEqual({ i: 0 });
    expect((await listening.message())?.['params']).toEqual({ i: 999 });
    await listening.close();
  });

  it('waits for a client that has not listened yet', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    upstream.sessions[0]!.listener.notification(notification('notifications/message', { level: 'info', data: 'early' }));
    const listening = await client.listen();
    expect((await listening.message())?.['params'].data).toBe('early');
    await listening.close();
  });

  it('goes on after the last event that a client has seen', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const first = await client.listen();
    const { listener } = upstream.sessions[0]!;
    const log = (data: number): void => listener.notification(notification('notifications/message', { level: 'info', data }));
    log(1);
    const seen = await first.next();
    await first.close();
    log(2);
    log(3);
    const second = await client.listen(seen!.id!);
    expect((await second.message())?.['params'].data).toBe(2);
    expect((await second.message())?.['params'].data).toBe(3);
    await second.close();
  });

  it('is kept from a client below the level it asked for', async () => {
    const upstream = new FakeUpstream('i1', { answer: (heard) => result(heard, '{}') });
    world.route({ service: 'files' }, instance(upstream));
    const [quiet, loud] = await Promise.all([Client.open(endpoint), Client.open(endpoint)]);
    await quiet.ask('logging/setLevel', { level: 'error' });
    await loud.ask('logging/setLevel', { level: 'debug' });
    const levels = upstream.heard.map((heard) => JSON.parse(heard.message.text).params.level);
    expect(levels).toEqual(['error', 'debug']);
    const [atQuiet, atLoud] = await Promise.all([quiet.listen(), loud.listen()]);
    upstream.broadcast('notifications/message', { level: 'debug', data: 'noise' });
    upstream.broadcast('notifications/message', { level: 'error', data: 'trouble' });
    expect((await atQuiet.message())?.['params'].data).toBe('trouble');
    expect((await atLoud.message())?.['params'].data).toBe('noise');
    await Promise.all([atQuiet.close(), atLoud.close()]);
  });

  it('harms nobody when it is no JSON inside, and what comes after it is heard', async () => {
    const upstream = new FakeUpstream('i1', { shared: false, answer: (heard) => result(heard, '{}') });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    await client.ask('logging/setLevel', { level: 'error' });
    await client.ask('resources/subscribe', { uri: 'a://1' });
    const listening = await client.listen();
    const { listener } = upstream.sessions[0]!;
    for (const [method, params] of [
      ['notifications/resources/updated', '{"uri":"\\q"}'],
      ['notifications/message', '{"level":"\\u00"}'],
    ] as const) {
      const text = `{"jsonrpc":"2.0","method":"${method}","params":${params}}`;
      listener.notification({ kind: 'notification', id: null, method, isError: false, text });
    }
    listener.notification(notification('notifications/resources/updated', { uri: 'a://1' }));
    expect((await listening.message())?.['params'].uri).toBe('a://1');
    await listening.close();
  });

  it('refuses a level that is none', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const client = await Client.open(endpoint);
    expect((await client.ask('logging/setLevel', { level: 'shouting' }))['error'].code).toBe(-32_602);
  });

  it('subscribes a shared process once for all clients, and ends it with the last of them', async () => {
    const upstream = new FakeUpstream('i1', { answer: (heard) => result(heard, '{}') });
    world.route({ service: 'files' }, instance(upstream));
    const [one, two, three] = await Promise.all([Client.open(endpoint), Client.open(endpoint), Client.open(endpoint)]);
    await one.ask('resources/subscribe', { uri: 'a://1' });
    await two.ask('resources/subscribe', { uri: 'a://1' });
    const atTwo = await two.listen();
    const atThree = await three.listen();
    upstream.broadcast('notifications/resources/updated', { uri: 'a://1' });
    upstream.broadcast('notifications/tools/list_changed', {});
    expect((await atTwo.message())?.['method']).toBe('notifications/resources/updated');
    expect((await atThree.message())?.['method']).toBe('notifications/tools/list_changed');
    await Promise.all([atTwo.close(), atThree.close()]);
    await one.ask('resources/unsubscribe', { uri: 'a://1' });
    await two.close();
    expect(upstream.heard.map((heard) => heard.message.method)).toEqual(['resources/subscribe', 'resources/unsubscribe']);
  });

  it('is asked for again when the service refused it: a refusal is no subscription', async () => {
    const upstream = new FakeUpstream('i1', {
      answer: (heard) =>
        upstream.heard.length === 1
          ? `{"jsonrpc":"2.0","id":${heard.message.id},"error":{"code":-32602,"message":"no"}}`
          : result(heard, '{}'),
    });
    world.route({ service: 'files' }, instance(upstream));
    const [one, two] = await Promise.all([Client.open(endpoint), Client.open(endpoint)]);
    expect(await one.ask('resources/subscribe', { uri: 'a://1' })).toMatchObject({ error: { code: -32_602 } });
    expect(await two.ask('resources/subscribe', { uri: 'a://1' })).toMatchObject({ result: {} });
    expect(upstream.heard).toHaveLength(2);
  });

  it('is said to them when the contract behind their session is another', async () => {
    const first = new FakeUpstream('i1');
    world.route({ service: 'files' }, instance(first, 'r1', contractOf(['a'])));
    const client = await Client.open(endpoint);
    const listening = await client.listen();
    await client.call('a');
    world.route({ service: 'files' }, instance(new FakeUpstream('i2'), 'r2', contractOf(['a', 'b'])));
    expect((await listening.message())?.['method']).toBe('notifications/tools/list_changed');
    await listening.close();
  });
});
