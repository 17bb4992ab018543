/**
 * From `git push` to the Revision that serves: a real repository behind `git http-backend`, whose own post-receive hook (that of
 * docs/sources.md) tells Fairlead with a signed delivery, as a forge does; and what hostile pushes and deliveries come to on that way. It polls once an
 * hour, so all that happens here happens because of the hook.
 */
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventResource, ResourceList, ServiceResource, SourceResource } from '../../src/model/resource.ts';
import { freePort, manifestOf, Stand } from '../e2e/stand.ts';
import { GitRepository, plainGit } from '../fixtures/git-repository.ts';
import { GitHttpServer } from '../fixtures/git-servers.ts';
import { isMissing } from '../fixtures/partners.ts';

const token = 'reads-and-writes-7q';
const secret = 'between-the-forge-and-us-7q';
const folder = mkdtempSync(join(tmpdir(), 'fairlead-push-'));
const clone = join(folder, 'clone');

let repository: GitRepository;
let server: GitHttpServer;
let stand: Stand;
let hookUrl: string;

/** The hook that docs/sources.md shows, for that address and secret. */
function postReceive(url: string, secretFile: string): string {
  const page = readFileSync(join(import.meta.dirname, '../../docs/sources.md'), 'utf8');
  const [, script = ''] = /```sh\n(#!\/bin\/sh\n[^]*?)```/.exec(page)!;
  return script.replace('/run/secrets/platform-hook', secretFile).replace('http://127.0.0.1:7402/hooks/platform', url);
}

async function git(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('git', ['-C', clone, ...args], { env: { ...plainGit, GIT_TERMINAL_PROMPT: '0' } });
  return stdout + stderr;
}

/** Commits in the clone and pushes it; what git printed. */
async function push(subject: string, files: Readonly<Record<string, string | null>>): Promise<{ id: string; said: string }> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    if (text === null) rmSync(join(clone, path));
    else writeFileSync(join(clone, path), text);
  }
  await git('add', '--all');
  await git('commit', '--quiet', '-m', subject);
  const said = await git('push', 'origin', 'main');
  return { id: (await git('rev-parse', 'HEAD')).trim(), said };
}

const echo = (tag: string): string => manifestOf({ name: 'echo', transport: 'stdio', tag }, folder);
const serves =
  (id: string) =>
  (services: ReadonlyMap<string, ServiceResource>): boolean => {
    const status = services.get('echo')?.status;
    return status?.appliedCommit === id && status.state === 'Active' && status.rollout === null;
  };

async function api<Answer>(path: string): Promise<Answer> {
  return (await (await fetch(new URL(path, stand.runFile()!.statusUrl!))).json()) as Answer;
}
const source = async (): Promise<SourceResource> => (await api<ResourceList<SourceResource>>('/api/v1/sources')).items[0]!;
const events = async (): Promise<readonly EventResource[]> => (await api<ResourceList<EventResource>>('/api/v1/events')).items;

/** A delivery of the hook's kind, by a name of its commit's alone unless told otherwise, with those headers in the place of its own. */
async function deliver(id: string, own: Readonly<Record<string, string>> = {}): Promise<[status: number, done: unknown]> {
  const body = JSON.stringify({ ref: 'refs/heads/main', after: id });
  const headers = {
    ...{ 'content-type': 'application/json', 'x-gitea-event': 'push', 'x-gitea-delivery': `${id}-refs/heads/main` },
    ...{ 'x-gitea-signature': createHmac('sha256', secret).update(body).digest('hex'), ...own },
  };
  const answer = await fetch(hookUrl, { method: 'POST', headers, body });
  return [answer.status, ((await answer.json()) as { done?: unknown }).done];
}

describe.skipIf(isMissing('curl', 'git', 'perl'))('a repository that tells of its pushes (skipped without curl, git and perl)', () => {
  beforeAll(async () => {
    repository = await GitRepository.make('services.git');
    server = await GitHttpServer.start(repository.base);
    server.login = `x-access-token:${token}`;
    hookUrl = `http://127.0.0.1:${await freePort()}/hooks/platform`;
    writeFileSync(join(folder, 'hook-secret'), `${secret}\n`);
    writeFileSync(join(repository.path, 'hooks/post-receive'), postReceive(hookUrl, join(folder, 'hook-secret')), { mode: 0o755 });
    const url = server.url('services.git');
    await repository.commit({ 'deploy/echo.yaml': echo('one') }, { subject: 'The first service' });
    mkdirSync(clone);
    await git('clone', '--quiet', url.replace('http://', `http://x-access-token:${token}@`), '.');
    const platform = { url, paths: ['deploy'], interval: '1h', credentials: { tokenFrom: { env: 'PLATFORM_TOKEN' } } };
    const webhooks = {
      listen: new URL(hookUrl).host,
      sources: { platform: { forge: 'gitea', secretFrom: { env: 'HOOK_SECRET' } } },
    };
    stand = await Stand.follow(
      { sources: [{ name: 'platform', git: platform }], webhooks },
      { PLATFORM_TOKEN: token, HOOK_SECRET: secret },
    );
    await stand.until('the first commit serves', (services) => services.get('echo')?.status.state === 'Active');
  }, 90_000);

  afterAll(async () => {
    const { left } = await stand.stop();
    await server.end();
    await repository.end();
    rmSync(folder, { recursive: true, force: true });
    expect(left).toEqual([]);
  });

  it(
    'has them served: the hook tells, the commit is fetched, and the service moves to its new Revision',
    { timeout: 300_000 },
    async () => {
      const before = (await stand.service('echo'))!;
      const { id, said } = await push('Echo says two', { 'deploy/echo.yaml': echo('two') });
      expect(said).toContain('"done":"refresh"');
      const after = (await stand.until('the pushed commit serves', serves(id))).get('echo')!;
      expect(after.status.stable).not.toBe(before.status.stable);
      expect(after).toMatchObject({
        observedCommit: id,
        status: { commit: { id, author: 'Ada', email: 'ada@example.org', subject: 'Echo says two' }, history: [{ snapshot: id }, {}] },
      });
      const described = await stand.cli('describe', 'service', 'echo');
      expect(described.stdout).toMatch(new RegExp(`^Commit: +${id.slice(0, 12)} “Echo says two”, Ada <ada@example\\.org>, `, 'm'));
      expect((await stand.cli('get', 'sources')).stdout).toMatch(new RegExp(`platform +git +Read +${id.slice(0, 8)} +Echo says two`));
      expect((await stand.cli('rollout', 'history', 'echo')).stdout).toMatch(new RegExp(`^2 .*${id.slice(0, 8)} +Promoted`, 'm'));
      expect((await stand.cli('get', 'revisions')).stdout).toContain(id.slice(0, 8));
    },
  );

  it('is not believed by anybody who cannot sign, and not twice: 401, and 202 for nothing', async () => {
    const { observedCommit: pushed } = await source();
    // The hook's own was another: a branch that is put back to where it was once is a push like any other.
    expect(await deliver(pushed)).toEqual([202, 'refresh']);
    expect(await deliver(pushed)).toEqual([202, 'nothing']);
    expect(await deliver(pushed, { 'x-gitea-delivery': 'another' })).toEqual([202, 'refresh']);
    expect(await deliver(pushed, { 'x-gitea-delivery': 'a third', 'x-gitea-signature': '0'.repeat(64) })).toEqual([401, undefined]);
    expect(await deliver(pushed, { 'x-gitea-delivery': 'a fourth', 'x-gitea-signature': '' })).toEqual([401, undefined]);
  });

  it('may be flooded with connections while probes, calls of the status API and what runs go on', { timeout: 300_000 }, async () => {
    const { port } = new URL(hookUrl);
    const opened: Socket[] = Array.from({ length: 3_000 }, () =>
      connect(Number(port), '127.0.0.1')
        .on('error', () => undefined)
        .resume(),
    );
    await expect.poll(() => opened.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(1_500);
    const url = stand.runFile()!.statusUrl!;
    const answers = await Promise.all(
      ['/healthz', '/readyz', '/api/v1/services'].map(async (path) => (await fetch(new URL(path, url))).status),
    );
    expect([answers, (await stand.service('echo'))!.status.state]).toEqual([[200, 200, 200], 'Active']);
    for (const socket of opened) socket.destroy();
    await Promise.all(opened.map(async (socket) => socket.closed || once(socket, 'close')));
  });

  it('cannot write on the terminal of whoever looks', { timeout: 300_000 }, async () => {
    const { id } = await push('\u001b[2J\u202eFree \u0007money\u001b]0;x\u0007', { 'deploy/echo.yaml': echo('three') });
    await stand.until('it serves', serves(id));
    const words = [
      ['describe', 'service', 'echo'],
      ['get', 'sources'],
      ['get', 'revisions', '-o', 'wide'],
      ['rollout', 'history', 'echo', '-o', 'wide'],
      ['events'],
    ];
    for (const args of words) {
      const { stdout, stderr } = await stand.cli(...args);
      expect([args[0], stdout.includes('echo') || stdout.includes('platform'), stderr]).toEqual([args[0], true, '']);
      expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    // oxlint-disable-next-line no-control-regex -- it is what must not be there
    expect(stand.output).not.toMatch(/\u001b\[2J|\u202e|\u0007/);
  });

  it('deletes nothing when all manifests are gone from it', { timeout: 300_000 }, async () => {
    const { id } = await push('Clean up', { 'deploy/echo.yaml': null, 'deploy/README': 'nothing here' });
    await expect.poll(async () => (await source()).observedCommit).toBe(id);
    expect((await source()).status.pruneHeld).toEqual(['echo']);
    expect((await stand.service('echo'))!.status.state).toBe('Active');
    expect((await events()).map(({ spec }) => spec.reason)).toContain('PruneHeld');
    const { id: back } = await push('They are needed', { 'deploy/echo.yaml': echo('three'), 'deploy/README': null });
    await expect.poll(async () => (await source()).observedCommit).toBe(back);
    expect((await source()).status.pruneHeld).toEqual([]);
  });

  it('may be rewritten, which is refused and said, until a commit follows', { timeout: 300_000 }, async () => {
    const applied = (await source()).observedCommit;
    await git('checkout', '--quiet', '--orphan', 'other');
    await git('commit', '--quiet', '-m', 'Another history');
    await git('push', '--force', 'origin', 'other:main');
    await expect.poll(async () => (await source()).status.refused?.reason).toBe('RewindRefused');
    expect((await source()).observedCommit).toBe(applied);
    expect((await stand.cli('get', 'sources')).stdout).toMatch(/^platform .* RewindRefused .* Commit \w+ /m);
    await git('checkout', '--quiet', 'main');
    await git('push', '--force', 'origin', 'main');
    const { id } = await push('On with it', { 'deploy/echo.yaml': echo('four') });
    await stand.until('what follows serves', serves(id));
    expect((await source()).status).toMatchObject({ refused: null, failure: null });
  });

  it('keeps its secrets: none is in logs, events, the API, errors or files of Fairlead', { timeout: 300_000 }, async () => {
    server.login = 'x-access-token:another';
    await stand.cli('reconcile', 'platform', '--data-dir', stand.dataDir);
    await expect.poll(async () => (await source()).status.failure).toContain('refused the credentials');
    const { statusUrl } = stand.runFile()!;
    const pages = ['/api/v1/sources', '/api/v1/events', '/api/v1/services', '/api/v1/services/echo', '/metrics', '/openapi.json'];
    const texts = await Promise.all(pages.map(async (path) => (await fetch(new URL(path, statusUrl!))).text()));
    const files = await promisify(execFile)('grep', ['-rlE', `${token}|${secret}`, stand.dataDir]).catch(
      (thrown: { stdout: string }) => thrown,
    );
    const shown = [stand.output, ...texts].join('\n');
    const forms = [token, secret].flatMap((text) => [
      text,
      Buffer.from(text).toString('base64'),
      Buffer.from(`x-access-token:${text}`).toString('base64'),
    ]);
    expect([forms.filter((form) => shown.includes(form)), files.stdout]).toEqual([[], '']);
  });
});
