import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeUpstream, contractOf, instance, lost, post, result, startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

const call = (tool: unknown, args?: unknown) => post(`${world.url}/api/v1/services/files/call`, { tool, args });

describe('calls with curl', () => {
  it('get the result of the tool as the service said it', async () => {
    const upstream = new FakeUpstream('i1', { answer: (heard) => result(heard, `{"content":[],"heard":${heard.message.text}, "n":1.0}`) });
    world.route({ service: 'files' }, instance(upstream));
    const reply = await call('echo', { a: 1 });
    expect(reply.status).toBe(200);
    expect(reply.text).toContain('"n":1.0');
    expect(reply.messages[0]?.['heard'].params).toEqual({ name: 'echo', arguments: { a: 1 } });
  });

  it('list the tools of all services with where they come from', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1'), 'r', contractOf(['read'])));
    const { tools } = (await (await fetch(`${world.url}/api/v1/tools`)).json()) as { tools: unknown[] };
    expect(tools).toMatchObject([{ service: 'files', tool: 'read', as: { name: 'files__read' } }]);
  });

  it('get a problem document with the code and whether to try again', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1', { answer: () => Promise.reject(lost(true)) })));
    const reply = await call('echo');
    expect(reply.type).toBe('application/problem+json');
    expect(reply.messages[0]).toMatchObject({ status: 502, code: 'UpstreamLost', retryable: true, service: 'files' });
  });

  it('pass on what the service refused', async () => {
    const upstream = new FakeUpstream('i1', {
      answer: (heard) => `{"jsonrpc":"2.0","id":${heard.message.id},"error":{"code":-32602,"message":"no"}}`,
    });
    world.route({ service: 'files' }, instance(upstream));
    expect((await call('echo')).messages[0]).toMatchObject({ status: 422, code: 'CallRefused', rpc: { code: -32_602 } });
  });

  it.each([
    ['{', 400],
    ['[]', 400],
    ['{"tool":7}', 400],
    ['{"tool":"echo","args":[]}', 400],
    ['null', 400],
  ])('are refused with a body like %s', async (body, status) => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    expect((await post(`${world.url}/api/v1/services/files/call`, body)).status).toBe(status);
  });

  it('find no hidden tool and no unknown service', async () => {
    world.route({ service: 'files', tools: { deny: ['echo'] } }, instance(new FakeUpstream('i1')));
    expect((await call('echo')).status).toBe(404);
    expect((await post(`${world.url}/api/v1/services/nobody/call`, { tool: 'x' })).status).toBe(404);
  });

  it('may not be made with GET', async () => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    expect((await fetch(`${world.url}/api/v1/services/files/call`)).status).toBe(405);
    expect((await fetch(`${world.url}/api/v1/tools`, { method: 'POST' })).status).toBe(405);
  });
});
