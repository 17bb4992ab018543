import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayInstance } from '../../src/ports/gateway.ts';
import {
  Client,
  FakeUpstream,
  contractOf,
  instance,
  post,
  result,
  startWorld,
  type EventReader,
  type PlanShape,
  type World,
} from './world.ts';

let world: World;
let endpoint: string;
beforeEach(async () => {
  world = await startWorld();
  endpoint = `${world.url}/services/files/mcp`;
});
afterEach(() => world.close());

const [narrow, wide] = [contractOf(['read']), contractOf(['read', 'write'])];
const changed = 'notifications/tools/list_changed';
const said = (answer: Record<string, any>): string => answer['result']?.content?.[0]?.text;
const tools = async (client: Client): Promise<string[]> => (await client.ask('tools/list'))['result'].tools.map((tool: any) => tool.name);

/** An Instance that lists what its Contract does and answers with its id. */
function serving(id: string, revision: string, contract = narrow, shared = true): GatewayInstance {
  const upstream = new FakeUpstream(id, {
    shared,
    answer: (heard) =>
      result(
        heard,
        heard.message.method === 'tools/list'
          ? JSON.stringify({ tools: contract.tools })
          : JSON.stringify({ content: [{ type: 'text', text: id }] }),
      ),
  });
  return instance(upstream, revision, contract);
}

const split = (share: number, more: Partial<PlanShape> = {}): PlanShape => ({
  service: 'files',
  weights: share === 0 ? { old: 100 } : { old: 100 - share, new: share },
  rollout: 1,
  ...more,
});

/** The next notice that a client gets. */
const notice = async (listening: EventReader): Promise<unknown> => (await listening.message())?.['method'];
const otherResources = 'notifications/resources/list_changed';
/** As stable is, but for its resources: everybody there hears of those. */
const marked = contractOf(['read'], { resources: [{ uri: 'a://1', name: 'a' }] });

describe('a client whose revision becomes another', () => {
  it('is told at once when that offers something else, without having called', async () => {
    const both = [serving('s1', 'old'), serving('t1', 'new', wide)];
    world.route(split(0), ...both);
    const client = await Client.open(endpoint);
    expect(await tools(client)).toEqual(['read']);
    const listening = await client.listen();
    world.route(split(100), ...both);
    expect((await listening.message())?.['method']).toBe(changed);
    expect(await tools(client)).toEqual(['read', 'write']);
    world.route(split(0), ...both);
    expect((await listening.message())?.['method']).toBe(changed);
    expect(await tools(client)).toEqual(['read']);
    await listening.close();
  });

  it('is told when the boundary passes it and not when it passes others', async () => {
    const both = [serving('s1', 'old'), serving('t1', 'new', wide)];
    world.route(split(0), ...both);
    const clients = await Promise.all(Array.from({ length: 10 }, () => Client.open(endpoint)));
    const listening = await Promise.all(clients.map((client) => client.listen()));
    world.route(split(30), ...both);
    const moved = await Promise.all(clients.map(async (client) => said(await client.call('read')) === 't1'));
    const told = listening.filter((_, index) => moved[index]);
    expect(await Promise.all(told.map(notice))).toEqual([changed, changed, changed]);
    world.route(split(30), serving('s2', 'old', marked), both[1]!);
    const others = listening.filter((_, index) => !moved[index]);
    expect(new Set(await Promise.all(others.map(notice)))).toEqual(new Set([otherResources]));
    await Promise.all(listening.map((each) => each.close()));
  });

  it('is told when it moves, not before, while a session of its own keeps it where it is', async () => {
    const [stable, target] = [serving('s1', 'old', narrow, false), serving('t1', 'new', wide, false)];
    world.route(split(0), stable, target);
    const client = await Client.open(endpoint);
    const listening = await client.listen();
    world.route(split(100, { duties: { s1: 'retire' } }), stable, target);
    expect(await tools(client)).toEqual(['read']);
    world.route(split(100, { duties: { s1: 'drain' } }), stable, target);
    expect((await listening.message())?.['method']).toBe(changed);
    expect(await tools(client)).toEqual(['read', 'write']);
    await listening.close();
  });

  it('has its subscriptions there as well, also when it comes back', async () => {
    const both = [serving('s1', 'old'), serving('t1', 'new')];
    world.route(split(0), ...both);
    const client = await Client.open(endpoint);
    world.route(split(100), ...both);
    await client.ask('resources/subscribe', { uri: 'a://1' });
    world.route(split(0), ...both);
    await client.call('read');
    const stable = both[0]!.upstream as FakeUpstream;
    expect(stable.heard.map(({ message }) => message.method)).toEqual(['resources/subscribe', 'tools/call']);
  });
});

describe('all services together, while a rollout moves between two contracts', () => {
  it('list to each client what its own revision offers, under names that are the same for all', async () => {
    const both = [serving('s1', 'old', narrow), serving('t1', 'new', wide)];
    world.route(split(50), ...both);
    world.route({ service: 'other' }, serving('o1', 'r', contractOf(['go'])));
    const clients = await Promise.all(Array.from({ length: 8 }, () => Client.open(`${world.url}/mcp`)));
    const seen = await Promise.all(
      clients.map(async (client) => [(await tools(client)).join(), said(await client.call('files__read'))].join(' at ')),
    );
    expect(seen.filter((each) => each === 'files__read,other__go at s1')).toHaveLength(4);
    expect(seen.filter((each) => each === 'files__read,files__write,other__go at t1')).toHaveLength(4);
  });

  it('list to clients without session, and to curl, what most get', async () => {
    world.route(split(25), serving('s1', 'old', narrow), serving('t1', 'new', wide));
    const listed = async (): Promise<string[]> => {
      const { tools: all } = (await (await fetch(`${world.url}/api/v1/tools`)).json()) as { tools: { tool: string }[] };
      return all.map(({ tool }) => tool);
    };
    expect(await listed()).toEqual(['read']);
    world.route(split(75), serving('s1', 'old', narrow), serving('t1', 'new', wide));
    expect(await listed()).toEqual(['read', 'write']);
  });

  it('tell each client when its own list is another', async () => {
    const both = [serving('s1', 'old', narrow), serving('t1', 'new', wide)];
    world.route(split(0), ...both);
    const clients = await Promise.all(Array.from({ length: 10 }, () => Client.open(`${world.url}/mcp`)));
    const before = await Promise.all(clients.map(tools));
    const listening = await Promise.all(clients.map((client) => client.listen()));
    world.route(split(30), ...both);
    const after = await Promise.all(clients.map(tools));
    const moved = after.map((list, index) => list.join() !== before[index]!.join());
    const told = listening.filter((_, index) => moved[index]);
    expect(await Promise.all(told.map(notice))).toEqual([changed, changed, changed]);
    world.route(split(30), serving('s2', 'old', marked), both[1]!);
    const others = listening.filter((_, index) => !moved[index]);
    expect(new Set(await Promise.all(others.map(notice)))).toEqual(new Set([otherResources]));
    await Promise.all(listening.map((each) => each.close()));
  });

  it('show nothing of a target that no call reaches yet, also while stable is gone', async () => {
    const both = [serving('s1', 'old', narrow), serving('t1', 'new', wide)];
    world.route(split(0), ...both);
    const client = await Client.open(`${world.url}/mcp`);
    expect(await tools(client)).toEqual(['files__read']);
    world.route(split(0), both[1]!);
    expect(await tools(client)).toEqual([]);
  });
});

describe('tools in quarantine', () => {
  const shape: PlanShape = { service: 'files', tools: { rename: { write: 'put' } }, quarantine: ['write'] };
  beforeEach(() => world.route(shape, serving('s1', 'old', wide)));

  it('are in no list', async () => {
    expect(await tools(await Client.open(endpoint))).toEqual(['read']);
    expect(await tools(await Client.open(`${world.url}/mcp`))).toEqual(['files__read']);
    expect(await (await fetch(`${world.url}/api/v1/tools`)).text()).not.toContain('write');
  });

  it('are refused wherever they are called, in words of their own', async () => {
    const error = { code: 'ToolQuarantined', retryable: false, service: 'files' };
    expect((await (await Client.open(endpoint)).call('put'))['error'].data).toEqual(error);
    expect((await (await Client.open(`${world.url}/mcp`)).call('files__put'))['error'].data).toEqual(error);
    const reply = await post(`${world.url}/api/v1/services/files/call`, { tool: 'put' });
    expect([reply.status, JSON.parse(reply.text).code]).toEqual([403, 'ToolQuarantined']);
    expect((await (await Client.open(endpoint)).call('read'))['result']).toBeDefined();
  });

  it('are announced when they go and when they are back', async () => {
    for (const url of [endpoint, `${world.url}/mcp`]) {
      const client = await Client.open(url);
      const listening = await client.listen();
      world.route({ ...shape, quarantine: [] }, serving('s1', 'old', wide));
      expect((await listening.message())?.['method']).toBe(changed);
      expect(await tools(client)).toHaveLength(2);
      world.route(shape, serving('s1', 'old', wide));
      expect((await listening.message())?.['method']).toBe(changed);
      expect(await tools(client)).toHaveLength(1);
      await listening.close();
    }
  });
});
