/** The rows of the trust page that concern the gateway: what bad input and hostile clients get. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pathOf } from '../../src/gateway/listener.ts';
import { Client, FakeUpstream, instance, post, result, startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

interface Raw {
  readonly status: number;
  readonly body: string;
}

/** A request that fetch would not send: any header, any path. */
function raw(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string; finish?: boolean } = {},
): Promise<Raw> {
  const { hostname, port } = new URL(world.url);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ hostname, port, path, method: options.method ?? 'GET', headers: options.headers ?? {} }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        outgoing.destroy();
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    outgoing.on('error', reject);
    if (options.body !== undefined) outgoing.write(options.body);
    if (options.finish === false) outgoing.flushHeaders();
    else outgoing.end();
  });
}

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

describe('bad messages', () => {
  it.each(['{', '', 'nothing', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\x"}}'])(
    '%j is no JSON: 400, -32700',
    async (body) => {
      const reply = await post(`${world.url}/mcp`, body);
      expect([reply.status, reply.messages[0]?.['error'].code]).toEqual([400, -32_700]);
    },
  );

  it.each([
    '{"id":1,"method":"ping"}',
    '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
    '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}',
    '7',
    '[]',
  ])('%s is no JSON-RPC message: 400, -32600', async (body) => {
    const reply = await post(`${world.url}/mcp`, body);
    expect([reply.status, reply.messages[0]?.['error'].code]).toEqual([400, -32_600]);
  });

  it('a body that is no JSON by its own word is not read: 415', async () => {
    expect((await post(`${world.url}/mcp`, '{}', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('bytes that are not UTF-8: 400', async () => {
    const body = Buffer.from([0x7b, 0xff, 0x7d]);
    expect((await fetch(`${world.url}/mcp`, { method: 'POST', headers: json, body })).status).toBe(400);
  });
});

describe('too much', () => {
  it('a body of 100 MB is refused by its length, before any of it is read', async () => {
    const headers = { ...json, 'content-length': String(100 << 20) };
    expect((await raw('/mcp', { method: 'POST', headers, finish: false })).status).toBe(413);
  });

  it('a body of unsaid length is refused when it has become too large', async () => {
    await world.close();
    world = await startWorld({ maxBodyBytes: 1_000 });
    const headers = { ...json, 'transfer-encoding': 'chunked' };
    expect((await raw('/mcp', { method: 'POST', headers, body: 'x'.repeat(2_000), finish: false })).status).toBe(413);
  });

  it('headers that never end: 408', async () => {
    await world.close();
    world = await startWorld({ limits: { headersTimeoutMs: 50 } });
    const { hostname, port } = new URL(world.url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: '));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('a flood is answered with 503 while health still answers, and is over when it is over', async () => {
    await world.close();
    world = await startWorld({ limits: { maxRequests: 3 } });
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let arrived = 0;
    let all = (): void => undefined;
    const allArrived = new Promise<void>((resolve) => (all = resolve));
    const upstream = new FakeUpstream('i1', {
      answer: async (heard) => {
        if (++arrived === 3) all();
        await gate;
        return result(heard, '{"content":[]}');
      },
    });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(`${world.url}/services/files/mcp`);
    const calls = [client.call('echo'), client.call('echo'), client.call('echo')];
    await allArrived;
    const refused = await raw('/mcp', { method: 'POST', headers: json, body: '{}' });
    expect(refused.status).toBe(503);
    expect((await raw('/healthz')).status).toBe(200);
    release();
    await Promise.all(calls);
    expect((await client.request('ping')).status).toBe(200);
  });
});

describe('who may call', () => {
  it.each(['evil.example.com', 'evil.example.com:7400', '127.0.0.1.evil.example.com', 'localhost.evil.example.com', '[::1'])(
    'a Host that is not ours: 403 (%s)',
    async (host) => {
      expect((await raw('/mcp', { method: 'POST', headers: { ...json, host }, body: '{}' })).status).toBe(403);
    },
  );

  it.each(['192.168.1.7:7400', '[fe80::1]:7400', 'LOCALHOST'])('a Host that is an address, or this machine: welcome (%s)', async (host) => {
    expect((await raw('/api/v1/tools', { headers: { host } })).status).toBe(200);
  });

  it.each(['http://192.168.1.7', 'http://evil.example.com', 'https://localhost.evil.example.com', 'null', 'not a url'])(
    'a foreign Origin: 403 (%s)',
    async (origin) => {
      expect((await raw('/mcp', { method: 'POST', headers: { ...json, origin }, body: '{}' })).status).toBe(403);
      expect((await raw('/api/v1/tools', { headers: { origin } })).status).toBe(403);
    },
  );

  it.each(['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:9'])('an Origin of this machine is welcome (%s)', async (origin) => {
    expect((await raw('/api/v1/tools', { headers: { origin } })).status).toBe(200);
  });

  it('hosts and origins that are allowed by name are welcome', async () => {
    await world.close();
    world = await startWorld({ allowedHosts: ['mcp.example.com'], allowedOrigins: ['https://app.example.com'] });
    const headers = { host: 'mcp.example.com:443', origin: 'https://app.example.com' };
    expect((await raw('/api/v1/tools', { headers })).status).toBe(200);
  });

  it('a request without Host: 403 or 400', async () => {
    const { hostname, port } = new URL(world.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end('GET /api/v1/tools HTTP/1.0\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('end', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 40[03] /);
  });

  it('credentials of a client reach no service', async () => {
    const upstream = new FakeUpstream('i1', { shared: false });
    world.route({ service: 'files' }, instance(upstream));
    const client = await Client.open(`${world.url}/services/files/mcp`);
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo' } };
    await post(client.url, body, { ...client.headers, authorization: 'Bearer secret', cookie: 'a=b' });
    expect(JSON.stringify(upstream.heard[0]?.options.headers ?? {})).toBe('{}');
  });
});

describe('what is not there', () => {
  it.each(['/services/nobody/mcp', '/services/nobody/mcp/', '/', '/mcp/x', '/services//mcp', '/services/files/other', '/toolsets/x/mcp'])(
    '%s: 404',
    async (path) => {
      world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
      expect((await raw(path, { method: 'POST', headers: json, body: '{}' })).status).toBe(404);
    },
  );

  it('is not said of a service before the first Plan has come: 503, to be tried again', async () => {
    const answer = await raw('/services/files/mcp', { method: 'POST', headers: json, body: '{}' });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { data: { code: 'ServiceUnavailable', retryable: true } } });
  });

  it.each([
    '/services/%2e%2e/mcp',
    '/services/..%2ffiles/mcp',
    '/services/files%2fmcp',
    '/services/%252e%252e/mcp',
    '/services/../mcp',
    '/services/files%00/mcp',
    '/services/%zz/mcp',
    '/services/..\\files/mcp',
  ])('traversal %s: 404', async (path) => {
    world.route({ service: 'files' }, instance(new FakeUpstream('i1')));
    expect((await raw(path, { method: 'POST', headers: json, body: '{}' })).status).toBe(404);
  });

  it('a service whose name is not published: 404', async () => {
    world.route({ service: 'files', published: false }, instance(new FakeUpstream('i1')));
    expect((await raw('/services/files/mcp', { method: 'POST', headers: json, body: '{}' })).status).toBe(404);
  });

  it('other methods: 405', async () => {
    expect((await raw('/mcp', { method: 'PUT', headers: json })).status).toBe(405);
  });

  it('keeps an ordinary path as it is', () => {
    expect(pathOf('/services/a-b.c/mcp?x=1')).toEqual(['services', 'a-b.c', 'mcp']);
  });
});

describe('sessions that are not', () => {
  beforeEach(() => world.route({ service: 'files' }, instance(new FakeUpstream('i1'))));

  it('an unknown session: 404, none: 400', async () => {
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    expect((await post(`${world.url}/mcp`, ping, { 'mcp-session-id': 'made-up' })).status).toBe(404);
    expect((await post(`${world.url}/mcp`, ping)).status).toBe(400);
  });

  it('GET without event streams: 406; of an event that never was: 400', async () => {
    const client = await Client.open(`${world.url}/mcp`);
    expect((await raw('/mcp', { headers: { ...client.headers, accept: 'application/json' } })).status).toBe(406);
    const headers = { ...client.headers, accept: 'text/event-stream', 'last-event-id': '1-99' };
    expect((await raw('/mcp', { headers })).status).toBe(400);
  });
});
