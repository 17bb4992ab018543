/** What metrics sources answer, and what is made of it: one number, a status, or an error with a reason that a person understands. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { MetricCheck } from '../../src/model/service.ts';
import { createMetricSource } from '../../src/probes/metrics.ts';

const source = createMetricSource();
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A source that answers every request in this way; resolves with its address. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const says =
  (status: number, body: unknown, type = 'application/json') =>
  (_request: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body));

const limits = { min: null, max: null, timeoutMs: 30_000 };
const query = (url: string, expression = 'up', timeoutMs = 30_000): MetricCheck => ({
  type: 'prometheus',
  name: 'm',
  url,
  query: expression,
  ...limits,
  timeoutMs,
});
const http = (url: string, timeoutMs = 30_000): MetricCheck => ({ type: 'http', name: 'm', url, ...limits, timeoutMs });
const data = (resultType: string, result: unknown) => ({ status: 'success', data: { resultType, result } });
const sample = (value: string) => ({ metric: {}, value: [1_795_274_228.38, value] });

describe('a Prometheus query', () => {
  it('is an instant query below whatever path the source has', async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url!);
      says(200, data('scalar', [1, '2']))(request, response);
    });
    await source.read(query(`${url}/prom/`, 'sum(rate(errors[1m])) > 0'));
    await source.read(query(url));
    expect(asked.map((path) => path.split('?')[0])).toEqual(['/prom/api/v1/query', '/api/v1/query']);
    expect(new URLSearchParams(asked[0]!.split('?')[1]).get('query')).toBe('sum(rate(errors[1m])) > 0');
  });

  it.each([
    ['scalar', data('scalar', [1, '0.25']), 0.25],
    ['vector of one', data('vector', [sample('3')]), 3],
    ['negative number', data('vector', [sample('-1e3')]), -1_000],
  ])('gives the value of a %s', async (_name, body, value) => {
    const url = await serve(says(200, body));
    expect(await source.read(query(url))).toEqual({ value, verdict: null, error: null });
  });

  it.each<[string, number, unknown, string, RegExp]>([
    ['no sample', 200, data('vector', []), 'application/json', /^the query gives no sample$/],
    ['several samples', 200, data('vector', [sample('1'), sample('2')]), 'application/json', /gives 2 samples; one is needed/],
    ['NaN', 200, data('vector', [sample('NaN')]), 'application/json', /the value is NaN/],
    ['infinity', 200, data('scalar', [1, '+Inf']), 'application/json', /the value is \+Inf/],
    ['a sample without a value', 200, data('vector', [{}]), 'application/json', /the value is undefined/],
    ['a matrix', 200, data('matrix', [{ values: [] }]), 'application/json', /the query gives a matrix/],
    ['text', 200, data('string', [1, '1']), 'application/json', /the query gives a string/],
    [
      'a bad query',
      400,
      { status: 'error', errorType: 'bad_data', error: 'parse error: unclosed left parenthesis' },
      'application/json',
      /HTTP 400: "parse error: unclosed/,
    ],
    ['an error of the server', 503, 'no', 'text/plain', /^answered with HTTP 503$/],
    ['a login page', 200, '<html>Please log in</html>', 'text/html', /not an answer of Prometheus \(text\/html\): "<html>Please/],
    ['null', 200, 'null', 'application/json', /not an answer of Prometheus/],
    ['an answer that says it failed', 200, { status: 'error', data: { resultType: 'vector', result: [sample('1')] } }, '', /not an answer/],
  ])('that comes to %s is an error that says so', async (_name, status, body, type, message) => {
    const url = await serve(says(status, body, type));
    const { value, verdict, error } = await source.read(query(url));
    expect([value, verdict]).toEqual([null, null]);
    expect(error).toMatch(message);
  });
});

describe('an HTTP check', () => {
  it.each<[string, number, unknown, object]>([
    ['is yes with 200', 200, 'fine', { value: 1, verdict: 'pass' }],
    ['is yes with 204', 204, '', { value: 1, verdict: 'pass' }],
    ['is yes with JSON that has no number', 200, { value: 'high' }, { value: 1, verdict: 'pass' }],
    ['is yes with JSON that is null', 200, 'null', { value: 1, verdict: 'pass' }],
    ['gives its value to be judged', 200, { value: 0.02 }, { value: 0.02, verdict: null }],
    ['is no with 404', 404, { value: 0.02 }, { value: 0, verdict: 'fail', error: 'answered with HTTP 404' }],
    ['is no with 500', 500, '', { value: 0, verdict: 'fail', error: 'answered with HTTP 500' }],
  ])('%s', async (_name, status, body, expected) => {
    const url = await serve(says(status, body));
    expect(await source.read(http(url))).toEqual({ error: null, ...expected });
  });
});

describe('any source', () => {
  it('that does not answer in time is an error, whether it says nothing or never ends', async () => {
    const silent = await serve(() => {});
    const endless = await serve((_request, response) => void response.writeHead(200).write('{'));
    for (const check of [query(silent, 'up', 100), http(silent, 100), http(endless, 100)])
      expect(await source.read(check)).toEqual({ value: null, verdict: null, error: 'no answer within 100 ms' });
  });

  it('that answers with more than 1 MiB is an error, however it is sent', async () => {
    const at = await serve((request, response) => {
      if (request.url === '/chunked') response.write('x');
      response.end('x'.repeat(2 << 20));
    });
    for (const url of [at, `${at}/chunked`]) expect((await source.read(http(url))).error).toBe('the answer is larger than 1 MiB');
  });

  it('that redirects is not followed', async () => {
    let followed = 0;
    const url = await serve((request, response) => {
      if (request.url === '/elsewhere') followed += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect((await source.read(query(url))).error).toMatch(/^answered with HTTP 302, a redirect, which is not followed/);
    expect(await source.read(http(url))).toMatchObject({ verdict: 'fail' });
    expect(followed).toBe(0);
  });

  it('that is not there is an error that names the place and nothing secret', async () => {
    const url = await serve(says(200, ''));
    servers.splice(0).forEach((server) => server.close());
    const { error } = await source.read(http(`${url}/?token=s3cret`));
    expect(error).toBe(`${new URL(url).host} refuses connections`);
    expect((await source.read(http('http://no-such-host.invalid/?token=s3cret'))).error).not.toContain('s3cret');
  });

  it('leaves no connection behind', async () => {
    const url = await serve(says(200, { value: 1 }));
    for (let times = 0; times < 20; times++) await source.read(http(url));
    const connections = () => new Promise<number>((resolve) => servers[0]!.getConnections((_error, count) => resolve(count)));
    await expect.poll(() => connections()).toBe(0);
  });

  it.each([
    'http://169.254.169.254/latest/meta-data',
    // The same address, as browsers and Node read it.
    'http://2852039166/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://100.100.100.200/',
  ])('is not asked at a metadata address: %s', async (url) => {
    for (const check of [http(url, 1_000), query(url, 'up', 1_000)])
      expect((await source.read(check)).error).toMatch(/link-local or metadata address/);
  });
});
