/** The webhook listener over HTTP: who is let in, what makes a Source look, and what hostile deliveries get. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHookServer, type Hook, type HookServer, type HookServerOptions } from '../../src/hooks/server.ts';
import type { Clock } from '../../src/ports/clock.ts';

const secret = 'between us';
let server: HookServer;
let url: string;
let elapsedMs: number;
let looks: Record<string, number>;
let problems: string[];
let underWay: Promise<void> | null;
let looked: () => void;

const clock: Clock = { now: () => 1_800_000_000_000, elapsedMs: () => elapsedMs, after: () => () => {} };

function hook(name: string, more: Partial<Hook> = {}): [string, Hook] {
  const refresh = async (): Promise<void> => {
    looks[name] = (looks[name] ?? 0) + 1;
    looked();
    await underWay;
  };
  return [name, { forge: 'github', ref: { branch: 'main' }, secret: async () => secret, refresh, ...more }];
}

async function start(hooks: readonly [string, Hook][], more: Partial<HookServerOptions> = {}): Promise<void> {
  const onProblem = (message: string, error: unknown): void => void problems.push(`${message}: ${String(error)}`);
  server = createHookServer({ host: '127.0.0.1', port: 0, hooks: new Map(hooks), clock, onProblem, ...more });
  ({ url } = await server.listen());
}

beforeEach(() => {
  [elapsedMs, looks, problems, underWay, looked] = [0, {}, [], null, () => {}];
});
afterEach(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

function send(path: string, body: string, headers: Record<string, string> = {}, method = 'POST'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: new URL(url).port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

let deliveries = 0;
const github = (body: string, event = 'push', id = `delivery-${++deliveries}`): Record<string, string> => ({
  'content-type': 'application/json',
  'x-github-event': event,
  'x-github-delivery': id,
  'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
});
const push = (ref = 'refs/heads/main'): string => JSON.stringify({ ref, before: '0', after: '1', repository: { name: 'services' } });

describe('a push that is signed', () => {
  test('makes its source look, once, and no other', async () => {
    await start([hook('platform'), hook('other')]);
    const answer = await send('/hooks/platform', push(), github(push()));
    expect(answer).toMatchObject({ status: 202, body: { done: 'refresh' } });
    expect(looks).toEqual({ platform: 1 });
  });

  test('is answered before the look is over, and those that come meanwhile are one more look', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    underWay = promise;
    looked = () => looks['platform'] === 2 && second.resolve();
    await start([hook('platform')]);
    for (let count = 0; count < 20; count += 1) expect((await send('/hooks/platform', push(), github(push()))).status).toBe(202);
    expect(looks).toEqual({ platform: 1 });
    resolve();
    await second.promise;
    await server.close();
    expect(looks).toEqual({ platform: 2 });
  });

  test('may come as a form', async () => {
    await start([hook('platform')]);
    const body = new URLSearchParams({ payload: push() }).toString();
    const headers = { ...github(body), 'content-type': 'application/x-www-form-urlencoded' };
    expect((await send('/hooks/platform', body, headers)).body['done']).toBe('refresh');
  });

  test.each([
    ['gitlab', { 'x-gitlab-token': secret, 'x-gitlab-event': 'Push Hook' }, { object_kind: 'push', ref: 'refs/heads/main' }],
    ['gitlab', { 'x-gitlab-token': secret, 'x-gitlab-event': 'System Hook' }, { event_name: 'push', ref: 'refs/heads/main' }],
  ] as const)('of %s in its own words', async (forge, headers, payload) => {
    await start([hook('platform', { forge })]);
    expect((await send('/hooks/platform', JSON.stringify(payload), headers)).body['done']).toBe('refresh');
  });

  test.each(['x-gitea', 'x-forgejo'])('of %s in its own headers', async (prefix) => {
    await start([hook('platform', { forge: 'gitea' })]);
    const hex = createHmac('sha256', secret).update(push()).digest('hex');
    const headers = { [`${prefix}-event`]: 'push', [`${prefix}-delivery`]: 'a', [`${prefix}-signature`]: hex };
    expect((await send('/hooks/platform', push(), headers)).body['done']).toBe('refresh');
  });

  test('whose look fails is told to the log, and the next one is looked at', async () => {
    let fails = true;
    const done = Promise.withResolvers<void>();
    const refresh = async (): Promise<void> => {
      if (!fails) return done.resolve();
      fails = false;
      throw new Error('server down');
    };
    await start([hook('platform', { refresh })]);
    await send('/hooks/platform', push(), github(push()));
    await send('/hooks/platform', push(), github(push()));
    await done.promise;
    expect(problems.join()).toContain('server down');
  });
});

describe('nothing is done about', () => {
  test.each([
    ['another branch', { branch: 'main' }, 'push', push('refs/heads/feature')],
    ['a tag where a branch is followed', { branch: 'main' }, 'push', push('refs/tags/main')],
    ['a branch where versions are followed', { semver: '>=1' }, 'push', push()],
    ['another tag', { tag: 'v1' }, 'push', push('refs/tags/v2')],
    ['any push where one commit is followed', { commit: '0'.repeat(40) }, 'push', push()],
    ['another event', { branch: 'main' }, 'issues', push()],
    ['a payload without a ref', { branch: 'main' }, 'push', '{}'],
    ['a payload that is no object', { branch: 'main' }, 'push', '[1]'],
    ['a ref that is no text', { branch: 'main' }, 'push', '{"ref": {"toString": 1}}'],
  ] as const)('%s: 202', async (_what, ref, event, body) => {
    await start([hook('platform', { ref })]);
    expect(await send('/hooks/platform', body, github(body, event))).toMatchObject({ status: 202, body: { done: 'nothing' } });
    expect(looks).toEqual({});
  });

  test('a ping: 200', async () => {
    await start([hook('platform')]);
    const body = '{"zen": "Keep it logically awesome."}';
    expect(await send('/hooks/platform', body, github(body, 'ping'))).toMatchObject({ status: 200, body: { because: 'ping' } });
    expect(looks).toEqual({});
  });

  test('a delivery that was taken before: 202, for a day', async () => {
    await start([hook('platform')]);
    const headers = github(push(), 'push', 'once');
    expect((await send('/hooks/platform', push(), headers)).body['done']).toBe('refresh');
    expect(await send('/hooks/platform', push(), headers)).toMatchObject({ status: 202, body: { done: 'nothing' } });
    expect(looks).toEqual({ platform: 1 });
    elapsedMs = 86_400_000;
    expect((await send('/hooks/platform', push(), headers)).body['done']).toBe('refresh');
  });

  test('a delivery without an id whose body was taken before', async () => {
    await start([hook('platform', { forge: 'gitlab' })]);
    const body = JSON.stringify({ object_kind: 'push', ref: 'refs/heads/main', after: '1' });
    const results = [body, body, body.replace('1', '2')].map(async (text) => send('/hooks/platform', text, { 'x-gitlab-token': secret }));
    const done = (await Promise.all(results)).map((answer) => answer.body['done']);
    expect(done.sort()).toEqual(['nothing', 'refresh', 'refresh']);
  });
});

test('tags are told as pushes and as things made; versions follow all of them', async () => {
  await start([hook('v1', { ref: { tag: 'v1' } }), hook('any', { ref: { semver: '*' } })]);
  const made = JSON.stringify({ ref: 'v1', ref_type: 'tag' });
  await send('/hooks/v1', made, github(made, 'create'));
  await send('/hooks/any', push('refs/tags/v2'), github(push('refs/tags/v2')));
  expect(looks).toEqual({ v1: 1, any: 1 });
});

describe('who cannot prove who they are', () => {
  const wrong = { ...github(push()), 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` };
  const { 'x-hub-signature-256': signature, ...none } = github(push());

  test.each([
    ['no signature', none, push()],
    ['a wrong one', wrong, push()],
    ['the signature of another body', { ...none, 'x-hub-signature-256': signature! }, push('refs/heads/other')],
    ['the signature of the body without its last byte', { ...none, 'x-hub-signature-256': signature! }, `${push()}\n`],
    ['the signature of another forge', { ...none, 'x-gitea-signature': signature!.slice(7) }, push()],
  ])('with %s get 401, and nothing is done', async (_what, headers, body) => {
    await start([hook('platform')]);
    expect(await send('/hooks/platform', body, headers)).toMatchObject({ status: 401, body: { code: 'SignatureRefused' } });
    expect(looks).toEqual({});
  });

  test('do not use up the id of a delivery that is to come', async () => {
    await start([hook('platform')]);
    const good = github(push(), 'push', 'mine');
    await send('/hooks/platform', push(), { ...good, 'x-hub-signature-256': 'sha256=no' });
    expect((await send('/hooks/platform', push(), good)).body['done']).toBe('refresh');
  });

  test('are told in one shape whether the source is there or not', async () => {
    await start([hook('platform')]);
    const [unknown, unsigned] = [await send('/hooks/nowhere', push(), wrong), await send('/hooks/platform', push(), wrong)];
    expect([unknown.status, unsigned.status]).toEqual([404, 401]);
    expect(Object.keys(unknown.body)).toEqual(Object.keys(unsigned.body));
    expect(unknown.headers['content-type']).toBe(unsigned.headers['content-type']);
  });

  test('find no secret that is empty: 503 while there is none, and the log says why', async () => {
    await start([hook('platform', { secret: async () => Promise.reject(new Error('no HOOK_SECRET')) })]);
    const answer = await send('/hooks/platform', push(), github(push()));
    expect(answer).toMatchObject({ status: 503, body: { code: 'SecretUnavailable' } });
    expect(JSON.stringify(answer.body)).not.toContain('HOOK_SECRET');
    expect(problems).toHaveLength(1);
  });
});

describe('what is no delivery', () => {
  test.each([
    ['GET', '/hooks/platform', 405],
    ['PUT', '/hooks/platform', 405],
    ['DELETE', '/hooks/platform', 405],
    ['POST', '/', 404],
    ['POST', '/hooks', 404],
    ['POST', '/hooks/platform/', 404],
    ['POST', '/hooks/Platform', 404],
    ['POST', '/hooks/constructor', 404],
    ['POST', '/hooks/%70latform', 404],
    ['POST', '/hooks/..%2fhooks%2fplatform', 404],
    ['POST', '/api/v1/services', 404],
  ])('%s %s gets %i', async (method, path, status) => {
    await start([hook('platform')]);
    const body = method === 'GET' || method === 'DELETE' ? '' : push();
    const answer = await send(path, body, github(body), method);
    expect(answer.status).toBe(status);
    expect(answer.headers['allow']).toBe(status === 405 ? 'POST' : undefined);
    expect(looks).toEqual({});
  });

  test('JSON that is none gets 400, once its signature was found good', async () => {
    await start([hook('platform')]);
    expect(await send('/hooks/platform', '{"ref":', github('{"ref":'))).toMatchObject({ status: 400, body: { code: 'Usage' } });
  });

  test('a body of 100 MB gets 413 before any of it is sent', async () => {
    await start([hook('platform')]);
    expect(await announce(['content-length: 100000000'])).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a body that does not say how long it is gets 413 once it is too long', async () => {
    await start([hook('platform')], { maxBodyBytes: 1_000 });
    const chunk = `${(600).toString(16)}\r\n${'x'.repeat(600)}\r\n`;
    expect(await announce(['transfer-encoding: chunked'], chunk + chunk)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('headers that take their time get 408', async () => {
    await start([hook('platform')], { headersTimeoutMs: 100 });
    expect(await raw('POST /hooks/platform HTTP/1.1\r\nhost: here\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('a body that takes its time gets 408', async () => {
    await start([hook('platform')], { headersTimeoutMs: 100 });
    expect(await announce(['content-length: 1000'], 'x')).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('more at once than are read get 503', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const asked = Promise.withResolvers<void>();
    const waits = async (): Promise<string> => {
      asked.resolve();
      return promise;
    };
    await start([hook('platform', { secret: waits })], { maxRequests: 1 });
    const first = send('/hooks/platform', push(), github(push()));
    await asked.promise;
    expect((await send('/hooks/platform', push(), github(push()))).status).toBe(503);
    resolve(secret);
    expect((await first).status).toBe(202);
    expect((await send('/hooks/platform', push(), github(push()))).status).toBe(202);
  });
});

test('a flood of connections takes no more of them than there may be, and who comes after it is heard', async () => {
  await start([hook('platform')], { maxConnections: 20 });
  const port = Number(new URL(url).port);
  const opened = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  let closed = 0;
  const closings = opened.map((socket) => once(socket.resume(), 'close').then(() => (closed += 1)));
  await expect.poll(() => closed).toBe(180);
  for (const socket of opened) socket.destroy();
  await Promise.all(closings);
  expect((await send('/hooks/platform', push(), github(push()))).status).toBe(202);
  expect(looks).toEqual({ platform: 1 });
});

test('a port that is taken is told with what to do', async () => {
  await start([hook('platform')]);
  const second = createHookServer({ host: '127.0.0.1', port: Number(new URL(url).port), hooks: new Map(), clock, onProblem: () => {} });
  await expect(second.listen()).rejects.toMatchObject({ code: 'PortTaken' });
  await second.close();
});

/** What is answered to a signed-looking request of which no more than this is sent. */
function announce(headers: readonly string[], body = ''): Promise<string> {
  const lines = ['POST /hooks/platform HTTP/1.1', 'host: here', 'x-hub-signature-256: sha256=0', ...headers];
  return raw(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.on('close', () => resolve(answer));
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
  });
}
