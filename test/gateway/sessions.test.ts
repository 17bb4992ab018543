/** Sessions of clients: how their requests are answered, and what becomes of them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Client,
  FakeUpstream,
  accept,
  call,
  instance,
  notification,
  post,
  result,
  startWorld,
  stream,
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
    await expect.poll(() => upstream.sessions[0]?.closed).toBe(true);
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
