/** `up` with a supervisor of our own: settings, what it says, Ctrl-C, and how it ends. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAt } from '../fixtures/read-model.ts';
import { rolloutViews } from '../fixtures/rollout-views.ts';
import { Harness } from './harness.ts';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
});
afterEach(() => cli.stop());

const supervised = async () => {
  await expect.poll(() => cli.supervised).not.toBeNull();
  return cli.supervised!;
};
const ready = async () => (await supervised()).emit({ kind: 'ready', gatewayUrl: 'http://127.0.0.1:7400', statusUrl: cli.url });

describe('settings', () => {
  test('the folder, the data directory beside the manifests, the default addresses', async () => {
    const running = cli.follow('up');
    (await supervised()).end(0);
    await running.done;
    expect(cli.supervised!.settings).toEqual({
      sources: [{ kind: 'folder', name: 'folder', path: cli.folder }],
      dataDir: join(cli.folder, '.fairlead'),
      gateway: { host: '127.0.0.1', port: 7400 },
      status: { host: '127.0.0.1', port: 7401 },
    });
  });

  test('fairlead.yaml gives what no flag gives, relative to itself', async () => {
    mkdirSync(join(cli.folder, 'conf'));
    mkdirSync(join(cli.folder, 'conf', 'manifests'));
    cli.file(
      'conf/fairlead.yaml',
      'apiVersion: fairlead.dev/v1alpha1\nkind: Controller\nspec:\n  sources: [{folder: {path: ./manifests}}]\n  listeners: {gateway: "127.0.0.1:1", status: "[::1]:2"}\n  dataDir: ./data\n  prune: {maxDeletions: 20%}\n',
    );
    const running = cli.follow('up', '-c', 'conf/fairlead.yaml', '--gateway', '0');
    (await supervised()).end(0);
    await running.done;
    expect(cli.supervised!.settings).toEqual({
      sources: [{ kind: 'folder', name: 'folder', path: join(cli.folder, 'conf', 'manifests') }],
      dataDir: join(cli.folder, 'conf', 'data'),
      gateway: { host: '127.0.0.1', port: 0 },
      status: { host: '::1', port: 2 },
      maxDeletions: { share: 0.2 },
    });
  });

  test('several sources and webhooks, with every default filled in and the data directory beside the settings', async () => {
    mkdirSync(join(cli.folder, 'local'));
    cli.file(
      'fairlead.yaml',
      `apiVersion: fairlead.dev/v1alpha1
kind: Controller
spec:
  sources:
    - {name: local, folder: {path: local}}
    - {name: plain, git: {url: "https://git.example.com/plain.git"}}
    - name: platform
      git:
        url: git@git.example.com:acme/platform.git
        ref: {semver: ">=1.2"}
        paths: [deploy]
        interval: 5m
        timeout: 20s
        maxBytes: 10Mi
        credentials: {sshKeyFile: keys/id, knownHostsFile: /etc/known_hosts}
        allowRewind: true
        verify: {mode: tag, sshAllowedSigners: signers, gpgKeys: [a.asc]}
        commitStatus: {forge: gitea, tokenFrom: {file: token}}
        pullRequests: {forge: gitea, tokenFrom: {env: PULLS}, apiUrl: "https://git.example.com/api/v1"}
        writes: {name: Ops, email: ops@example.org, signingKeyFile: keys/sign}
        drift: report
        revertProposals: true
  webhooks: {listen: "0.0.0.0:7500", sources: {platform: {forge: gitea, secretFrom: {env: HOOK}}}}
`,
    );
    const running = cli.follow('up', '-c', 'fairlead.yaml');
    (await supervised()).end(0);
    await running.done;
    const at = (path: string): string => join(cli.folder, path);
    expect(cli.supervised!.settings).toEqual({
      sources: [
        { kind: 'folder', name: 'local', path: at('local') },
        {
          kind: 'git',
          name: 'plain',
          url: 'https://git.example.com/plain.git',
          ref: { branch: 'main' },
          paths: ['.'],
          intervalMs: 60_000,
          timeoutMs: 60_000,
          maxBytes: 268_435_456,
          credentials: null,
          allowLocal: false,
          allowRewind: false,
          verify: null,
          commitStatus: null,
          pullRequests: null,
          writes: { name: 'Fairlead', email: 'fairlead@localhost', signingKeyFile: null },
          drift: 'correct',
          revertProposals: false,
        },
        {
          kind: 'git',
          name: 'platform',
          url: 'git@git.example.com:acme/platform.git',
          ref: { semver: '>=1.2' },
          paths: ['deploy'],
          intervalMs: 300_000,
          timeoutMs: 20_000,
          maxBytes: 10_485_760,
          credentials: { sshKeyFile: at('keys/id'), knownHostsFile: '/etc/known_hosts' },
          allowLocal: false,
          allowRewind: true,
          verify: { mode: 'tag', sshAllowedSigners: at('signers'), gpgKeys: [at('a.asc')] },
          commitStatus: { forge: 'gitea', token: { file: at('token') }, apiUrl: null },
          pullRequests: { forge: 'gitea', token: { env: 'PULLS' }, apiUrl: 'https://git.example.com/api/v1' },
          writes: { name: 'Ops', email: 'ops@example.org', signingKeyFile: at('keys/sign') },
          drift: 'report',
          revertProposals: true,
        },
      ],
      webhooks: { host: '0.0.0.0', port: 7500, hooks: { platform: { forge: 'gitea', secret: { env: 'HOOK' } } } },
      dataDir: at('.fairlead'),
      gateway: { host: '127.0.0.1', port: 7400 },
      status: { host: '127.0.0.1', port: 7401 },
    });
  });

  test('a folder named on the command line is the only source', async () => {
    mkdirSync(join(cli.folder, 'named'));
    cli.file(
      'fairlead.yaml',
      'apiVersion: fairlead.dev/v1alpha1\nkind: Controller\nspec: {sources: [{git: {url: "https://git.example.com/a"}}]}\n',
    );
    const running = cli.follow('up', 'named', '-c', 'fairlead.yaml');
    (await supervised()).end(0);
    await running.done;
    expect(cli.supervised!.settings).toMatchObject({
      sources: [{ kind: 'folder', name: 'folder', path: join(cli.folder, 'named') }],
      dataDir: join(cli.folder, 'named', '.fairlead'),
    });
  });

  test.each([
    [1, ['up', 'nowhere'], 'NotFound'],
    [1, ['up', '-c', 'nowhere.yaml'], 'NotFound'],
    [2, ['up', '-c', 'wrong.yaml'], 'UnknownField'],
    [2, ['up', '-c', 'two.yaml'], 'DuplicateName'],
    [2, ['up', '-c', 'hooks.yaml'], 'PortConflict'],
    [2, ['up', '--gateway', '7400', '--status', '7400'], 'Usage'],
    [4, ['up', '--gateway', '0.0.0.0:7400'], 'Refused'],
    [4, ['up', '--status', '[::]:7401'], 'Refused'],
  ])('%i for %j', async (code, argv, word) => {
    cli.file('wrong.yaml', 'apiVersion: fairlead.dev/v1alpha1\nkind: Controller\nspec: {listners: {}}\n');
    const settings = (spec: string): string => `apiVersion: fairlead.dev/v1alpha1\nkind: Controller\nspec: ${spec}\n`;
    cli.file('two.yaml', settings('{sources: [{folder: {path: .}}, {folder: {path: .}}]}'));
    const hooked =
      '{sources: [{git: {url: "https://h/p"}}], webhooks: {listen: "127.0.0.1:7401", sources: {git: {forge: github, secretFrom: {env: S}}}}}';
    cli.file('hooks.yaml', settings(hooked));
    const ran = await cli.run(...argv);
    expect(ran).toMatchObject({ code, err: expect.stringContaining(word) });
    expect(cli.supervised).toBeNull();
  });

  test('what is wrong with the settings is said with its place and what to do, and validate says the same', async () => {
    mkdirSync(join(cli.folder, 'conf'));
    cli.file(
      'conf/fairlead.yaml',
      `apiVersion: fairlead.dev/v1alpha1
kind: Controller
spec:
  sources:
    - git:
        url: /srv/services.git
        ref: {branch: a..b}
`,
    );
    const [ran, judged] = [await cli.run('up', '-c', 'conf/fairlead.yaml'), await cli.run('validate', 'conf/fairlead.yaml')];
    expect([ran.code, judged.code]).toEqual([2, 1]);
    for (const place of ['conf/fairlead.yaml:6:14', 'conf/fairlead.yaml:7:23']) {
      expect(ran.err).toContain(place);
      expect(judged.out).toContain(place);
    }
    for (const text of [ran.err, judged.out]) expect(text).toContain('expected: `allowLocal: true` beside it');
    expect(cli.supervised).toBeNull();
  });

  test('--insecure-listen lets other machines in', async () => {
    const running = cli.follow('up', '--gateway', '0.0.0.0:7400', '--insecure-listen');
    (await supervised()).end(0);
    expect((await running.done).code).toBe(0);
  });
});

describe('what it says', () => {
  test('events of this run as they happen, and once all has settled how it stands and where, after the last of them', async () => {
    cli.model.happen({ reason: 'LongAgo', at: startAt - 3_600_000 });
    const running = cli.follow('up');
    await ready();
    cli.model.happen({ reason: 'EnteredActive', message: 'Deploying → Active (StableServes): it serves.', at: startAt + 60_000 });
    await running.says('Deploying → Active');
    expect(running.out()).not.toContain('MCP endpoint');
    cli.model.change('clock', { state: 'Inactive', rollout: null });
    cli.model.happen({ reason: 'TheLast', at: startAt + 61_000 });
    await running.says('MCP endpoint  http://127.0.0.1:7400/mcp');
    const out = running.out();
    expect(out).not.toContain('LongAgo');
    expect(out.indexOf('TheLast')).toBeLessThan(out.indexOf('MCP endpoint'));
    expect(out).toContain('1 Active');
    expect(out).toContain('broken: ');
    running.interrupt();
    await running.done;
  });

  test('a rollout that waits for somebody does not keep it from saying where', async () => {
    cli.model.change('clock', null);
    cli.model.put(rolloutViews.blueGreen);
    const running = cli.follow('up');
    await ready();
    await running.says('1 Error, 1 Active, 1 Updating');
    expect(running.out()).toContain('MCP endpoint');
    running.interrupt();
    await running.done;
  });

  test('a process that ends is told, with when it starts again', async () => {
    const running = cli.follow('up');
    (await supervised()).emit({ kind: 'exited', process: 'host', reason: 'signal SIGKILL', restartInMs: 100 });
    await running.says('The host ended');
    running.interrupt();
    expect((await running.done).err).toBe('The host ended (signal SIGKILL); it starts again in 100 ms.\n');
  });
});

describe('Ctrl-C', () => {
  test('drains, says so, and ends with 0', async () => {
    const running = cli.follow('up');
    await supervised();
    running.interrupt();
    const { code, out } = await running.done;
    expect([code, cli.supervised!.stops]).toEqual([0, 1]);
    expect(out).toMatch(/Stopping: calls under way end.*\nStopped\./);
  });

  test('the same key press heard twice (terminal, npm, launcher) is one', async () => {
    const running = cli.follow('up');
    await supervised();
    running.interrupt();
    running.interrupt();
    await running.done;
    expect(cli.supervised!.stops).toBe(1);
  });
});
