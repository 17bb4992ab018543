/** The official everything server over each of its transports: handshake, Contract, calls, progress, cancel, sessions. */
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectUpstream } from '../../src/upstream/connect.ts';
import type { Upstream } from '../../src/ports/upstream.ts';
import type { Endpoint } from '../../src/ports/runtime.ts';
import { client, codeOf, everything, Heard, request, runningInstance, spawnServer, until, type Spawned } from './channel.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Stopped after the test, last made first. */
function keepUpstream(upstream: Upstream): Upstream {
  stops.push(() => upstream.close());
  return upstream;
}

function keepProcess(spawned: Spawned): Spawned {
  stops.push(spawned.stop);
  return spawned;
}

async function listening(port: number): Promise<void> {
  const { connect } = await import('node:net');
  let open = false;
  while (!open) {
    open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
  }
}

async function start(
  transport: 'stdio' | 'streamableHttp' | 'sse',
  extra: { isolated?: boolean } = {},
): Promise<{ upstream: Upstream; spawned: Spawned }> {
  const port = transport === 'stdio' ? 0 : await freePort();
  const spawned = keepProcess(spawnServer([everything, transport], { PORT: String(port) }));
  let endpoint: Endpoint = { kind: 'stdio', channel: spawned.channel };
  if (transport !== 'stdio') {
    await listening(port);
    const path = transport === 'sse' ? 'sse' : 'mcp';
    endpoint = { kind: transport === 'sse' ? 'sse' : 'http', url: `http://127.0.0.1:${port}/${path}`, headers: {} };
  }
  const upstream = keepUpstream(
    connectUpstream(endpoint, {
      instanceId: 'everything-0-1',
      maxMessageBytes: 4 * 1024 * 1024,
      ...(extra.isolated === true && { spawnForSession: async () => runningInstance(keepProcess(spawnServer([everything, 'stdio']))) }),
    }),
  );
  await upstream.connect(20_000);
  return { upstream, spawned };
}

describe.each(['stdio', 'streamableHttp', 'sse'] as const)('server-everything over %s', (transport) => {
  it('shakes hands, has a Contract, and answers calls under the caller id', async () => {
    const { upstream } = await start(transport);
    expect(upstream.own.facts).toMatchObject({ era: 'session', protocolVersion: '2025-11-25' });
    const contract = await upstream.contract(10_000);
    expect(contract.tools.map((tool) => tool.name)).toContain('get-sum');
    expect(contract.hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await upstream.contract(10_000)).hash).toBe(contract.hash);

    const heard = new Heard();
    const session = await upstream.openSession(client(), heard);
    const answers = await Promise.all(
      ['"a"', '1', '"1"', '-5'].map((id, index) =>
        session.request(request('tools/call', { name: 'get-sum', arguments: { a: index, b: 2 } }, id), { timeoutMs: 10_000 }),
      ),
    );
    answers.forEach((text, index) => {
      const answer = JSON.parse(text) as { id: unknown; result: { content: { text: string }[] } };
      expect(answer.id).toBe(['a', 1, '1', -5][index]);
      expect(answer.result.content[0]!.text).toContain(String(index + 2));
    });
    expect(upstream.violations).toBe(0);
    await session.close();
    expect(await codeOf(session.request(request('ping'), { timeoutMs: 1_000 }))).toBe('UpstreamLost');
  });

  it('brings progress under the token of the caller, and errors of the service as its answer', async () => {
    const { upstream } = await start(transport);
    const session = await upstream.openSession(client(), new Heard());
    const tokens: unknown[] = [];
    await session.request(
      request('tools/call', {
        name: 'trigger-long-running-operation',
        arguments: { duration: 0.3, steps: 3 },
        _meta: { progressToken: 'mine' },
      }),
      {
        timeoutMs: 10_000,
        onNotification: (message) => tokens.push((JSON.parse(message.text) as { params: { progressToken: unknown } }).params.progressToken),
      },
    );
    expect(tokens.length).toBeGreaterThanOrEqual(2);
    expect(new Set(tokens)).toEqual(new Set(['mine']));
    const answer = JSON.parse(await session.request(request('no/such/method'), { timeoutMs: 10_000 })) as { error: { code: number } };
    expect(answer.error.code).toBe(-32601);
  });

  it('gives a call up when its time is over or its caller cancels, and goes on', async () => {
    const { upstream } = await start(transport);
    const session = await upstream.openSession(client(), new Heard());
    const long = request('tools/call', { name: 'trigger-long-running-operation', arguments: { duration: 5, steps: 1 } });
    expect(await codeOf(session.request(long, { timeoutMs: 50 }))).toBe('CallTimedOut');
    const controller = new AbortController();
    const cancelled = codeOf(session.request(long, { timeoutMs: 10_000, signal: controller.signal }));
    setTimeout(() => controller.abort(), 50);
    expect(await cancelled).toBe('Cancelled');
    const answer = await session.request(request('tools/call', { name: 'echo', arguments: { message: 'still here' } }), {
      timeoutMs: 10_000,
    });
    expect(answer).toContain('still here');
    expect(upstream.violations).toBe(0);
  });

  it('fails calls in flight with UpstreamLost when the process is killed', async () => {
    const { upstream, spawned } = await start(transport);
    const heard = new Heard();
    const session = await upstream.openSession(client(), heard);
    const call = session.request(
      request('tools/call', {
        name: 'trigger-long-running-operation',
        arguments: { duration: 20, steps: 100 },
        _meta: { progressToken: 1 },
      }),
      { timeoutMs: 30_000, onNotification: () => void spawned.stop() },
    );
    await expect(call).rejects.toMatchObject({ code: 'UpstreamLost', data: { written: true } });
    if (transport !== 'streamableHttp') await until(() => heard.closedWith !== null);
  });
});

describe('features of a client', () => {
  const sampling = { name: 'trigger-sampling-request', arguments: { prompt: 'hello', maxTokens: 10 } };

  it.each(['streamableHttp', 'sse', 'isolated stdio'] as const)(
    'reach a service that has a session for that client alone: %s',
    async (kind) => {
      const { upstream } = await start(kind === 'isolated stdio' ? 'stdio' : kind, { isolated: kind === 'isolated stdio' });
      const heard = new Heard();
      heard.answer = (message) =>
        `{"jsonrpc":"2.0","id":${message.id},"result":{"role":"assistant","model":"m","content":{"type":"text","text":"sampled for you"}}}`;
      const session = await upstream.openSession(client({ sampling: {} }), heard);
      expect(session.shared).toBe(false);
      const answer = await session.request(request('tools/call', sampling), { timeoutMs: 10_000 });
      expect(answer).toContain('sampled for you');
      expect(heard.requests.map((message) => message.method)).toEqual(['sampling/createMessage']);
      await session.close();
    },
  );

  it('are not promised to a process that all share', async () => {
    const { upstream } = await start('stdio');
    const heard = new Heard();
    const session = await upstream.openSession(client({ sampling: {}, roots: {}, elicitation: {} }), heard);
    expect(session.shared).toBe(true);
    const tools = (await upstream.contract(10_000)).tools.map((tool) => tool.name);
    expect(tools).not.toContain('trigger-sampling-request');
    expect(heard.requests).toEqual([]);
  });
});
