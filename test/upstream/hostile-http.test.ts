/** What hostile services over HTTP get: a typed error for the call it concerns, bounded in size and time. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connectUpstream } from '../../src/upstream/connect.ts';
import type { Upstream, UpstreamSession } from '../../src/ports/upstream.ts';
import { startHostile, type Hostile } from '../fixtures/hostile/server.ts';
import { client, codeOf, Heard, request, until } from './channel.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(mode: string, headers: Record<string, string> = {}): Promise<{ server: Hostile; upstream: Upstream }> {
  const server = await startHostile(mode);
  const upstream = connectUpstream({ kind: 'http', url: server.url, headers }, { instanceId: 'hostile-0-1', maxMessageBytes: 1_048_576 });
  stops.push(server.close, () => upstream.close());
  return { server, upstream };
}

async function session(mode: string): Promise<{ server: Hostile; upstream: Upstream; session: UpstreamSession; heard: Heard }> {
  const { server, upstream } = await start(mode);
  await upstream.connect(20_000);
  const heard = new Heard();
  return { server, upstream, heard, session: await upstream.openSession(client(), heard) };
}

const echo = (value: unknown) => request('tools/call', { name: 'echo', arguments: { value } });
const slow = request('tools/call', { name: 'slow' });
const in10s = { timeoutMs: 10_000 };

describe('a handshake over HTTP', () => {
  it.each([
    ['html', 'HandshakeFailed'],
    ['redirect', 'HandshakeFailed'],
    ['unauthorized', 'HandshakeFailed'],
    ['broken', 'HandshakeFailed'],
    ['bad-json', 'HandshakeFailed'],
    ['hangup', 'HandshakeFailed'],
    ['future-version', 'HandshakeFailed'],
  ])('with a service of mode %s ends with %s', async (mode, code) => {
    const { server, upstream } = await start(mode);
    expect(await codeOf(upstream.connect(20_000))).toBe(code);
    // One question in each era, no redirect followed, nothing tried again.
    expect(server.seen.filter((line) => line.startsWith('POST'))).toEqual(['POST server/discover', 'POST initialize']);
    expect(server.sessions.size).toBe(0);
  });

  it('with a service that never answers ends with HandshakeTimeout', async () => {
    const { upstream } = await start('never');
    expect(await codeOf(upstream.connect(400))).toBe('HandshakeTimeout');
  });

  it('with nothing that listens ends with ConnectFailed', async () => {
    const { server, upstream } = await start('');
    await server.close();
    stops.splice(0, 1);
    expect(await codeOf(upstream.connect(20_000))).toBe('ConnectFailed');
  });

  it('with a certificate that nobody vouches for ends with ConnectFailed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-cert-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', ...subject], { stdio: 'ignore' });
    const server = await startHostile('', createServer({ key: readFileSync(key), cert: readFileSync(cert) }));
    rmSync(folder, { recursive: true });
    const url = server.url.replace('http:', 'https:');
    const upstream = connectUpstream({ kind: 'http', url, headers: {} }, { instanceId: 'tls-0-1', maxMessageBytes: 1_048_576 });
    stops.push(server.close, () => upstream.close());
    expect(await codeOf(upstream.connect(20_000))).toBe('ConnectFailed');
    expect(server.seen).toEqual([]);
  });

  it('sends the headers of the manifest with every request, and never shows them', async () => {
    const { server, upstream } = await start('redirect', { authorization: 'Bearer s3cret-token' });
    await expect(upstream.connect(20_000)).rejects.not.toThrow(/s3cret/);
    expect(server.headers.every(({ authorization }) => authorization === 'Bearer s3cret-token')).toBe(true);
  });
});

describe('a call over HTTP', () => {
  it.each([
    ['loris', 'CallTimedOut', 500],
    ['huge-json', 'MessageTooLarge', 20_000],
    ['huge-event', 'MessageTooLarge', 20_000],
    ['no-answer', 'UpstreamLost', 20_000],
    ['other-answer', 'UpstreamMalformed', 20_000],
    ['cut', 'UpstreamLost', 20_000],
    ['unavailable', 'UpstreamLost', 20_000],
    ['wrong-id', 'UpstreamMalformed', 20_000],
    ['text-id', 'UpstreamMalformed', 20_000],
    ['bad-result', 'UpstreamMalformed', 20_000],
    ['broken-json', 'UpstreamMalformed', 20_000],
  ])('to a service of mode %s ends with %s, and the session goes on', async (mode, code, timeoutMs) => {
    const { session: own, heard } = await session(mode);
    expect(await codeOf(own.request(echo(1), { timeoutMs }))).toBe(code);
    expect(await own.request(request('ping'), in10s)).toBe('{"jsonrpc":"2.0","id":"caller-1","result":{}}');
    expect(heard.closedWith).toBeNull();
  });

  it('that is refused with an error of the service is answered with it', async () => {
    const { session: own } = await session('own-error');
    const answer = JSON.parse(await own.request(echo(1), in10s)) as { id: unknown; error: { code: number } };
    expect(answer).toMatchObject({ id: 'caller-1', error: { code: -32602 } });
  });

  it('that is answered over many lines comes on one', async () => {
    const { session: own } = await session('pretty');
    const answer = await own.request(echo('a'), in10s);
    expect(answer).not.toContain('\n');
    expect(JSON.parse(answer)).toMatchObject({ id: 'caller-1', result: { content: [{ type: 'text', text: '{"value":"a"}' }] } });
  });

  it('whose service lets its caller poll waits as long as it is told and comes back for the answer', async () => {
    const { server, session: own } = await session('polling');
    const detached: (number | null)[] = [];
    const answer = await own.request(echo('later'), { ...in10s, onDetached: (retryMs) => detached.push(retryMs) });
    expect(answer).toContain('later');
    expect(detached).toEqual([30]);
    const resumed = server.headers.filter((headers) => headers['last-event-id'] !== undefined);
    expect(resumed).toHaveLength(1);
    expect(resumed[0]).toMatchObject({ 'mcp-session-id': 'session-2', 'mcp-protocol-version': '2025-11-25' });
  });

  it('whose stream breaks after an event with an id is fetched from there on', async () => {
    const { server, session: own } = await session('cut-resumable');
    expect(await own.request(echo('resumed'), in10s)).toContain('resumed');
    expect(server.headers.map((headers) => headers['last-event-id']).filter((id) => id !== undefined)).toEqual(['half-way']);
  });

  it('that is cancelled tells the service so, and closes its connection', async () => {
    const { server, session: own } = await session('');
    const controller = new AbortController();
    const call = codeOf(own.request(slow, { ...in10s, signal: controller.signal }));
    await until(() => server.seen.includes('POST tools/call'));
    controller.abort();
    expect(await call).toBe('Cancelled');
    await until(() => server.seen.includes('POST notifications/cancelled'));
  });
});

describe('a session over HTTP', () => {
  it.each([['lost-404'], ['lost-400']])('that the service has forgotten (%s) is typed as lost, with the call not taken', async (mode) => {
    const { server, upstream, session: own, heard } = await session(mode);
    const inFlight = own.request(slow, in10s);
    const failed = inFlight.catch((error: unknown) => error);
    await until(() => server.seen.filter((line) => line === 'POST tools/call').length === 1);
    server.forget();
    await expect(own.request(echo(1), in10s)).rejects.toMatchObject({ code: 'UpstreamLost', data: { written: false, sessionLost: true } });
    expect(await failed).toMatchObject({ code: 'UpstreamLost', data: { written: true, sessionLost: true } });
    expect(heard.closedWith).not.toBeNull();
    const another = await upstream.openSession(client(), new Heard());
    expect(await another.request(echo(2), in10s)).toContain('2');
  });

  it('whose own stream is refused with 404 is known as lost before anybody calls', async () => {
    const { server, heard } = await session('');
    await until(() => server.streams.size === 2);
    server.forget();
    for (const stream of server.streams) stream.end('retry: 10\n\n');
    await until(() => heard.closedWith !== null);
    expect(server.seen).not.toContain('POST tools/call');
  });

  it('whose service ends every stream at once is not made to hammer it', async () => {
    const { server, session: own } = await session('restless');
    for (let i = 0; i < 50; i++) await own.request(echo(i), in10s);
    expect(server.seen.filter((line) => line === 'GET').length).toBeLessThan(10);
  });

  it('of the host itself is opened again, once, unseen by those who ask', async () => {
    const { server, upstream } = await start('lost-404');
    await upstream.connect(20_000);
    server.forget();
    const answers = await Promise.all([1, 2, 3].map((value) => upstream.own.request(echo(value), in10s)));
    expect(answers.map((text) => text.includes('value'))).toEqual([true, true, true]);
    expect(server.seen.filter((line) => line === 'POST initialize')).toHaveLength(2);
    expect(server.sessions.size).toBe(1);
  });

  it('is not needed by a service that has none', async () => {
    const { session: own, server } = await session('no-sessions');
    expect(await own.request(echo(1), in10s)).toContain('value');
    await own.close();
    expect(server.seen).not.toContain('DELETE');
  });

  it('does without a stream of its own where the service offers none', async () => {
    const { session: own, server } = await session('no-stream');
    expect(await own.request(echo(1), in10s)).toContain('value');
    expect(server.seen.filter((line) => line === 'GET')).toHaveLength(2);
  });

  it('is deleted when it is closed, and its stream ends', async () => {
    const { server, upstream, session: own, heard } = await session('');
    await until(() => server.streams.size === 2);
    await own.close();
    expect(server.sessions.size).toBe(1);
    await until(() => server.streams.size === 1);
    expect(heard.closedWith).toBeNull();
    await upstream.close();
    expect(server.sessions.size).toBe(0);
    await until(() => server.sockets.size === 0);
  });

  it('says so to its client when the whole upstream is closed', async () => {
    const { upstream, heard, session: own } = await session('');
    const call = codeOf(own.request(slow, in10s));
    await upstream.close();
    expect(await call).toBe('UpstreamLost');
    expect(heard.closedWith).not.toBeNull();
    expect(await codeOf(upstream.openSession(client(), new Heard()))).toBe('UpstreamLost');
  });

  it('hears a storm of list_changed a few times, not thousands of times', async () => {
    const { upstream } = await start('storm');
    let changes = 0;
    upstream.onListChanged(() => changes++);
    await upstream.connect(20_000);
    await until(() => changes > 0);
    expect(changes).toBeLessThan(5);
  });
});

describe('HTTP+SSE of 2024-11-05', () => {
  it.each([
    ['sse-foreign', 'HandshakeFailed', 20_000],
    ['sse-no-post', 'HandshakeFailed', 20_000],
    ['sse-ends', 'HandshakeFailed', 20_000],
    ['html', 'HandshakeFailed', 20_000],
    ['redirect', 'HandshakeFailed', 20_000],
    ['sse-silent', 'HandshakeTimeout', 300],
  ])('with a service of mode %s ends with %s and leaves nothing open', async (mode, code, timeoutMs) => {
    const server = await startHostile(mode);
    const url = server.url.replace('/mcp', '/sse');
    const upstream = connectUpstream(
      { kind: 'sse', url, headers: { authorization: 'Bearer s3cret-token' } },
      { instanceId: 'sse-0-1', maxMessageBytes: 1_048_576 },
    );
    stops.push(server.close, () => upstream.close());
    expect(await codeOf(upstream.connect(timeoutMs))).toBe(code);
    await until(() => server.streams.size === 0);
  });
});
