import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client, FakeUpstream, contractOf, instance, result, startWorld, type World } from './world.ts';
import { fits } from '../../src/base/pattern.ts';
import { templateMatcher } from '../../src/gateway/catalog.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

const names = async (client: Client): Promise<string[]> => (await client.ask('tools/list'))['result'].tools.map((tool: any) => tool.name);

/** A service whose answers say which message reached it. */
function echoing(id: string): FakeUpstream {
  return new FakeUpstream(id, { answer: (heard) => result(heard, `{"by":"${id}","heard":${heard.message.text}}`) });
}

describe('tools of all services', () => {
  it('are listed under their service’s prefix, and called under their own name', async () => {
    const files = echoing('f1');
    const weather = echoing('w1');
    world.route({ service: 'files' }, instance(files, 'r', contractOf(['read', 'write'])));
    world.route({ service: 'weather' }, instance(weather, 'r', contractOf(['get'])));
    const client = await Client.open(`${world.url}/mcp`);
    expect(await names(client)).toEqual(['files__read', 'files__write', 'weather__get']);
    const { result: answer } = await client.call('weather__get', { city: 'Bern' });
    expect(answer.by).toBe('w1');
    expect(answer.heard.params).toEqual({ name: 'get', arguments: { city: 'Bern' } });
    expect(files.heard).toHaveLength(0);
  });

  it('open a session with a service only when it is first called', async () => {
    const files = new FakeUpstream('f1', { shared: false });
    world.route({ service: 'files' }, instance(files, 'r', contractOf(['read'])));
    const client = await Client.open(`${world.url}/mcp`);
    await names(client);
    expect(files.sessions).toHaveLength(0);
    await client.call('files__read');
    await client.call('files__read');
    expect(files.sessions).toHaveLength(1);
  });

  it('have a short name of their own when theirs is too long, and are found by it', async () => {
    const long = 'a_tool_with_a_name_that_is_far_longer_than_any_client_would_take_1';
    const longer = `${long.slice(0, -1)}2`;
    world.route({ service: 'files' }, instance(echoing('f1'), 'r', contractOf([long, longer])));
    const client = await Client.open(`${world.url}/mcp`);
    const shown = await names(client);
    expect(new Set(shown).size).toBe(2);
    for (const name of shown) expect(name.length).toBeLessThanOrEqual(64);
    const called = await Promise.all(shown.map(async (name) => (await client.call(name))['result'].heard.params.name));
    expect(new Set(called)).toEqual(new Set([long, longer]));
  });

  it('never share a name, whatever the prefixes', async () => {
    world.route({ service: 'a', prefix: 'x' }, instance(echoing('a1'), 'r', contractOf(['b__c'])));
    world.route({ service: 'b', prefix: 'x__b' }, instance(echoing('b1'), 'r', contractOf(['c'])));
    const client = await Client.open(`${world.url}/mcp`);
    const shown = await names(client);
    expect(new Set(shown).size).toBe(2);
    const by = await Promise.all(shown.map(async (name) => (await client.call(name))['result'].by));
    expect(new Set(by)).toEqual(new Set(['a1', 'b1']));
    expect((await client.call('x__b__c'))['result'].by).toBe('a1');
  });

  it('are hidden and renamed as the manifest says, in lists and in calls', async () => {
    const files = echoing('f1');
    const tools = { allow: ['read_*', 'stat'], deny: ['read_secret'], rename: { stat: 'info' } };
    world.route({ service: 'files', tools }, instance(files, 'r', contractOf(['read_file', 'read_secret', 'stat', 'write'])));
    const client = await Client.open(`${world.url}/mcp`);
    expect(await names(client)).toEqual(['files__info', 'files__read_file']);
    expect((await client.call('files__info'))['result'].heard.params.name).toBe('stat');
    for (const hidden of ['files__stat', 'files__write', 'files__read_secret']) {
      expect((await client.call(hidden))['error'].code).toBe(-32_602);
    }
    const alone = await Client.open(`${world.url}/services/files/mcp`);
    files.answer = (heard) => result(heard, '{"tools":[{"name":"stat","x":1},{"name":"write"}],"nextCursor":"n"}');
    expect((await alone.ask('tools/list'))['result']).toEqual({ tools: [{ name: 'info', x: 1 }], nextCursor: 'n' });
    expect((await alone.call('write'))['error'].code).toBe(-32_602);
    expect(files.heard.map((heard) => JSON.parse(heard.message.text).params.name).filter(Boolean)).toEqual(['stat']);
  });

  it('come in pages, all of them once', async () => {
    const many = Array.from({ length: 1_203 }, (_, i) => `t${i}`);
    world.route({ service: 'big' }, instance(echoing('b1'), 'r', contractOf(many)));
    const client = await Client.open(`${world.url}/mcp`);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { result: page } = await client.ask('tools/list', cursor === undefined ? {} : { cursor });
      seen.push(...page.tools.map((tool: any) => tool.name));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(1_203);
    expect(new Set(seen).size).toBe(1_203);
  });

  it.each(['nonsense!', '', 7])('refuse a cursor that is none: %j', async (cursor) => {
    const client = await Client.open(`${world.url}/mcp`);
    expect((await client.ask('tools/list', { cursor }))['error'].code).toBe(-32_602);
  });

  it('of a service that is gone for now are not listed, a call to one waits for it, and the others go on', async () => {
    world.route({ service: 'dead' }, instance(echoing('d1'), 'r', contractOf(['x'])));
    world.route({ service: 'live' }, instance(echoing('l1'), 'r', contractOf(['y'])));
    const client = await Client.open(`${world.url}/mcp`);
    world.route({ service: 'dead' });
    expect(await names(client)).toEqual(['live__y']);
    const waiting = client.call('dead__x');
    expect((await client.call('live__y'))['result'].by).toBe('l1');
    world.route({ service: 'dead' }, instance(echoing('d2'), 'r', contractOf(['x'])));
    expect((await waiting)['result'].by).toBe('d2');
  });

  it('are unknown when their service is no longer published', async () => {
    world.route({ service: 'files' }, instance(echoing('f1'), 'r', contractOf(['read'])));
    const client = await Client.open(`${world.url}/mcp`);
    world.gateway.forget('files');
    expect(await names(client)).toEqual([]);
    expect((await client.call('files__read'))['error'].code).toBe(-32_602);
  });

  it('may be called again later while a service has yet to say what it offers', async () => {
    const client = await Client.open(`${world.url}/mcp`);
    expect((await client.call('files__read'))['error'].data).toMatchObject({ code: 'ServiceUnavailable', retryable: true });
    world.route({ service: 'files' });
    expect((await client.call('files__read'))['error'].data).toMatchObject({ code: 'ServiceUnavailable', retryable: true });
    world.route({ service: 'files' }, instance(echoing('f1'), 'r', contractOf(['write'])));
    expect((await client.call('files__read'))['error'].code).toBe(-32_602);
  });

  it('are announced to clients when they change', async () => {
    const files = echoing('f1');
    world.route({ service: 'files' }, instance(files, 'r', contractOf(['read'])));
    const client = await Client.open(`${world.url}/mcp`);
    const listening = await client.listen();
    world.route({ service: 'files' }, instance(files, 'r', contractOf(['read', 'write'])));
    expect((await listening.message())?.['method']).toBe('notifications/tools/list_changed');
    await listening.close();
  });
});

describe('prompts and resources of all services', () => {
  const prompts = [{ name: 'greet' }];
  const resources = [{ uri: 'doc://shared', name: 'shared' }];

  it('find their service by name, URI or template', async () => {
    const resourceTemplates = [{ uriTemplate: 'note://{id}/text', name: 'note' }];
    world.route({ service: 'a' }, instance(echoing('a1'), 'r', contractOf([], { prompts, resources })));
    world.route({ service: 'b' }, instance(echoing('b1'), 'r', contractOf([], { prompts, resourceTemplates })));
    const client = await Client.open(`${world.url}/mcp`);
    expect((await client.ask('prompts/list'))['result'].prompts.map((prompt: any) => prompt.name)).toEqual(['a__greet', 'b__greet']);
    const greeted = (await client.ask('prompts/get', { name: 'b__greet' }))['result'];
    expect([greeted.by, greeted.heard.params.name]).toEqual(['b1', 'greet']);
    expect((await client.ask('resources/read', { uri: 'doc://shared' }))['result'].by).toBe('a1');
    expect((await client.ask('resources/read', { uri: 'note://7/text' }))['result'].by).toBe('b1');
    expect((await client.ask('resources/read', { uri: 'note://7/8/text' }))['error'].code).toBe(-32_002);
    const ref = { type: 'ref/prompt', name: 'b__greet' };
    const completed = (await client.ask('completion/complete', { ref, argument: { name: 'x', value: '' } }))['result'];
    expect([completed.by, completed.heard.params.ref.name]).toEqual(['b1', 'greet']);
    const template = { type: 'ref/resource', uri: 'note://{id}/text' };
    expect((await client.ask('completion/complete', { ref: template, argument: { name: 'id', value: '' } }))['result'].by).toBe('b1');
  });

  it('of one URI in two services belong to the first by name, whichever came first', async () => {
    world.route({ service: 'z' }, instance(echoing('z1'), 'r', contractOf([], { resources })));
    world.route({ service: 'a' }, instance(echoing('a1'), 'r', contractOf([], { resources })));
    const client = await Client.open(`${world.url}/mcp`);
    expect((await client.ask('resources/list'))['result'].resources).toHaveLength(1);
    expect((await client.ask('resources/read', { uri: 'doc://shared' }))['result'].by).toBe('a1');
  });

  it('can be subscribed to', async () => {
    const files = echoing('a1');
    world.route({ service: 'a' }, instance(files, 'r', contractOf([], { resources })));
    const client = await Client.open(`${world.url}/mcp`);
    const listening = await client.listen();
    await client.ask('resources/subscribe', { uri: 'doc://shared' });
    files.broadcast('notifications/resources/updated', { uri: 'doc://shared' });
    expect((await listening.message())?.['params'].uri).toBe('doc://shared');
    await listening.close();
  });
});

describe('the log level at all services', () => {
  it('reaches services that are open and those that are opened later', async () => {
    const early = echoing('e1');
    const late = echoing('l1');
    world.route({ service: 'early' }, instance(early, 'r', contractOf(['x'])));
    world.route({ service: 'late' }, instance(late, 'r', contractOf(['x'])));
    const client = await Client.open(`${world.url}/mcp`);
    await client.call('early__x');
    expect((await client.ask('logging/setLevel', { level: 'error' }))['result']).toEqual({});
    await client.call('late__x');
    const methods = (upstream: FakeUpstream): unknown[] => upstream.heard.map((heard) => heard.message.method);
    expect(methods(early)).toEqual(['tools/call', 'logging/setLevel']);
    expect(methods(late)).toEqual(['logging/setLevel', 'tools/call']);
  });
});

describe('patterns', () => {
  it.each([
    ['read_*', 'read_file', true],
    ['read_*', 'readfile', false],
    ['*', '', true],
    ['a*b*c', 'a1b2c', true],
    ['a*b*c', 'acb', false],
    ['*a', 'ba', true],
    ['ab*ba', 'aba', false],
    ['exact', 'exactly', false],
  ])('%s on %s: %s', (pattern, name, expected) => {
    expect(fits(pattern, name)).toBe(expected);
  });

  it.each([
    ['file:///{path}', 'file:///a.txt', true],
    ['file:///{path}', 'file:///a/b', false],
    ['file:///{+path}', 'file:///a/b', true],
    ['x://{a}/{b}', 'x://1/2', true],
    ['x://{a}/{b}', 'x://1/', false],
    ['x://{a}.json', 'x://a.b.json', true],
    ['x://all', 'x://all', true],
    ['x://{a}/end', 'y://1/end', false],
  ])('template %s on %s: %s', (template, uri, expected) => {
    expect(templateMatcher(template)(uri)).toBe(expected);
  });
});
