import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestOf } from '../../src/model/jsonrpc.ts';
import { metaKeys } from '../../src/model/stateless-era.ts';
import type { GatewayInstance } from '../../src/ports/gateway.ts';
import { Client, FakeUpstream, contractOf, instance, post, result, startWorld, type PlanShape, type World } from './world.ts';

let world: World;
let stable: FakeUpstream;
let target: FakeUpstream;
let both: GatewayInstance[];
let endpoint: string;
let preview: string;
beforeEach(async () => {
  world = await startWorld();
  stable = new FakeUpstream('s1', { shared: false });
  target = new FakeUpstream('t1', { shared: false });
  both = [instance(stable, 'old', contractOf(['echo'])), instance(target, 'new', contractOf(['echo', 'more']))];
  endpoint = `${world.url}/services/files/mcp`;
  preview = `${world.url}/services/files/preview/mcp`;
});
afterEach(() => world.close());

const previewing: PlanShape = { service: 'files', weights: { old: 100 }, preview: 'new' };
const said = (answer: Record<string, any>): string => answer['result']?.content?.[0]?.text;
const inMs = { timeoutMs: 10_000 };

describe('the preview route', () => {
  it('leads to the target alone, the public name to stable alone', async () => {
    world.route(previewing, ...both);
    const [inside, outside] = await Promise.all([Client.open(preview), Client.open(endpoint)]);
    for (let i = 0; i < 5; i++) expect([said(await inside.call('echo')), said(await outside.call('echo'))]).toEqual(['t1', 's1']);
  });

  it('is open to clients without session', async () => {
    world.route(previewing, ...both);
    const _meta = { [metaKeys.protocolVersion]: '2026-07-28', [metaKeys.clientCapabilities]: {} };
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
    const reply = await post(preview, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', _meta } }, headers);
    expect(said(reply.messages[0]!)).toBe('t1');
  });

  it('serves while the route of the public name is held', async () => {
    world.route({ ...previewing, hold: true }, ...both);
    expect(said(await (await Client.open(preview)).call('echo'))).toBe('t1');
  });

  it('counts in no traffic and no usage, and is no part of all services together', async () => {
    world.route(previewing, ...both);
    await (await Client.open(preview)).call('echo');
    expect(world.gateway.traffic('files')).toEqual({});
    expect(world.gateway.takeUsage()).toEqual([]);
    const all = await Client.open(`${world.url}/mcp`);
    expect((await all.ask('tools/list'))['result'].tools.map(({ name }: { name: string }) => name)).toEqual(['files__echo']);
  });

  it('shows its calls and sessions in the load of the instance', async () => {
    world.route(previewing, ...both);
    const client = await Client.open(preview);
    expect(world.gateway.load('t1')).toEqual({ sessions: 1, inFlight: 0 });
    await client.close();
    expect(world.gateway.load('t1')).toEqual({ sessions: 0, inFlight: 0 });
  });

  it('says that there is no preview and when there is one', async () => {
    world.route({ service: 'files', weights: { old: 100 } }, ...both);
    const reply = await post(preview, { jsonrpc: '2.0', id: 1, method: 'ping' });
    expect(reply.status).toBe(404);
    expect(reply.messages[0]?.['error'].data).toEqual({ code: 'NoPreview', retryable: true, service: 'files' });
    expect(reply.messages[0]?.['error'].message).toContain('fairlead rollout status files');
    expect((await post(`${world.url}/services/other/preview/mcp`, { jsonrpc: '2.0', id: 1, method: 'ping' })).status).toBe(404);
  });

  it('waits for the target to come up, and no longer when the preview is gone', async () => {
    world.route(previewing, ...both);
    const client = await Client.open(preview);
    world.route(previewing, both[0]!);
    const call = client.call('echo');
    await client.request('ping');
    world.route({ service: 'files', weights: { old: 100 } }, both[0]!);
    expect((await call)['error'].data).toEqual({ code: 'NoPreview', retryable: true, service: 'files' });
  });
});

describe('sessions of a preview', () => {
  it('belong to it and to no other endpoint', async () => {
    world.route(previewing, ...both);
    const [inside, outside] = await Promise.all([Client.open(preview), Client.open(endpoint)]);
    expect((await post(endpoint, { jsonrpc: '2.0', id: 1, method: 'ping' }, inside.headers)).status).toBe(404);
    expect((await post(preview, { jsonrpc: '2.0', id: 1, method: 'ping' }, outside.headers)).status).toBe(404);
  });

  it('end with it, and the client is told so', async () => {
    world.route(previewing, ...both);
    const client = await Client.open(preview);
    const listening = await client.listen();
    world.route({ service: 'files', weights: { new: 100 } }, ...both);
    expect(await listening.next()).toBeNull();
    const reply = await client.request('tools/call', { name: 'echo' });
    expect([reply.status, reply.messages[0]?.['error'].data.code]).toEqual([404, 'NoPreview']);
    expect(world.gateway.load('t1')).toEqual({ sessions: 0, inFlight: 0 });
    expect(target.sessions[0]?.closed).toBe(true);
  });

  it('end when it is that of another revision, which takes new ones', async () => {
    world.route(previewing, ...both);
    const client = await Client.open(preview);
    const newer = new FakeUpstream('n1');
    world.route({ ...previewing, preview: 'newer' }, ...both, instance(newer, 'newer'));
    expect((await client.request('ping')).status).toBe(404);
    expect(said(await (await Client.open(preview)).call('echo'))).toBe('n1');
  });

  it.each([true, false])('have the answers of calls that had begun before they end (process shared: %s)', async (shared) => {
    let finish = (): void => undefined;
    let began = (): void => undefined;
    const begun = new Promise<void>((resolve) => (began = resolve));
    const slow = new FakeUpstream('t2', {
      shared,
      answer: async (heard) => {
        began();
        await new Promise<void>((resolve) => (finish = resolve));
        return result(heard, '{"content":[{"type":"text","text":"late"}]}');
      },
    });
    const instances = [both[0]!, instance(slow, 'new')];
    world.route(previewing, ...instances);
    const client = await Client.open(preview);
    const call = client.call('echo');
    await begun;
    world.route({ service: 'files', weights: { old: 100 }, duties: { t2: 'drain' } }, ...instances);
    expect((await client.request('ping')).status).toBe(404);
    expect(world.gateway.load('t2').inFlight).toBe(1);
    finish();
    expect(said(await call)).toBe('late');
    expect(world.gateway.load('t2').inFlight).toBe(0);
    await expect.poll(() => slow.sessions[0]!.closed).toBe(true);
  });

  it('are not opened any more when it goes while they are', async () => {
    let go = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      const { openSession } = target;
      target.openSession = async (...args) => {
        resolve();
        await new Promise<void>((opened) => (go = opened));
        return openSession.apply(target, args);
      };
    });
    world.route(previewing, ...both);
    const client = Client.open(preview);
    await asked;
    world.route({ service: 'files', weights: { old: 100 } }, ...both);
    go();
    expect((await client).initialized['error'].data.code).toBe('NoPreview');
    await expect.poll(() => target.sessions[0]!.closed).toBe(true);
    expect(world.gateway.load('t1').sessions).toBe(0);
  });

  it('move to another instance of the target when theirs is gone', async () => {
    world.route(previewing, ...both);
    const client = await Client.open(preview);
    const next = new FakeUpstream('t2', { shared: false });
    world.route(previewing, both[0]!, instance(next, 'new'));
    expect(said(await client.call('echo'))).toBe('t2');
  });
});

describe('checks through the preview', () => {
  const call = requestOf('tools/call', { name: 'echo', arguments: {} });

  it('have no session while there is no preview', () => {
    world.route({ service: 'files', weights: { old: 100 } }, ...both);
    expect(world.gateway.preview('files')).toBeNull();
    expect(world.gateway.preview('unknown')).toBeNull();
  });

  it('get one session with the target, that counts nowhere', async () => {
    world.route(previewing, ...both);
    const [session, again] = await Promise.all([world.gateway.preview('files')!, world.gateway.preview('files')!]);
    expect(again).toBe(session);
    expect(said(JSON.parse(await session.request(call, inMs)))).toBe('t1');
    expect(target.sessions).toHaveLength(1);
    expect(target.sessions[0]?.client.capabilities).toEqual({});
    expect([world.gateway.traffic('files'), world.gateway.takeUsage()]).toEqual([{}, []]);
  });

  it('reach tools by the service’s own names, also those that clients do not see', async () => {
    world.route({ ...previewing, tools: { deny: ['echo'] }, quarantine: ['echo'] }, ...both);
    const session = await world.gateway.preview('files')!;
    expect(said(JSON.parse(await session.request(call, inMs)))).toBe('t1');
    expect((await (await Client.open(preview)).call('echo'))['error'].message).toContain('Unknown tool');
  });

  it('have their own time', async () => {
    target.answer = () => new Promise(() => undefined);
    world.route(previewing, ...both);
    const session = await world.gateway.preview('files')!;
    await expect(session.request(call, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'CallTimedOut' });
    expect(target.heard[0]?.options.signal?.aborted).toBe(true);
  });

  it('get another session for another preview, and errors in the one before', async () => {
    world.route(previewing, ...both);
    const session = await world.gateway.preview('files')!;
    const newer = new FakeUpstream('n1');
    world.route({ ...previewing, preview: 'newer' }, ...both, instance(newer, 'newer'));
    await expect(session.request(call, inMs)).rejects.toMatchObject({ code: 'NoPreview' });
    expect(target.sessions[0]?.closed).toBe(true);
    expect(said(JSON.parse(await (await world.gateway.preview('files')!).request(call, inMs)))).toBe('n1');
  });

  it.each([true, false])(
    'go on at another instance of the target, nothing stays open at the one before (process shared: %s)',
    async (shared) => {
      const [gone, next] = [new FakeUpstream('t1', { shared }), new FakeUpstream('t2', { shared })];
      world.route(previewing, both[0]!, instance(gone, 'new'));
      const session = await world.gateway.preview('files')!;
      world.route(previewing, both[0]!, instance(next, 'new'));
      expect(said(JSON.parse(await session.request(call, inMs)))).toBe('t2');
      expect(gone.sessions.map(({ closed }) => closed)).toEqual([true]);
    },
  );

  it('get another session after one that could not be opened or was closed', async () => {
    target.dead = true;
    const shape = { ...previewing, limits: { callTimeoutMs: 50 } };
    world.route(shape, ...both);
    await expect(world.gateway.preview('files')).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    target.dead = false;
    const session = await world.gateway.preview('files')!;
    await session.close();
    expect(target.sessions[0]?.closed).toBe(true);
    expect(said(JSON.parse(await (await world.gateway.preview('files')!).request(call, inMs)))).toBe('t1');
  });
});
