/** Each forge against a double of its API (see forge-double.ts: built from published descriptions, for none of them can run here). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import { createForge } from '../../src/forges/forge.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { CommitState, Forge, ForgeKind } from '../../src/ports/forge.ts';
import { ForgeDouble, token, type Reply } from './forge-double.ts';

const now = Date.parse('2026-11-20T10:00:00Z');
const commit = 'a'.repeat(40);
const marker = '<!-- fairlead-plan -->';
const draft = { branch: 'change', base: 'main', title: 'A change', body: 'What it does' };
const status = { commit, context: 'fairlead/main/files', state: 'pending' as CommitState, description: 'On its way', targetUrl: null };

describe.each<ForgeKind>(['github', 'gitlab', 'gitea'])('%s', (kind) => {
  let double: ForgeDouble;
  let forge: Forge;
  /** Waits that were asked for, ms; none of them is waited. */
  let waits: number[];

  beforeEach(async () => {
    double = new ForgeDouble(kind);
    await double.start();
    waits = [];
    forge = made();
  });
  afterEach(async () => double.stop());

  function made(more: { token?: string; timeoutMs?: number } = {}): Forge {
    const clock: Clock = {
      now: () => now,
      elapsedMs: () => 0,
      after: (delayMs, callback) => {
        waits.push(delayMs);
        queueMicrotask(callback);
        return () => {};
      },
    };
    const address = { host: 'forge.example', path: 'acme/services' };
    return createForge({ kind, address, token, apiUrl: double.url, timeoutMs: 5_000, ...more }, clock);
  }

  async function failure(work: Promise<unknown>): Promise<FairleadError> {
    const thrown: unknown = await work.then(
      () => null,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(FairleadError);
    return thrown as FairleadError;
  }

  test('a pull request is opened once; asked again, the open one is found', async () => {
    const first = await forge.propose(draft);
    expect(first).toMatchObject({ number: 1, created: true, url: expect.stringContaining('/acme/services/') });
    expect(double.pulls).toMatchObject([{ branch: 'change', base: 'main', title: 'A change', body: 'What it does' }]);
    expect(await forge.propose(draft)).toEqual({ ...first, created: false });
    expect(double.pulls).toHaveLength(1);
  });

  test('one that somebody opened between the look and the making is found, and a fork’s of the same name is not it', async () => {
    double.open('change', 'main', true);
    const own = double.open('change', 'main');
    const look: Reply = { status: 200, body: [] };
    double.next.push(look);
    expect(await forge.propose(draft)).toMatchObject({ number: own.number, created: false });
  });

  test('a closed one is not found: another is opened', async () => {
    double.open('change', 'main').open = false;
    expect(await forge.propose(draft)).toMatchObject({ number: 2, created: true });
  });

  test('the comment of its own is rewritten, over several pages; one of somebody else with the marker is left alone', async () => {
    double.open('change', 'main');
    double.say(1, 'mallory', `${marker}\nall is well`);
    for (let index = 0; index < 120; index += 1) double.say(1, 'ada', 'words');
    expect(await forge.comment(1, marker, `${marker}\nfirst`)).toEqual({ created: true });
    expect(await forge.comment(1, marker, `${marker}\nsecond`)).toEqual({ created: false });
    const marked = double.comments.filter(({ body }) => body.startsWith(marker));
    expect(marked.map(({ author, body }) => [author, body])).toEqual([
      ['mallory', `${marker}\nall is well`],
      ['fairlead', `${marker}\nsecond`],
    ]);
    expect(new Set(double.asked.map(({ headers }) => headers.host)).size).toBe(1);
  });

  test('a status is set in the forge’s own words', async () => {
    for (const state of ['pending', 'success', 'failure', 'error'] as const)
      await forge.setStatus({ ...status, context: `fairlead/main/${state}`, state, targetUrl: 'https://fairlead.example/files' });
    const words = kind === 'gitlab' ? ['pending', 'success', 'failed', 'canceled'] : ['pending', 'success', 'failure', 'error'];
    expect(double.statuses.map(({ state }) => state)).toEqual(words);
    expect(double.statuses[0]).toMatchObject({ commit, target_url: 'https://fairlead.example/files', description: 'On its way' });
    expect(double.statuses[0]![kind === 'gitlab' ? 'name' : 'context']).toBe('fairlead/main/pending');
  });

  test('a status may be set again', async () => {
    await forge.setStatus(status);
    await expect(forge.setStatus(status)).resolves.toBeUndefined();
  });

  test('a long description is cut to what the forge takes', async () => {
    await forge.setStatus({ ...status, description: '⛵'.repeat(400) });
    const said = Array.from(String(double.statuses[0]!['description']));
    expect(said).toHaveLength(kind === 'github' ? 140 : 255);
    expect(said.at(-1)).toBe('…');
  });

  test('a description of several lines is one line, cut at the end of a word', async () => {
    const most = kind === 'github' ? 140 : 255;
    await forge.setStatus({ ...status, description: `CheckFailed: alive said:\n\tno\u0007 answer\r\n  ${'word '.repeat(60)}` });
    const said = String(double.statuses[0]!['description']);
    expect(said).toMatch(/^CheckFailed: alive said: no answer (word )+word…$/);
    expect(most - said.length).toBeLessThan('word '.length);
    expect(said.length).toBeLessThanOrEqual(most);
  });

  test.each([0, 1])('a description that is as long as may be is whole, and one that is longer is not (%i)', async (more) => {
    const most = kind === 'github' ? 140 : 255;
    const words = `${'x'.repeat(most - 6)} yyyyy${'y'.repeat(more)}`;
    await forge.setStatus({ ...status, description: words });
    expect(double.statuses[0]!['description']).toBe(more === 0 ? words : `${'x'.repeat(most - 6)}…`);
  });

  test.each<[number, string, unknown]>([
    [401, 'ForgeUnauthorized', { message: 'Bad credentials' }],
    [403, 'ForgeForbidden', { message: 'Must have push rights' }],
    [404, 'ForgeNotFound', { message: 'Not Found' }],
    [422, 'ForgeRefused', { message: 'Validation Failed', errors: [{ message: 'No commit found for SHA' }] }],
  ])('%i is %s, with the forge’s words, and not tried again', async (code, name, body) => {
    double.next.push({ status: code, body });
    const thrown = await failure(forge.setStatus(status));
    expect(thrown).toMatchObject({ code: name, data: { status: code } });
    expect(thrown.message).toContain((body as { message: string }).message);
    expect(double.asked).toHaveLength(1);
  });

  test('5xx, HTML for JSON and a connection that breaks are tried again, with longer waits', async () => {
    double.next.push({ status: 502, body: '<html>Bad gateway</html>' }, { status: 200, body: '<html>Maintenance</html>' });
    await forge.setStatus(status);
    expect(double.statuses).toHaveLength(1);
    expect(waits).toEqual([500, 1_000]);
  });

  test('no more than three times', async () => {
    double.next.push(...Array.from({ length: 9 }, () => ({ status: 500, body: { message: 'oops' } })));
    expect(await failure(forge.setStatus(status))).toMatchObject({ code: 'ForgeUnreachable', data: { status: 500 } });
    expect(double.asked).toHaveLength(3);
  });

  test('a comment whose answer was lost is not made twice', async () => {
    double.open('change', 'main');
    double.next.push(kind === 'gitlab' ? { status: 200, body: { username: 'fairlead' } } : { status: 200, body: { login: 'fairlead' } });
    double.next.push({ status: 200, body: [] }, { status: 504 });
    double.say(1, 'fairlead', `${marker}\nit had arrived`);
    expect(await forge.comment(1, marker, `${marker}\nnow`)).toEqual({ created: false });
    expect(double.comments.map(({ body }) => body)).toEqual([`${marker}\nnow`]);
  });

  test('a short Retry-After is honoured', async () => {
    double.next.push({ status: 429, body: { message: 'Retry later' }, headers: { 'retry-after': '7' } });
    await forge.setStatus(status);
    expect(waits).toEqual([7_000]);
    expect(double.statuses).toHaveLength(1);
  });

  test.each<[string, Reply, number]>([
    ['seconds', { status: 429, headers: { 'retry-after': '120' } }, 120_000],
    ['a date', { status: 429, headers: { 'retry-after': 'Fri, 20 Nov 2026 10:05:00 GMT' } }, 300_000],
    [
      'a spent limit',
      { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1_000 + 1_800) } },
      1_800_000,
    ],
    ['a secondary limit', { status: 403, body: { message: 'You have exceeded a secondary rate limit.' } }, 60_000],
    ['nothing at all', { status: 429 }, 60_000],
  ])('a longer wait, said by %s, is the caller’s: it is told how long', async (_how, reply, retryAfterMs) => {
    double.next.push(reply);
    expect(await failure(forge.setStatus(status))).toMatchObject({ code: 'ForgeLimited', data: { retryAfterMs } });
    expect(double.asked).toHaveLength(1);
  });

  test('an answer that does not come is given up', async () => {
    double.next.push('hang', 'hang', 'hang');
    expect(await failure(made({ timeoutMs: 50 }).setStatus(status))).toMatchObject({
      code: 'ForgeUnreachable',
      message: expect.stringContaining('50 ms'),
    });
  });

  test('no redirect is followed', async () => {
    double.next.push({ status: 307, headers: { location: 'http://127.0.0.1:1/elsewhere' } });
    expect(await failure(forge.setStatus(status))).toMatchObject({ data: { status: 307 } });
    expect(double.asked).toHaveLength(1);
  });

  test('an answer of another form is an error', async () => {
    double.next.push(...Array.from({ length: 3 }, () => ({ status: 200, body: { nothing: 'of it' } })));
    expect(await failure(forge.propose(draft))).toMatchObject({ code: 'ForgeUnreachable' });
  });

  test('the token is in no error, though the forge says it back', async () => {
    double.next.push({ status: 401, body: { message: `Bad token ${token} in header` } });
    const thrown = await failure(forge.setStatus(status));
    expect(thrown.message).toContain('Bad token **** in header');
    expect(JSON.stringify([thrown.message, thrown.data, thrown.stack])).not.toContain(token);
  });

  test('a wrong token is said to be one', async () => {
    expect(await failure(made({ token: 'wrong' }).propose(draft))).toMatchObject({ code: 'ForgeUnauthorized' });
  });
});

test('an app of GitHub may not ask who it is: its comment is the one of a bot', async () => {
  const double = new ForgeDouble('github');
  double.app = true;
  await double.start();
  try {
    const clock: Clock = { now: () => now, elapsedMs: () => 0, after: () => () => {} };
    const forge = createForge(
      { kind: 'github', address: { host: 'x', path: 'acme/services' }, token, apiUrl: double.url, timeoutMs: 5_000 },
      clock,
    );
    double.open('change', 'main');
    double.say(1, 'mallory', `${marker}\nall is well`);
    expect(await forge.comment(1, marker, `${marker}\nfirst`)).toEqual({ created: true });
    expect(await forge.comment(1, marker, `${marker}\nsecond`)).toEqual({ created: false });
    expect(double.comments.map(({ body }) => body)).toEqual([`${marker}\nall is well`, `${marker}\nsecond`]);
  } finally {
    await double.stop();
  }
});

test('a token is not sent in the open', () => {
  const clock: Clock = { now: () => now, elapsedMs: () => 0, after: () => () => {} };
  const settings = {
    kind: 'gitea' as const,
    address: { host: 'x', path: 'a/b' },
    token,
    apiUrl: 'http://forge.example/api/v1',
    timeoutMs: 1,
  };
  expect(() => createForge(settings, clock)).toThrow(expect.objectContaining({ code: 'ForgeRefused' }));
});
