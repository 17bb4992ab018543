/** Weights as clients meet them: over HTTP, with fake Upstreams for the numbers and real processes for both transports. */
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { metaKeys } from '../../src/model/stateless-era.ts';
import type { Duty } from '../../src/model/plan.ts';
import type { GatewayInstance } from '../../src/ports/gateway.ts';
import { connectUpstream } from '../../src/upstream/connect.ts';
import { spawnServer } from '../upstream/channel.ts';
import { Client, FakeUpstream, instance, post, startWorld, type PlanShape, type World } from './world.ts';

let world: World;
let endpoint: string;
const stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  world = await startWorld();
  endpoint = `${world.url}/services/files/mcp`;
});
afterEach(async () => {
  await world.close();
  for (const stop of stops.splice(0).reverse()) await stop();
});

const said = (answer: Record<string, any>): string => answer['result']?.content?.[0]?.text;
const weights = (share: number, more: Partial<PlanShape> = {}): PlanShape => ({
  service: 'files',
  weights: share === 0 ? { old: 100 } : share === 100 ? { new: 100 } : { old: 100 - share, new: share },
  rollout: 3,
  ...more,
});
const fakes = (): GatewayInstance[] => [instance(new FakeUpstream('s1'), 'old'), instance(new FakeUpstream('t1'), 'new')];
/** Ten sessions at 50 %: some go to each. */
const bothOf = (seen: readonly string[]): string[] => [...new Set(seen)].sort();

async function sessions(count: number): Promise<Client[]> {
  const open: Client[] = [];
  while (open.length < count)
    open.push(...(await Promise.all(Array.from({ length: Math.min(50, count - open.length) }, () => Client.open(endpoint)))));
  return open;
}

async function answers(clients: readonly Client[]): Promise<string[]> {
  return Promise.all(clients.map(async (client) => said(await client.call('echo'))));
}

const share = (seen: readonly string[], who: string): number => seen.filter((each) => each === who).length / seen.length;

describe('a thousand', () => {
  it('sessions are spread as the weights say, to within one per cent', async () => {
    world.route(weights(25), ...fakes());
    const seen: string[] = [];
    for (let i = 0; i < 20; i++) seen.push(...(await answers(await sessions(50))));
    expect(Math.abs(share(seen, 't1') - 0.25)).toBeLessThan(0.01);
    expect(Math.abs(share(seen.slice(0, 500), 't1') - 0.25)).toBeLessThan(0.02);
  });

  it('requests without session are, too, also when every second is a list', async () => {
    world.route(weights(10), ...fakes());
    const _meta = { [metaKeys.protocolVersion]: '2026-07-28', [metaKeys.clientCapabilities]: {} };
    const ask = (method: string, params: object): Promise<unknown> =>
      post(
        endpoint,
        { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } },
        { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(method === 'tools/call' ? { 'mcp-name': 'echo' } : {}) },
      );
    for (let i = 0; i < 1_000; i++) {
      await ask('tools/call', { name: 'echo' });
      await ask('tools/list', {});
    }
    const { old, new: target } = world.gateway.traffic('files');
    expect(old!.calls + target!.calls).toBe(1_000);
    expect(Math.abs(target!.calls / 1_000 - 0.1)).toBeLessThan(0.01);
  });
});

describe('a session of the target', () => {
  it('stays at stable once it had to go there, and is back in the next rollout', async () => {
    const both = fakes();
    world.route(weights(50), ...both);
    const clients = await sessions(10);
    expect(bothOf(await answers(clients))).toEqual(['s1', 't1']);
    world.route(weights(50), both[0]!);
    expect(share(await answers(clients), 's1')).toBe(1);
    world.route(weights(50), ...both);
    expect(share(await answers(clients), 's1')).toBe(1);
    expect(bothOf(await answers(await sessions(10)))).toEqual(['s1', 't1']);
    world.route(weights(100), ...both);
    expect(share(await answers(clients), 't1')).toBe(1);
    world.route(weights(50, { rollout: 4 }), ...both);
    expect(bothOf(await answers(clients))).toEqual(['s1', 't1']);
  });

  it('stays at stable when the weight was zero in between', async () => {
    const both = fakes();
    world.route(weights(50), ...both);
    const clients = await sessions(10);
    expect(bothOf(await answers(clients))).toEqual(['s1', 't1']);
    world.route(weights(0), ...both);
    expect(share(await answers(clients), 's1')).toBe(1);
    world.route(weights(25), ...both);
    expect(share(await answers(clients), 's1')).toBe(1);
  });

  it('gets no call of others while its weight is zero or it drains', async () => {
    const both = fakes();
    for (const shape of [weights(0), weights(50, { duties: { t1: 'drain' } }), weights(50, { duties: { t1: 'retire' } })]) {
      world.route(shape, ...both);
      expect(share(await answers(await sessions(10)), 's1')).toBe(1);
    }
  });
});

/** An Instance that is a process of its own. */
async function started(transport: 'stdio' | 'http', tag: string): Promise<GatewayInstance> {
  const port = await freePort();
  const spawned = spawnServer([
    'test/fixtures/echo-server.ts',
    '--service',
    'files',
    '--tag',
    tag,
    '--transport',
    transport,
    '--port',
    String(port),
  ]);
  stops.push(spawned.stop);
  const upstream = connectUpstream(
    transport === 'stdio'
      ? { kind: 'stdio', channel: spawned.channel }
      : { kind: 'http', url: `http://127.0.0.1:${port}/mcp`, headers: {} },
    { instanceId: `files-${tag}`, maxMessageBytes: 1 << 20 },
  );
  stops.push(() => upstream.close());
  if (transport === 'http') await listening(port);
  await upstream.connect(10_000);
  return { id: upstream.instanceId, revision: tag, upstream, contract: await upstream.contract(10_000) };
}

async function listening(port: number): Promise<void> {
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

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function tags(clients: readonly Client[]): Promise<string[]> {
  return Promise.all(
    clients.map(async (client, index) => {
      const answer = JSON.parse(said(await client.call('echo', { id: `q${index}` }))) as { tag: string; id: string };
      expect(answer.id).toBe(`q${index}`);
      return answer.tag;
    }),
  );
}

describe('real processes', () => {
  it('on standard streams: sessions move with the weight, only forwards', async () => {
    const both = [await started('stdio', 'old'), await started('stdio', 'new')];
    world.route(weights(0), ...both);
    const clients = await sessions(20);
    let before = await tags(clients);
    for (const percent of [10, 25, 50, 100]) {
      world.route(weights(percent), ...both);
      const now = await tags(clients);
      expect(now.filter((tag) => tag === 'new')).toHaveLength(percent / 5);
      expect(now.filter((tag, index) => tag === 'old' && before[index] === 'new')).toEqual([]);
      before = now;
    }
  });

  it('over HTTP: sessions stay where they are until their instance drains, new ones go by the weight', async () => {
    const both = [await started('http', 'old'), await started('http', 'new')];
    world.route(weights(0), ...both);
    const early = await sessions(10);
    world.route(weights(50), ...both);
    const late = await sessions(10);
    expect(share(await tags(early), 'old')).toBe(1);
    expect(bothOf(await tags(late))).toEqual(['new', 'old']);
    const retiring: Record<string, Duty> = { 'files-old': 'retire' };
    world.route(weights(100, { duties: retiring }), ...both);
    expect(share(await tags(early), 'old')).toBe(1);
    expect(share(await tags(await sessions(5)), 'new')).toBe(1);
    world.route(weights(100, { duties: { 'files-old': 'drain' } }), ...both);
    expect(share(await tags([...early, ...late]), 'new')).toBe(1);
    expect(world.gateway.load('files-old')).toEqual({ sessions: 0, inFlight: 0 });
  });

  it.each(['stdio', 'http'] as const)('%s: have a preview and a shadow', async (transport) => {
    const both = [await started(transport, 'old'), await started(transport, 'new')];
    const shadow = { revision: 'new', tools: ['*'], percent: 100 };
    world.route(weights(0, { preview: 'new', shadow }), ...both);
    expect(await tags([await Client.open(`${world.url}/services/files/preview/mcp`)])).toEqual(['new']);
    const [client] = await sessions(1);
    await client!.call('check');
    await tags([client!]);
    await expect.poll(() => world.gateway.shadow('files')).toMatchObject({ revision: 'new', calls: 2, same: 1, different: 1, failed: 0 });
    expect(world.gateway.shadow('files')!.examples[0]).toMatchObject({ tool: 'echo', path: '/content/0/text' });
  });
});
