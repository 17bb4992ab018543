/**
 * Servers that are down, hang, break off, lie, flood or present the wrong certificate, at every point of an exchange: what is told,
 * that it ends in time and takes no more than it may, and that what was applied stays until the server behaves.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isMissing } from '../../fixtures/partners.ts';
import { systemClock } from '../../../src/processes/clock.ts';
import { gitEnvironment } from '../../../src/sources/git/environment.ts';
import { Git } from '../../../src/sources/git/git.ts';
import { GitHarness } from './git-harness.ts';

let harness: GitHarness;
let relay: Relay;

beforeEach(async () => {
  harness = await GitHarness.make({ 'a.yaml': '0' });
  relay = await Relay.start(Number(new URL(harness.server.url('')).port));
  await harness.restart({ url: `http://${relay.host}/manifests.git` });
  expect(harness.texts).toEqual({ 'a.yaml': '0' });
});
afterEach(async () => {
  relay.end();
  await harness.end();
});

/** Stands before the server, and lets through so many bytes of what it answers; then it hangs, or breaks off. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #left = Number.POSITIVE_INFINITY;
  #then: 'hang' | 'close' = 'close';
  /** Bytes of the server's that came by since the last `cutAfter`. */
  passed = 0;

  private constructor(port: number) {
    this.#server = createTcpServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const socket of [near, far]) this.#sockets.add(socket.on('error', () => undefined));
      near.on('close', () => far.destroy()).pipe(far);
      far.on('close', () => near.destroy());
      far.on('data', (chunk: Buffer) => {
        const through = chunk.subarray(0, this.#left);
        this.#left -= through.length;
        this.passed += through.length;
        near.write(through);
        if (through.length < chunk.length && this.#then === 'close') near.destroy();
      });
    });
  }

  static async start(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await once(relay.#server.listen(0, '127.0.0.1'), 'listening');
    return relay;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cutAfter(bytes: number, then: 'hang' | 'close' = 'close'): void {
    [this.#left, this.#then, this.passed] = [bytes, then, 0];
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** The files of the next commit: enough of them that most of an exchange is their pack. */
const large = (version: number) => ({ 'a.yaml': String(version), 'noise.bin': randomBytes(200_000) });

describe('a server that in the middle of its answers', () => {
  it.each([
    ['breaks off', 'close', [0, 0.001, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99, 0.999]],
    ['hangs', 'hang', [0, 0.01, 0.5, 0.999]],
  ] as const)('%s, wherever that is, is told, and the next poll takes the commit', { timeout: 300_000 }, async (_what, then, shares) => {
    relay.cutAfter(Number.POSITIVE_INFINITY);
    await harness.put(large(1));
    await harness.source.refresh();
    const whole = relay.passed;
    expect(whole).toBeGreaterThan(200_000);
    // Whoever hangs is waited for each time; a poll that is answered has to be over by then on a busy machine, too.
    await harness.restart({ url: `http://${relay.host}/manifests.git`, ...(then === 'hang' ? { timeoutMs: 4_000 } : {}) });
    for (const [index, share] of shares.entries()) {
      const version = index + 2;
      await harness.put(large(version));
      relay.cutAfter(Math.floor(whole * share), then);
      await harness.source.refresh();
      expect([share, harness.texts]).toEqual([share, { 'a.yaml': String(version - 1) }]);
      expect(harness.witness.failures.at(-1)).toMatch(new RegExp(`${relay.host}.*Tried again every 1h\\.$`));
      relay.cutAfter(Number.POSITIVE_INFINITY);
      await harness.source.refresh();
      expect([share, harness.texts]).toEqual([share, { 'a.yaml': String(version) }]);
    }
    expect(harness.witness.events).toEqual([]);
  });
});

it('a server that is down is named, and what was applied stays until it is there again', async () => {
  await harness.put({ 'a.yaml': '1' });
  const { host } = relay;
  relay.end();
  await harness.source.refresh();
  expect([harness.witness.failures, harness.texts]).toEqual([
    [expect.stringMatching(new RegExp(`${host} does not accept connections.*Tried again every 1h\\.$`))],
    { 'a.yaml': '0' },
  ]);
});

describe('a server that answers', () => {
  const page = '<!doctype html><title>Sign in</title>';
  const advertisement = { 'content-type': 'application/x-git-upload-pack-advertisement' };
  const result = { 'content-type': 'application/x-git-upload-pack-result' };

  /** POSTs get that answer, GETs the real one. */
  const toPosts = (answer: (response: ServerResponse, request: IncomingMessage) => void): void => {
    const { server } = harness;
    const instead: typeof server.instead = (request, response) => {
      if (request.method === 'POST') return answer(response, request);
      server.instead = null;
      server.answer(request, response);
      server.instead = instead;
    };
    server.instead = instead;
  };

  it.each<[string, RegExp, () => void]>([
    [
      'with a page of HTML',
      /something other than git answers there/,
      () => (harness.server.instead = (_request, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end(page)),
    ],
    [
      'with a page of HTML that it calls refs',
      /cannot be read/,
      () => (harness.server.instead = (_request, response) => void response.writeHead(200, advertisement).end(page)),
    ],
    [
      'with nothing at all',
      /something other than git answers there|cannot be read/,
      () => (harness.server.instead = (_request, response) => void response.writeHead(200, advertisement).end()),
    ],
    [
      'with a page of HTML when refs are asked for',
      /cannot be read/,
      () => toPosts((response) => void response.writeHead(200, { 'content-type': 'text/html' }).end(page)),
    ],
    [
      'with bytes that are no protocol',
      /cannot be read/,
      () => toPosts((response) => void response.writeHead(200, result).end(randomBytes(10_000))),
    ],
    [
      'with a length that is never kept',
      /cannot be read/,
      () => toPosts((response) => void response.writeHead(200, { ...result, 'content-length': 1_000 }).end('0')),
    ],
    [
      'with a redirect to itself',
      /which is not followed/,
      () => (harness.server.instead = (request, response) => void response.writeHead(302, { location: request.url! }).end()),
    ],
  ])('%s is told in a line, and what was applied stays', async (_what, said, begin) => {
    await harness.put({ 'a.yaml': '1' });
    begin();
    await harness.source.refresh();
    expect([harness.witness.failures.length, harness.texts]).toEqual([1, { 'a.yaml': '0' }]);
    expect(harness.witness.failures[0]).toMatch(said);
    // oxlint-disable-next-line no-control-regex -- it is what must not be there
    expect(harness.witness.failures[0]).toMatch(/^[^\u0000-\u001f]{20,500} Tried again every 1h\.$/);
    harness.server.instead = null;
    await harness.source.refresh();
    expect(harness.texts).toEqual({ 'a.yaml': '1' });
  });

  it('a byte now and then is given up after timeoutMs all the same', async () => {
    toPosts((response) => {
      response.writeHead(200, result);
      response.write('fff0');
      const drip = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(drip));
    });
    await harness.restart({ url: `http://${relay.host}/manifests.git`, timeoutMs: 2_000 });
    expect(harness.witness.failures[0]).toContain('did not answer within 2s');
  });

  it('with refs without end is given up, and no more of them is kept than a repository has', { timeout: 300_000 }, async () => {
    const id = 'a'.repeat(40);
    toPosts((response) => {
      response.writeHead(200, result);
      // 60 MB of them, each of which would count as the branch that is asked for.
      const line = (number: number): string => {
        const text = `${id} ${String(number).padStart(200, 'x')}/refs/heads/main\n`;
        return (text.length + 4).toString(16).padStart(4, '0') + text;
      };
      for (let count = 0; count < 230; count += 1)
        response.write(Array.from({ length: 1_000 }, (_, index) => line(count * 1_000 + index)).join(''));
      response.end('0000');
    });
    await harness.restart({ url: `http://${relay.host}/manifests.git`, timeoutMs: 25_000 });
    expect(harness.witness.failures[0]).toContain(`${relay.host} sent more than was asked for`);
    expect(harness.texts).toEqual({ 'a.yaml': '0' });
  });

  it('with refs that git itself has to keep takes no more memory than there is for it', { timeout: 300_000 }, async () => {
    toPosts((response) => {
      response.writeHead(200, result);
      const text = `${'a'.repeat(40)} refs/other/${'x'.repeat(200)}\n`;
      const block = ((text.length + 4).toString(16).padStart(4, '0') + text).repeat(1_000);
      const more = (): void => {
        while (response.write(block));
      };
      response.on('drain', more);
      more();
    });
    const address = { url: harness.settings.url, protocol: 'http', host: harness.server.host } as const;
    const git = new Git(harness.folder, systemClock, new AbortController().signal);
    const env = gitEnvironment(harness.mirror, { address, login: null, timeoutMs: 25_000 });
    const listing = git.exchange(['ls-remote', 'origin', 'refs/heads/main'], { env, timeoutMs: 25_000, maxMemoryBytes: 64 * 1024 * 1024 });
    await expect(listing).rejects.toMatchObject({ ended: null, words: expect.stringMatching(/out of memory/i) });
  });

  it('with words without end is given up, and no more of them is kept than can be shown', { timeout: 300_000 }, async () => {
    await harness.put({ 'a.yaml': '1' });
    const { server } = harness;
    let posts = 0;
    const flood = (response: ServerResponse): void => {
      response.writeHead(200, result).write('0014acknowledgments\n000aready\n0001000dpackfile\n');
      const words = `\u0002${'x'.repeat(60_000)}\n`;
      const packet = (words.length + 4).toString(16).padStart(4, '0') + words;
      const more = (): void => {
        while (response.write(packet));
      };
      response.on('drain', more);
      more();
    };
    const instead: typeof server.instead = (request, response) => {
      if (request.method === 'POST' && ++posts === 3) return flood(response);
      server.instead = null;
      server.answer(request, response);
      server.instead = instead;
    };
    await harness.restart({ url: `http://${relay.host}/manifests.git`, timeoutMs: 25_000 });
    await harness.put({ 'a.yaml': '2' });
    server.instead = instead;
    await harness.source.refresh();
    expect(harness.witness.failures[0]).toContain(`${relay.host} sent more than was asked for`);
    expect(harness.texts).toEqual({ 'a.yaml': '1' });
  });
});

describe.skipIf(isMissing('openssl'))('a server with a certificate that nobody vouches for (skipped without openssl)', () => {
  it('is refused, and nothing is sent to it', async () => {
    const [key, cert] = [join(harness.folder, 'key.pem'), join(harness.folder, 'cert.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        ...subject,
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
    const asked: string[] = [];
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      asked.push(String(request.headers.authorization));
      response.writeHead(404).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    process.env['FAIRLEAD_TEST_PASSWORD'] = 'hunter2';
    await harness.restart({ url: `https://${host}/x`, credentials: { token: { env: 'FAIRLEAD_TEST_PASSWORD' } } });
    expect([harness.witness.failures.length, asked]).toEqual([1, []]);
    expect(harness.witness.failures[0]).toContain(`the certificate of ${host} is not trusted`);
    server.close();
  });
});
