/**
 * A whole Fairlead whose source is a repository over HTTP, changed from the command line: commits, proposals, undo, and the
 * revert that it proposes by itself. The git server is real; the forge is a double of Gitea's API (see forge-double.ts).
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pause } from '../e2e/stand.ts';
import { GitRepository } from '../fixtures/git-repository.ts';
import { GitHttpServer } from '../fixtures/git-servers.ts';
import { ForgeDouble, token } from '../forges/forge-double.ts';

const launcher = join(import.meta.dirname, '../../bin/fairlead.cjs');
const echoServer = join(import.meta.dirname, '../fixtures/echo-server.ts');
const endings: (() => Promise<unknown>)[] = [];
let folder: string;
let repository: GitRepository;
let double: ForgeDouble;
let output: string;

/** Nothing of whoever runs the tests is on a commit. */
const env = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...{ HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: join(folder, 'gitconfig'), PLATFORM_TOKEN: token },
});

const manifest = (tag: string, { mode = 'ok', name = 'echo' } = {}): string => `apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata: {name: ${name}}
spec:
  type: server
  transport: stdio
  run: {command: [${process.execPath}, ${echoServer}, --service, ${name}, --tag, ${tag}, --mode, ${mode}]}
  limits: {startTimeout: 90s}
`;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-writes-'));
  output = '';
  repository = await GitRepository.make('services.git');
  endings.push(async () => repository.end());
  const server = await GitHttpServer.start(dirname(repository.base));
  server.login = `x-access-token:${token}`;
  endings.push(async () => server.end());
  const path = `${basename(repository.base)}/services`;
  double = new ForgeDouble('gitea', path);
  await double.start();
  endings.push(async () => double.stop());
  await repository.commit({ 'deploy/echo.yaml': manifest('one') }, { subject: 'The first' });
  const forge = { forge: 'gitea', tokenFrom: { env: 'PLATFORM_TOKEN' }, apiUrl: double.url };
  const git = {
    ...{ url: server.url(`${path}.git`), paths: ['deploy'], interval: '1h', credentials: { tokenFrom: { env: 'PLATFORM_TOKEN' } } },
    ...{ pullRequests: forge, revertProposals: true, writes: { name: 'Ops', email: 'ops@example.org' } },
  };
  const spec = { dataDir: './data', sources: [{ name: 'platform', git }] };
  writeFileSync(join(folder, 'fairlead.yaml'), JSON.stringify({ apiVersion: 'fairlead.dev/v1alpha1', kind: 'Controller', spec }));
  const args = [launcher, 'up', '-c', 'fairlead.yaml', '--gateway', '127.0.0.1:0', '--status', '127.0.0.1:0'];
  const fairlead = spawn(process.execPath, args, { cwd: folder, env: env(), stdio: 'pipe' });
  for (const stream of [fairlead.stdout, fairlead.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const exited = once(fairlead, 'exit');
  endings.push(async () => {
    fairlead.kill('SIGTERM');
    await exited;
  });
  await until(async () => (await run('get', 'services', 'echo', '-o', 'json')).out.includes('"Active"'));
});

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command line to its end. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [launcher, ...argv, '--data-dir', 'data'], { cwd: folder, env: env() }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

/** Polls, up to two minutes. */
async function until(there: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 100) {
    if (await there()) return;
    await pause(100);
  }
  throw new Error(`it never came:\n${output}`);
}

const said = async (branch = 'main') => repository.git('log', '-1', '--format=%an <%ae>|%cn <%ce>|%s%n%b', branch);

it(
  'a change from the command line is a commit that says whose it is, made anew on top of what others pushed',
  { timeout: 300_000 },
  async () => {
    writeFileSync(join(folder, 'gitconfig'), '[user]\nname = Grace Hopper\nemail = grace@example.org\n');
    writeFileSync(join(folder, 'two.yaml'), manifest('two'));
    // Nobody has told the controller of it.
    const theirs = await repository.commit({ 'deploy/clock.yaml': manifest('one', { name: 'clock' }) }, { subject: 'Theirs' });
    const applied = await run('apply', '-f', 'two.yaml', '--wait');
    expect(applied).toMatchObject({ code: 0, out: expect.stringContaining('service/echo is Active') });
    expect(await repository.git('log', '--format=%s', 'main')).toBe('Update echo\nTheirs\nThe first');
    expect(await repository.git('rev-parse', 'main^')).toBe(theirs);
    expect(await said()).toBe(
      `Grace Hopper <grace@example.org>|Ops <ops@example.org>|Update echo\nFairlead-Verb: apply\nFairlead-Requested-By: uid:${process.getuid!()}`,
    );
    expect(await repository.git('show', 'main:deploy/echo.yaml')).toBe(manifest('two').trim());

    writeFileSync(join(folder, 'new.yaml'), manifest('one', { name: 'weather' }));
    await run('apply', '-f', 'new.yaml', '-m', 'Weather\n\nAs asked for.', '--author', 'Ada <ada@example.org>');
    expect(await repository.git('show', 'main:deploy/weather.yaml')).toBe(manifest('one', { name: 'weather' }).trim());
    expect(await said()).toMatch(/^Ada <ada@example\.org>\|Ops <ops@example\.org>\|Weather\nAs asked for\.\n\nFairlead-Verb: apply\n/);
    expect(await run('delete', 'service', 'weather')).toMatchObject({ code: 0 });
    expect(await said()).toMatch(/\|Delete weather\nFairlead-Verb: delete\n/);
    expect(await repository.git('ls-tree', '-r', '--name-only', 'main')).toBe('deploy/clock.yaml\ndeploy/echo.yaml');
  },
);

it('who waits for a change hears at once that another has overtaken it, and whose', { timeout: 300_000 }, async () => {
  writeFileSync(join(folder, 'hanging.yaml'), manifest('two', { mode: 'hang' }));
  const waits = run('apply', '-f', 'hanging.yaml', '--wait', '--timeout', '60s');
  const subjects = async () => repository.git('log', '--format=%s', 'main');
  await until(async () => (await subjects()).startsWith('Update echo'));
  const theirs = await repository.commit({ 'deploy/echo.yaml': manifest('three') }, { subject: 'Mended echo' });
  await run('reconcile');
  const { code, out, err } = await waits;
  expect([code, out]).toEqual([
    1,
    expect.stringMatching(
      new RegExp(`^service/echo was overtaken by commit ${theirs.slice(0, 12)} “Mended echo” of .+, which declares echo-`, 'm'),
    ),
  ]);
  expect(err).toContain('next: fairlead describe service echo shows what is declared now');
});

it('a proposal is a branch and a pull request, and nothing else', { timeout: 300_000 }, async () => {
  const before = await repository.tip();
  writeFileSync(join(folder, 'two.yaml'), manifest('two'));
  const first = await run('apply', '-f', 'two.yaml', '--propose', '-m', 'Newer echo');
  expect(first).toMatchObject({ code: 0, err: expect.stringContaining('wrote deploy/echo.yaml') });
  const branch = /Pushed branch (fairlead\/apply-echo-[0-9a-f]{8}), to be merged into main\./.exec(first.out)![1]!;
  expect(first.out).toContain('Pull request 1 opened: https://forge.example/');
  expect(double.pulls).toMatchObject([{ branch, base: 'main', title: 'Newer echo', body: expect.stringContaining('| `echo` | update |') }]);
  expect(await repository.git('rev-parse', `${branch}^`)).toBe(before);
  expect(await run('apply', '-f', 'two.yaml', '--propose')).toMatchObject({ code: 0, out: expect.stringContaining('1 is open already') });
  expect([await repository.tip(), double.pulls.length]).toEqual([before, 1]);
  // The forge says no.
  double.next.push({ status: 401, body: { message: 'Bad credentials' } });
  const refused = await run('apply', '-f', 'two.yaml', '--propose', '--branch', 'other');
  expect(refused).toMatchObject({ code: 0, out: expect.stringContaining('Open a pull request at https://') });
  expect(refused.err).toContain('no pull request was opened');
  expect(await repository.tip('other')).not.toBeNull();
});

it('a bad commit is proposed to be taken back, and taken back by hand', { timeout: 300_000 }, async () => {
  const bad = await repository.commit({ 'deploy/echo.yaml': manifest('two', { mode: 'exit' }) }, { subject: 'Newer echo' });
  await run('reconcile');
  await until(() => double.pulls.length > 0);
  const branch = `fairlead/revert-echo-${bad.slice(0, 12)}`;
  expect(double.pulls).toMatchObject([{ branch, base: 'main', body: expect.stringContaining(`takes back commit ${bad} (Newer echo)`) }]);
  expect(await repository.git('show', `${branch}:deploy/echo.yaml`)).toBe(manifest('one').trim());
  expect(await repository.git('rev-parse', `${branch}^`, 'main')).toBe(`${bad}\n${bad}`);
  expect((await run('events')).out).toMatch(/RevertProposed.*https:\/\/forge\.example/);

  expect(await run('rollout', 'undo', 'echo', '--wait')).toMatchObject({ code: 0, out: expect.stringContaining('is Active') });
  expect(await said()).toMatch(
    new RegExp(`\\|Undo echo to echo-[0-9a-f]{8}\\nThis takes back commit ${bad} \\(Newer echo\\)\\.\\n\\nFairlead-Verb: undo\\n`),
  );
  expect(await repository.git('show', 'main:deploy/echo.yaml')).toBe(manifest('one').trim());
  expect([double.pulls.length, output.includes(token)]).toEqual([1, false]);
});
