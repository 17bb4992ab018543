import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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
  type World,
} from './world.ts';

let world: World;
let endpoint: string;
beforeEach(async () => {
  world = await startWorld();
  endpoint = `${world.url}/services/files/mcp`;
});
afterEach(() => world.close());

const notification = (method: string, params: unknown) => ({
  kind: 'notification' as const,
  id: null,
  method,
  isError: false,
  text: JSON.stringify({ jsonrpc: '2.0', method, params }),
});
const request = (id: string, method: string, params: unknown) => ({
  kind: 'request' as const,
  id,
  method,
  isError: false,
  text: `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}`,
});

/** Posts a call and reads its answer event by event. */
async function stream(client: Client, body: unknown): Promise<EventReader> {
  const headers = { ...accept, ...client.headers };
  return new EventReader(await fetch(client.url, { method: 'POST', headers, body: JSON.stringify(body) }));
}
const call = { jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'echo', arguments: {} } };

describe('the answer to a request', () => {
  it('is a stream, primed for resumption, when something is said before it', async () => {
    const upstream = new FakeUpstream('i1', {
      answer: (heard) => {
        heard.options.onNotification?.(notification('notifications/progress', { progressToken: 7, progress: 1 }));
        return result(heard, '{"content":[]}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const events = await stream(client, call);
    const primer = await events.next();
    expect(primer).toMatchObject({ data: '', retry: '1000' });
    expect(primer?.id).toMatch(/^\d+-\d+$/);
    expect((await events.message())?.['params']).toEqual({ progressToken: 7, progress: 1 });
    expect((await events.message())?.['result']).toEqual({ content: [] });
    expect(await events.next()).toBeNull();
  });

  it('is plain JSON for a client that takes no events', async () => {
    const upstream = new FakeUpstream('i1', {
      answer: (heard) => {
        heard.options.onNotification?.(notification('notifications/progress', { progressToken: 7, progress: 1 }));
        return result(heard, '{"content":[]}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const reply = await post(client.url, call, { ...client.headers, accept: 'application/json' });
    expect(reply.type).toBe('application/json');
    expect(reply.messages).toHaveLength(1);
  });

  it('keeps an answer of several lines one event', async () => {
    const upstream = new FakeUpstream('i1', {
      answer: (heard) => {
        heard.options.onNotification?.(notification('notifications/message', { level: 'info', data: 'x' }));
        return result(heard, '{\n  "content": []\n}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const reply = await client.request('tools/call', { name: 'echo' });
    expect(reply.messages.at(-1)?.['result']).toEqual({ content: [] });
  });

  it('can be fetched by a client that lost its connection, and by no other session', async () => {
    let finish = (): void => undefined;
    const upstream = new FakeUpstream('i1', {
      answer: async (heard) => {
        heard.options.onNotification?.(notification('notifications/progress', { progressToken: 1, progress: 1 }));
        await new Promise<void>((resolve) => (finish = resolve));
        return result(heard, '{"content":[{"type":"text","text":"late"}]}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const other = await Client.open(endpoint);
    const events = await stream(client, call);
    const primer = await events.next();
    await events.message();
    await events.close();
    const resumed = await client.listen(primer!.id!);
    expect((await resumed.message())?.['method']).toBe('notifications/progress');
    finish();
    expect((await resumed.message())?.['result'].content[0].text).toBe('late');
    expect(await resumed.next()).toBeNull();
    const foreign = await other.listen(primer!.id!);
    expect(foreign.status).toBe(400);
  });

  it('lets the client poll when the service does so', async () => {
    let finish = (): void => undefined;
    const upstream = new FakeUpstream('i1', {
      answer: async (heard) => {
        heard.options.onDetached?.(50);
        await new Promise<void>((resolve) => (finish = resolve));
        return result(heard, '{"content":[]}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint);
    const events = await stream(client, call);
    const primer = await events.next();
    expect(await events.next()).toBeNull();
    const resumed = await client.listen(primer!.id!);
    finish();
    expect((await resumed.message())?.['id']).toBe('c');
  });

  it('answers a batch of the version that has batches with a batch', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const client = await Client.open(endpoint, {}, '2025-03-26');
    const reply = await post(
      client.url,
      [
        { ...call, id: 1 },
        { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99 } },
        { ...call, id: 2 },
      ],
      client.headers,
    );
    const answers = JSON.parse(reply.text) as { id: number }[];
    expect(answers.map((answer) => answer.id)).toEqual([1, 2]);
  });
});

describe('a second initialize', () => {
  it('hidden in a batch reaches no process that others share', async () => {
    const upstream = new FakeUpstream('i1');
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(endpoint, {}, '2025-03-26');
    const initialize = { jsonrpc: '2.0', id: 2, method: 'initialize', params: { protocolVersion: '2025-03-26', capabilities: {} } };
    const reply = await post(client.url, [{ ...call, id: 1 }, initialize], client.headers);
    expect(JSON.parse(reply.text)).toMatchObject([
      { id: 1, result: {} },
      { id: 2, error: { code: -32_600 } },
    ]);
    expect(upstream.heard.map((heard) => heard.message.method)).toEqual(['tools/call']);
  });
});

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

describe('a session', () => {
  it('belongs to the endpoint that it was opened at', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    world.route({ service: 'other' }, instance(new FakeUpstream('o1')));
    const client = await Client.open(endpoint);
    const reply = await post(`${world.url}/services/other/mcp`, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, client.headers);
    expect(reply.status).toBe(404);
  });

  it('is not kept for a client that went before it was opened', async () => {
    let open = (): void => undefined;
    const upstream = new FakeUpstream('i1', { shared: false });
    const asked = new Promise<void>((resolve) => {
      const { openSession } = upstream;
      upstream.openSession = async (...args) => {
        resolve();
        await new Promise<void>((go) => (open = go));
        return openSession.apply(upstream, args);
      };
    });
    world.route({ service: 'files' }, instance(upstream));
    const controller = new AbortController();
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
    const gone = expect(fetch(endpoint, { method: 'POST', headers: accept, body, signal: controller.signal })).rejects.toThrow();
    await asked;
    controller.abort();
    await gone;
    // Its end has reached the gateway once another request, sent later, is answered.
    await post(endpoint, 'x');
    open();
    await vi.waitFor(() => expect(upstream.sessions[0]?.closed).toBe(true));
    expect(world.gateway.load('i1').sessions).toBe(0);
  });

  it('refuses a second request under an id that is under way', async () => {
    let finish = (): void => undefined;
    const arrived = new Promise<void>((resolve) => {
      const upstream = new FakeUpstream('i1', {
        answer: async (heard) => {
          resolve();
          await new Promise<void>((go) => (finish = go));
          return result(heard, '{"content":[]}');
        },
      });
      world.route({ service: 'files' }, instance(upstream));
    });
    const client = await Client.open(endpoint);
    const first = client.request('tools/call', { name: 'echo' }, 5);
    await arrived;
    expect((await client.request('tools/call', { name: 'echo' }, 5)).messages[0]?.['error'].code).toBe(-32_600);
    finish();
    expect((await first).messages[0]?.['result']).toBeDefined();
  });

  it('outlives a clock that is set an hour forward', async () => {
    let [setMs, sweep] = [0, (): void => {}];
    const after: typeof systemClock.after = (delayMs, callback) => {
      if (delayMs !== 15_000) return systemClock.after(delayMs, callback);
      sweep = callback;
      return () => {};
    };
    const other = await startWorld({ clock: { ...systemClock, now: () => Date.now() + setMs, after } });
    other.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const client = await Client.open(`${other.url}/services/files/mcp`);
    setMs = 3_600_000;
    sweep();
    expect((await client.request('ping')).status).toBe(200);
    await other.close();
  });

  it('gives way, idle longest first, when there are too many', async () => {
    await world.close();
    world = await startWorld({ maxSessions: 2 });
    endpoint = `${world.url}/services/files/mcp`;
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const first = await Client.open(endpoint);
    const second = await Client.open(endpoint);
    const listening = await first.listen();
    const third = await Client.open(endpoint);
    expect((await second.request('ping')).status).toBe(404);
    expect((await first.request('ping')).status).toBe(200);
    expect((await third.request('ping')).status).toBe(200);
    await listening.close();
  });

  it('is refused a version header that names no version', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    const client = await Client.open(endpoint);
    const reply = await post(
      endpoint,
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { ...client.headers, 'mcp-protocol-version': '1999-01-01' },
    );
    expect(reply.status).toBe(400);
  });
});
