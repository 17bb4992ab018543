/** The status API over HTTP, against a fake ReadModel: routes, shapes, what hostile requests get, streams. */
import { connect, type Socket } from 'node:net';
import { request } from 'node:http';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { createParser } from 'eventsource-parser';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { namedSchemas } from '../../src/status-api/schemas.ts';
import { createStatusApi, type StatusApi, type StatusApiOptions } from '../../src/status-api/server.ts';
import { rolloutViews } from '../fixtures/rollout-views.ts';
import { fakeReadModel, fakeToolNames, filesStable, snapshot, type FakeReadModel } from '../fixtures/read-model.ts';

let model: FakeReadModel;
let api: StatusApi;
let url: string;

async function start(more: Partial<StatusApiOptions> = {}): Promise<void> {
  api = createStatusApi({ readModel: model, host: '127.0.0.1', port: 0, toolNames: fakeToolNames, ...more });
  ({ url } = await api.listen());
}

beforeEach(async () => {
  model = fakeReadModel();
  await start();
});
afterEach(() => api.close());

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // answers are looked into by tests, member by member
  body: any; // oxlint-disable-line typescript/no-explicit-any
}

/** One request, its path sent as it is written. */
function ask(path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url);
    const outgoing = request(
      { host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers: options.headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const json = String(response.headers['content-type']).includes('json') && text !== '';
          resolve({ status: response.statusCode!, headers: response.headers, text, body: json ? JSON.parse(text) : null });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

const validator = new Ajv2020({
  strict: false,
  schemas: namedSchemas.map((schema) => structuredClone(schema)),
  formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/ },
});
function expectShape(name: string, value: unknown): void {
  const validate = validator.getSchema(name)!;
  void validate(value);
  expect(validate.errors ?? []).toEqual([]);
}

describe('routes', () => {
  test.each([
    ['/api/v1/services', 'ServiceList'],
    ['/api/v1/services/files', 'Service'],
    ['/api/v1/services/broken', 'Service'],
    ['/api/v1/services/clock', 'Service'],
    ['/api/v1/services/files/health', 'HealthReport'],
    ['/api/v1/services/files/tools', 'ToolList'],
    ['/api/v1/services/files/revisions', 'RevisionList'],
    ['/api/v1/services/files/rollout', 'RolloutList'],
    ['/api/v1/services/clock/rollout', 'RolloutList'],
    ['/api/v1/services/files/instances', 'InstanceList'],
    ['/api/v1/services/files/events', 'EventList'],
    ['/api/v1/services/clock/dependencies', 'DependencyReport'],
    ['/api/v1/services/files/usage', 'UsageReport'],
    ['/api/v1/services/files/explain', 'Explanation'],
    ['/api/v1/services/stats/overview', 'Overview'],
    ['/api/v1/rollouts', 'RolloutList'],
    ['/api/v1/revisions', 'RevisionList'],
    ['/api/v1/instances', 'InstanceList'],
    ['/api/v1/tools', 'ToolList'],
    ['/api/v1/events', 'EventList'],
    ['/api/v1/sources', 'SourceList'],
    ['/api/v1/dependencies', 'DependencyReport'],
    ['/api/v1/resolve?tool=read_file', 'Resolution'],
    ['/api/v1/about', 'About'],
  ])('%s answers a %s of the published shape', async (path, shape) => {
    model.happen({});
    const { status, body } = await ask(path);
    expect(status).toBe(200);
    expectShape(shape, body);
  });

  test.each(Object.keys(rolloutViews))(
    'a service with a rollout like %s is told in the published shape, and so is the rollout',
    async (name) => {
      model.put(rolloutViews[name as keyof typeof rolloutViews]);
      const { status, body } = await ask('/api/v1/services/weather');
      expect(status).toBe(200);
      expectShape('Service', body);
      expectShape('RolloutList', (await ask('/api/v1/services/weather/rollout')).body);
      expectShape('RevisionList', (await ask('/api/v1/services/weather/revisions')).body);
    },
  );

  test('every listed resource carries the seven members', async () => {
    model.happen({});
    for (const kind of ['services', 'rollouts', 'revisions', 'instances', 'tools', 'events', 'sources']) {
      const { body } = await ask(`/api/v1/${kind}`);
      expect(body.items.length).toBeGreaterThan(0);
      for (const item of body.items)
        expect(item).toMatchObject({
          apiVersion: 'fairlead.dev/v1alpha1',
          kind: body.kind.replace('List', ''),
          metadata: {},
          status: { conditions: expect.any(Array) },
          observedCommit: snapshot,
        });
    }
  });

  test('HEAD is GET without a body', async () => {
    const { status, text } = await ask('/api/v1/services', { method: 'HEAD' });
    expect([status, text]).toEqual([200, '']);
  });

  test('the values of a run environment are not shown', async () => {
    const { text } = await ask('/api/v1/services/files/revisions');
    expect(text).toContain('MODE');
    expect(text).not.toContain('quiet');
  });

  test('tools hidden from clients are hidden here', async () => {
    const { body } = await ask('/api/v1/tools');
    expect(body.items.map((item: { spec: { aggregatedAs: string } }) => item.spec.aggregatedAs)).toEqual([
      'files__read_file',
      'files__list_directory',
    ]);
    expect((await ask('/api/v1/tools?q=lists+DIRECTORY')).body.items).toHaveLength(1);
  });

  test('tools in quarantine are hidden here, too, and are no tools of their service', async () => {
    model.change('files', { quarantine: ['list_directory'] });
    const { body } = await ask('/api/v1/services/files/tools');
    expect(body.items.map((item: { spec: { tool: string } }) => item.spec.tool)).toEqual(['read_file']);
    expect((await ask('/api/v1/services/files')).body.status.tools).toBe(1);
  });

  test('resolve finds a tool by each of its names, a resource and a prompt', async () => {
    const found = async (query: string) =>
      (await ask(`/api/v1/resolve?${query}`)).body.matches.map((match: { service: string }) => match.service);
    expect(await found('tool=read_file')).toEqual(['files']);
    expect(await found('tool=files__read_file')).toEqual(['files']);
    expect(await found('tool=secret_door')).toEqual([]);
    expect(await found('resource=file%3A%2F%2F%2Freadme.md')).toEqual(['files']);
    expect(await found('prompt=summarize')).toEqual(['files']);
    expect((await ask('/api/v1/resolve')).status).toBe(400);
  });

  test('the overview counts and tells what is in trouble, and is settled only when nothing moves', async () => {
    const { body } = await ask('/api/v1/services/stats/overview');
    expect(body).toMatchObject({
      total: 3,
      states: { Active: 1, Deploying: 1, Error: 1 },
      rolloutsRunning: 1,
      tools: 2,
      calls: 12,
      errors: 3,
      settled: false,
    });
    expect(body.troubles.map(({ service }: { service: string }) => service)).toEqual(['broken', 'files']);
    model.change('clock', { state: 'Inactive', rollout: null });
    expect((await ask('/api/v1/services/stats/overview')).body.settled).toBe(true);
    model.facts = { ...model.facts, hostConnected: false };
    expect((await ask('/api/v1/services/stats/overview')).body.settled).toBe(false);
  });

  test('the overview says that all serves while rollouts only wait for time or somebody, and no sooner', async () => {
    const serving = async (): Promise<boolean[]> => {
      const { body } = await ask('/api/v1/services/stats/overview');
      return [body.settled, body.serving];
    };
    expect(await serving()).toEqual([false, false]);
    model.change('clock', null);
    expect(await serving()).toEqual([true, true]);
    model.put(rolloutViews.canary);
    expect(await serving()).toEqual([false, true]);
    model.put(rolloutViews.rolling);
    expect(await serving()).toEqual([false, false]);
  });

  test('what drifted is in trouble', async () => {
    model.put(rolloutViews.drifted);
    const { body } = await ask('/api/v1/services/stats/overview');
    expect(body.troubles).toContainEqual({ service: 'weather', message: 'What weather-aaaaaaaa offers changed without a commit.' });
  });

  test('events of a service that never was are not found; those of one that has gone are', async () => {
    expect(await ask('/api/v1/events?service=nobody')).toMatchObject({ status: 404, body: { detail: 'There is no service "nobody".' } });
    model.happen({ service: 'gone' });
    expect((await ask('/api/v1/events?service=gone')).body.items).toHaveLength(1);
  });

  test('the OpenAPI document lists every route and answers 3.1', async () => {
    const { body } = await ask('/api/v1/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toContain('/api/v1/services/{name}/revisions');
    expect(body.paths['/api/v1/services'].get.responses['200'].content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/ServiceList',
    });
    expect(Object.keys(body.components.schemas)).toContain('Problem');
    expect(Object.values(body.paths as object).flatMap((path) => Object.keys(path as object))).not.toContain('post');
  });

  test('probes: alive always, ready once the host is connected and every source was read', async () => {
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
    model.facts = { ...model.facts, hostConnected: false };
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: { ready: false } });
    expect((await ask('/healthz')).status).toBe(200);
  });

  test('metrics carry states, calls and a whole histogram', async () => {
    const { text, headers } = await ask('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toContain('fairlead_services{state="Active"} 1');
    expect(text).toContain('fairlead_calls_total{service="files",revision="aaaaaaaa"} 12');
    expect(text).toContain('fairlead_call_duration_seconds_bucket{service="files",revision="aaaaaaaa",le="0.005"} 9');
    expect(text).toContain('fairlead_call_duration_seconds_bucket{service="files",revision="aaaaaaaa",le="+Inf"} 12');
    expect(text).toContain('fairlead_call_duration_seconds_count{service="files",revision="aaaaaaaa"} 12');
    expect((await ask('/metrics')).text.match(/fairlead_calls_total\{.*} (\d+)/)![1]).toBe('12');
    const bounds = [...text.matchAll(/duration_seconds_bucket\{service="files",revision="aaaaaaaa",le="([^"]+)"}/g)].map(([, le]) => le);
    expect(bounds.join(' ')).toBe('0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10 20 50 +Inf');
  });
});

describe('filters and pages', () => {
  const names = async (query: string): Promise<string[]> =>
    (await ask(`/api/v1/services?${query}`)).body.items.map((item: { metadata: { name: string } }) => item.metadata.name);

  test.each([
    ['state=Active', ['files']],
    ['state=active,error', ['broken', 'files']],
    ['health=HEALTHY', ['files']],
    ['type=server', ['clock', 'files']],
    ['type=remote', []],
    ['tag=time', ['clock']],
    ['label=team%3Dplatform', ['clock', 'files']],
    ['label=team!%3Dplatform', ['broken']],
    ['label=!team', ['broken']],
    ['q=CLOCK', ['clock']],
    ['state=Active&tag=time', []],
  ])('?%s', async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  test('pages follow each other and miss nothing that stays, though an item goes between them', async () => {
    const first = (await ask('/api/v1/services?limit=1')).body;
    expect(first.items[0].metadata.name).toBe('broken');
    model.change('broken', null);
    const second = (await ask(`/api/v1/services?limit=1&continue=${first.metadata.continue}`)).body;
    expect(second.items[0].metadata.name).toBe('clock');
    const third = (await ask(`/api/v1/services?limit=1&continue=${second.metadata.continue}`)).body;
    expect([third.items[0].metadata.name, third.metadata.continue]).toEqual(['files', null]);
  });

  test('of things of services, too, when the name of one begins with that of another', async () => {
    const { services } = model;
    const files = services().find(({ record }) => record.service === 'files')!;
    model.services = () => [files, { ...files, record: { ...files.record, service: 'files-archive' } }];
    const all: string[] = [];
    for (let next = ''; ;) {
      const { items, metadata } = (await ask(`/api/v1/tools?limit=1${next}`)).body;
      all.push(...items.map((item: { metadata: { service: string; name: string } }) => `${item.metadata.service} ${item.metadata.name}`));
      if (metadata.continue === null) break;
      next = `&continue=${metadata.continue}`;
    }
    expect(all).toEqual(['files read_file', 'files list_directory', 'files-archive read_file', 'files-archive list_directory']);
  });
});

describe('what is refused', () => {
  test.each([
    ['/api/v1/services?limit=-1', 400, 'Usage'],
    ['/api/v1/services?limit=0', 400, 'Usage'],
    ['/api/v1/services?limit=1001', 400, 'Usage'],
    ['/api/v1/services?limit=many', 400, 'Usage'],
    ['/api/v1/services?continue=nonsense', 400, 'Usage'],
    ['/api/v1/services?stat=Active', 400, 'Usage'],
    ['/api/v1/services?label=a%3D%3D%3Db', 400, 'Usage'],
    ['/api/v1/services/nobody', 404, 'NotFound'],
    ['/api/v1/services/nobody/tools', 404, 'NotFound'],
    ['/api/v1/services/nobody/events', 404, 'NotFound'],
    ['/api/v1/instances?service=nobody', 404, 'NotFound'],
    ['/api/v1/sources?name=nobody', 404, 'NotFound'],
    ['/api/v1/services/..%2f..%2f..%2fetc%2fpasswd', 404, 'NotFound'],
    ['/api/v1/services/%2e%2e/%2e%2e/etc/passwd', 404, 'NotFound'],
    ['/../../etc/passwd', 404, 'NotFound'],
    ['/api/v1/services/__proto__', 404, 'NotFound'],
    ['/api/v1/services/%zz', 400, 'Usage'],
    ['/nowhere', 404, 'NotFound'],
  ])('%s is %i %s', async (path, status, code) => {
    const answer = await ask(path);
    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expectShape('Problem', answer.body);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s is 405 everywhere and says how changes are made', async (method) => {
    for (const path of ['/api/v1/services', '/api/v1/services/files', '/nowhere', '/metrics']) {
      const answer = await ask(path, { method, headers: { 'content-type': 'application/json', 'content-length': '1' }, body: '{' });
      expect(answer).toMatchObject({ status: 405, body: { code: 'ReadOnly' } });
      expect(answer.headers['allow']).toBe('GET, HEAD');
      expect(answer.body.next).toContain('manifest');
    }
  });

  test('a body of 100 MB is answered before it is read', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST /api/v1/services HTTP/1.1\r\nhost: localhost\r\ncontent-length: 104857600\r\n\r\nonly the beginning');
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 405 .*"code":"ReadOnly"/s);
  });

  test('a foreign Host or Origin is 403; loopback by each of its names is not, nor a Host that is an address', async () => {
    expect(await ask('/api/v1/services', { headers: { host: 'evil.example' } })).toMatchObject({
      status: 403,
      body: { code: 'ForeignHost' },
    });
    expect((await ask('/healthz', { headers: { host: 'evil.example:7401' } })).status).toBe(403);
    expect((await ask('/api/v1/services', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await ask('/api/v1/services', { headers: { origin: 'null' } })).status).toBe(403);
    expect((await ask('/api/v1/services', { headers: { origin: 'http://192.168.1.7' } })).status).toBe(403);
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:7401', '192.168.1.7:7401'])
      expect((await ask('/healthz', { headers: { host } })).status).toBe(200);
  });

  test('headers that do not arrive in time are 408', async () => {
    await api.close();
    await start({ headersTimeoutMs: 100 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /api/v1/services HTTP/1.1\r\nhost: loc');
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 408 .*"code":"RequestTooSlow"/s);
  });

  test('more streams than there is room for are 503 while probes still answer', async () => {
    await api.close();
    await start({ maxStreams: 1, maxRequests: 1 });
    const stream = await openStream('/api/v1/events');
    expect(await ask('/api/v1/services')).toMatchObject({ status: 503, body: { code: 'Overloaded' } });
    expect((await ask('/healthz')).status).toBe(200);
    stream.close();
  });

  test('a port in use is PortTaken', async () => {
    const second = createStatusApi({ readModel: model, host: '127.0.0.1', port: Number(new URL(url).port), toolNames: fakeToolNames });
    await expect(second.listen()).rejects.toMatchObject({ code: 'PortTaken' });
    await second.close();
  });
});

describe('streams', () => {
  test('Events arrive once each, from Last-Event-ID on, then as they happen', async () => {
    for (const reason of ['One', 'Two', 'Three']) model.happen({ reason });
    const stream = await openStream('/api/v1/events', { 'last-event-id': '1' });
    expect(await stream.next()).toMatchObject({ id: '2', event: 'event', data: { spec: { reason: 'Two' } } });
    expect(await stream.next()).toMatchObject({ id: '3' });
    model.happen({ reason: 'Four' });
    expect(await stream.next()).toMatchObject({ id: '4', data: { kind: 'Event', spec: { reason: 'Four' } } });
    stream.close();
  });

  test('from a Last-Event-ID of another database on: a gap is told, and what happens arrives', async () => {
    model.happen({ reason: 'One' });
    const stream = await openStream('/api/v1/events', { 'last-event-id': '99' });
    expect(await stream.next()).toMatchObject({ event: 'gap', data: { after: 99, before: 2 } });
    model.happen({ reason: 'Two' });
    expect(await stream.next()).toMatchObject({ id: '2', event: 'event', data: { spec: { reason: 'Two' } } });
    stream.close();
  });

  test('without Last-Event-ID only what happens from now on, and of one service when asked', async () => {
    model.happen({ reason: 'Before' });
    const stream = await openStream('/api/v1/services/clock/events');
    model.happen({ reason: 'Other' });
    model.happen({ reason: 'Mine', service: 'clock' });
    expect(await stream.next()).toMatchObject({ id: '3', data: { spec: { reason: 'Mine' } } });
    stream.close();
  });

  test('changes of services: the resource, filtered, and the name of one that went', async () => {
    const stream = await openStream('/api/v1/services?state=Error,Active');
    expect(await stream.next()).toMatchObject({ event: 'open' });
    model.change('clock', { health: 'DOWN' });
    model.change('files', { health: 'DEGRADED' });
    expect(await stream.next()).toMatchObject({
      event: 'change',
      data: { metadata: { name: 'files' }, status: { health: 'DEGRADED', stable: filesStable.name } },
    });
    model.change('broken', null);
    expect(await stream.next()).toMatchObject({ event: 'removed', data: { name: 'broken' } });
    stream.close();
  });
});

function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

/** A stream that has begun: `next()` resolves with each message in turn. */
function openStream(path: string, headers: Record<string, string> = {}) {
  type Message = { id: string | undefined; event: string | undefined; data: unknown };
  const arrived: Message[] = [];
  const waiting: ((message: Message) => void)[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      const message = { id, event, data: JSON.parse(data) as unknown };
      const taker = waiting.shift();
      if (taker) taker(message);
      else arrived.push(message);
    },
  });
  return new Promise<{ next(): Promise<Message>; close(): void }>((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { headers: { accept: 'text/event-stream', ...headers }, agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (chunk: string) => parser.feed(chunk));
      response.on('error', () => {});
      response.once('data', () =>
        resolve({
          next: () => (arrived.length > 0 ? Promise.resolve(arrived.shift()!) : new Promise((take) => waiting.push(take))),
          close: () => outgoing.destroy(),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
