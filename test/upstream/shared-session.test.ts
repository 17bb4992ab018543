/** Many clients on one process: ids and tokens of one never meet another's; nothing is written faster than it is read. */
import { describe, expect, it } from 'vitest';
import { connectUpstream } from '../../src/upstream/connect.ts';
import type { Upstream } from '../../src/ports/upstream.ts';
import { client, codeOf, FakeChannel, Heard, request, until } from './channel.ts';

const in10s = { timeoutMs: 10_000 };

type Message = {
  id?: number;
  method?: string;
  params?: { name?: string; progressToken?: unknown; requestId?: unknown; _meta?: { progressToken?: unknown } };
};

/** A service in this process; `onCall` sees what is asked after the handshake. */
async function shared(onCall: (message: Message, channel: FakeChannel) => void): Promise<{ upstream: Upstream; channel: FakeChannel }> {
  const channel = new FakeChannel();
  channel.serve((message) => {
    const { id, method } = message as Message;
    if (method === 'initialize')
      channel.say({
        jsonrpc: '2.0',
        id,
        result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'fake', version: '1' } },
      });
    else if (method !== 'notifications/initialized') onCall(message, channel);
  });
  const upstream = connectUpstream({ kind: 'stdio', channel }, { instanceId: 'fake-0-1', maxMessageBytes: 4_194_304 });
  await upstream.connect(10_000);
  return { upstream, channel };
}

const written = (channel: FakeChannel, method: string): Message[] =>
  channel.written.map((line) => JSON.parse(line) as Message).filter((message) => message.method === method);

describe('a shared session', () => {
  it('promises the service no feature of any client', async () => {
    const { channel } = await shared(() => undefined);
    expect(written(channel, 'initialize')[0]!.params).toMatchObject({ capabilities: {}, clientInfo: { name: 'fairlead' } });
  });

  it('gives calls with the same id and token numbers of their own, and each its own answer and progress', async () => {
    const waiting: Message[] = [];
    const { upstream, channel } = await shared((message) => waiting.push(message));
    const heard: Record<string, unknown[]> = { a: [], b: [] };
    const calls = ['a', 'b'].map(async (name) => {
      const session = await upstream.openSession(client(), new Heard());
      return session.request(request('tools/call', { name, _meta: { progressToken: 5 } }, '1'), {
        ...in10s,
        onNotification: (message) => heard[name]!.push(JSON.parse(message.text)),
      });
    });
    await until(() => waiting.length === 2);
    expect(new Set(waiting.map(({ id }) => id)).size).toBe(2);
    for (const { id, params } of waiting.reverse()) {
      expect(params!._meta!.progressToken).toBe(id);
      channel.say({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id, progress: 1, note: params!.name } });
      channel.say({ jsonrpc: '2.0', id, result: { for: params!.name } });
    }
    const answers = await Promise.all(calls);
    expect(answers.map((text) => JSON.parse(text) as unknown)).toEqual(
      ['a', 'b'].map((name) => ({ jsonrpc: '2.0', id: 1, result: { for: name } })),
    );
    for (const name of ['a', 'b']) expect(heard[name]).toMatchObject([{ params: { progressToken: 5, note: name } }]);
  });

  it('passes every byte of an answer on but the id', async () => {
    const { upstream, channel } = await shared(({ id }) =>
      channel.say(
        `{ "result" : {"n":1.0,"big":1152921504606846976,"e":"\\u00e9","unknown":{"id":9}} ,"x":null, "id":${id},"jsonrpc":"2.0"}`,
      ),
    );
    expect(await upstream.own.request(request('tools/call', {}, '"\\u0061"'), in10s)).toBe(
      '{ "result" : {"n":1.0,"big":1152921504606846976,"e":"\\u00e9","unknown":{"id":9}} ,"x":null, "id":"\\u0061","jsonrpc":"2.0"}',
    );
  });

  it('keeps progress that belongs to nobody from everybody', async () => {
    const { upstream, channel } = await shared(() => undefined);
    const heard = new Heard();
    await upstream.openSession(client(), heard);
    const others: (string | null)[] = [];
    const stop = upstream.onNotification((message) => others.push(message.method));
    channel.say({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 99, progress: 1 } });
    channel.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'to all' } });
    expect(others).toEqual(['notifications/message']);
    stop();
    channel.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'again' } });
    expect(others).toHaveLength(1);
    expect(heard.notifications).toEqual([]);
  });

  it('does not pass on what is no JSON inside, and counts it', async () => {
    const { upstream, channel } = await shared(() => undefined);
    const heard: (string | null)[] = [];
    upstream.onNotification((message) => heard.push(message.method));
    channel.say('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"\\q"}}');
    channel.say('{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"\\u00"}}');
    channel.say('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\x"}}');
    channel.say({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'a://1' } });
    expect(heard).toEqual(['notifications/resources/updated']);
    expect(upstream.violations).toBe(3);
  });

  it('tells the service of a cancel by the number that it knows the call by', async () => {
    const { upstream, channel } = await shared(() => undefined);
    const controller = new AbortController();
    const call = codeOf(upstream.own.request(request('tools/call', { name: 'slow' }, '"mine"'), { ...in10s, signal: controller.signal }));
    await until(() => written(channel, 'tools/call').length === 1);
    controller.abort();
    expect(await call).toBe('Cancelled');
    expect(written(channel, 'notifications/cancelled')[0]!.params!.requestId).toBe(written(channel, 'tools/call')[0]!.id);
  });

  it('does not pass on what concerns one hop alone', async () => {
    const { upstream, channel } = await shared(() => undefined);
    const session = await upstream.openSession(client({ roots: {} }), new Heard());
    const before = channel.written.length;
    for (const method of ['notifications/initialized', 'notifications/cancelled', 'notifications/roots/list_changed'])
      await session.notify({ kind: 'notification', id: null, method, isError: false, text: `{"jsonrpc":"2.0","method":"${method}"}` });
    expect(channel.written).toHaveLength(before);
  });

  it('puts a message that its client wrote over many lines on one', async () => {
    const { upstream, channel } = await shared(() => undefined);
    const message = { ...request('ping'), text: '{\n  "jsonrpc": "2.0",\r\n  "id": 1,\n  "method": "ping"\n}' };
    void codeOf(upstream.own.request(message, in10s));
    expect(channel.written.at(-1)).not.toMatch(/[\r\n]/);
  });

  it('holds messages back while the process does not read, and takes back those whose caller has gone', async () => {
    const { upstream, channel } = await shared(() => undefined);
    channel.full = true;
    const controller = new AbortController();
    const calls = ['first', 'second', 'third'].map((name, index) =>
      codeOf(upstream.own.request(request('tools/call', { name }), { ...in10s, ...(index === 1 && { signal: controller.signal }) })),
    );
    expect(written(channel, 'tools/call')).toHaveLength(1);
    controller.abort();
    expect(await calls[1]).toBe('Cancelled');
    channel.drained();
    expect(written(channel, 'tools/call').map(({ params }) => params!.name)).toEqual(['first', 'third']);
    expect(written(channel, 'notifications/cancelled')).toEqual([]);
    channel.end();
    expect(await Promise.all([calls[0], calls[2]])).toEqual(['UpstreamLost', 'UpstreamLost']);
  });

  it('says of each call whether anything of it was written when the process goes', async () => {
    const { upstream, channel } = await shared(() => undefined);
    channel.full = true;
    const calls = ['written', 'held back'].map((name) =>
      upstream.own.request(request('tools/call', { name }), in10s).catch((error: unknown) => error),
    );
    channel.end();
    expect(await Promise.all(calls)).toMatchObject([
      { code: 'UpstreamLost', data: { written: true } },
      { code: 'UpstreamLost', data: { written: false } },
    ]);
  });

  it('tells every client when the process goes, and none that has closed its session before', async () => {
    const { upstream, channel } = await shared(() => undefined);
    const [stays, leaves] = [new Heard(), new Heard()];
    await upstream.openSession(client(), stays);
    await (await upstream.openSession(client(), leaves)).close();
    channel.end();
    expect([stays.closedWith === null, leaves.closedWith === null]).toEqual([false, true]);
  });
});
