/**
 * A whole Fairlead that follows a repository over HTTP and tells the forge what became of its commits. The git server is real;
 * the forge is a double of Gitea's API (see forge-double.ts).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { pause } from '../e2e/stand.ts';
import { GitRepository } from '../fixtures/git-repository.ts';
import { GitHttpServer } from '../fixtures/git-servers.ts';
import { ForgeDouble, token } from '../forges/forge-double.ts';

const echoServer = join(import.meta.dirname, '../fixtures/echo-server.ts');
const folder = mkdtempSync(join(tmpdir(), 'fairlead-follows-'));
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

const manifest = (tag: string, mode = 'ok'): string => `apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata: {name: echo}
spec:
  type: server
  transport: stdio
  run: {command: [${process.execPath}, ${echoServer}, --service, echo, --tag, ${tag}, --mode, ${mode}]}
  limits: {startTimeout: 90s}
`;

/** Polls until the newest status of that commit is final, up to two minutes. */
async function verdict(double: ForgeDouble, commit: string, output: () => string): Promise<Record<string, unknown>> {
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 50) {
    const newest = double.statuses.findLast((status) => status['commit'] === commit && status['context'] === 'fairlead/platform');
    if (newest !== undefined && newest['state'] !== 'pending') return newest;
    await pause(50);
  }
  throw new Error(`no verdict on ${commit}: ${JSON.stringify(double.statuses, null, 1)}\n${output()}`);
}

it(
  'pushes become verdicts on their commits: success, failure for one that is taken back, success again',
  { timeout: 300_000 },
  async () => {
    const repository = await GitRepository.make('services.git');
    endings.push(async () => repository.end());
    const server = await GitHttpServer.start(dirname(repository.base));
    server.login = `x-access-token:${token}`;
    endings.push(async () => server.end());
    const path = `${basename(repository.base)}/services`;
    const double = new ForgeDouble('gitea', path);
    await double.start();
    endings.push(async () => double.stop());
    const first = await repository.commit({ 'deploy/echo.yaml': manifest('one') });

    writeFileSync(
      join(folder, 'fairlead.yaml'),
      JSON.stringify({
        apiVersion: 'fairlead.dev/v1alpha1',
        kind: 'Controller',
        spec: {
          dataDir: './data',
          sources: [
            {
              name: 'platform',
              git: {
                url: server.url(`${path}.git`),
                paths: ['deploy'],
                interval: '1s',
                credentials: { tokenFrom: { env: 'PLATFORM_TOKEN' } },
                commitStatus: { forge: 'gitea', tokenFrom: { env: 'PLATFORM_TOKEN' }, apiUrl: double.url },
              },
            },
          ],
        },
      }),
    );
    const launcher = join(import.meta.dirname, '../../bin/fairlead.cjs');
    const args = [launcher, 'up', '-c', 'fairlead.yaml', '--gateway', '127.0.0.1:0', '--status', '127.0.0.1:0'];
    const fairlead: ChildProcess = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...process.env, PLATFORM_TOKEN: token },
      stdio: 'pipe',
    });
    let output = '';
    for (const stream of [fairlead.stdout!, fairlead.stderr!]) stream.on('data', (chunk) => (output += String(chunk)));
    const exited = once(fairlead, 'exit');
    endings.push(async () => {
      fairlead.kill('SIGTERM');
      await exited;
    });

    expect(await verdict(double, first, () => output)).toMatchObject({ state: 'success', description: '1 service as declared' });
    const bad = await repository.commit({ 'deploy/echo.yaml': manifest('two', 'exit') });
    expect(await verdict(double, bad, () => output)).toMatchObject({
      state: 'failure',
      description: expect.stringMatching(/^echo: \w+: /),
    });
    const mended = await repository.commit({ 'deploy/echo.yaml': manifest('three') });
    expect(await verdict(double, mended, () => output)).toMatchObject({ state: 'success' });
    const words = await repository.commit({ 'README.md': 'Words\n' });
    expect(await verdict(double, words, () => output)).toMatchObject({ state: 'success', description: 'Nothing that runs changes' });

    const newest = new Map(double.statuses.map((status) => [`${String(status['commit'])} ${String(status['context'])}`, status['state']]));
    expect(newest.get(`${first} fairlead/platform`)).toBe('success');
    expect(newest.get(`${bad} fairlead/platform/echo`)).toBe('failure');
    expect([...newest.values()]).not.toContain('pending');
    expect(output).not.toContain(token);
  },
);
