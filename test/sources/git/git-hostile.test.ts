/** Hostile and broken repositories, servers and settings: what each gets, and that what was applied stays. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/processes/clock.ts';
import { ExportedTree } from '../../../src/sources/git/exported-tree.ts';
import { createGitSource } from '../../../src/sources/git/git-source.ts';
import type { GitSourceSettings } from '../../../src/sources/git/settings.ts';
import type { Entry } from '../../fixtures/git-repository.ts';
import { GitHarness, settings } from './git-harness.ts';

const secret = 'hunter2/+ %s';

let harness: GitHarness;
const start = async (files: Readonly<Record<string, Entry>> | null, own: Partial<GitSourceSettings> = {}): Promise<void> => {
  harness = await GitHarness.make(files, own);
  await harness.start();
};

describe('settings', () => {
  it.each<[string, Partial<GitSourceSettings>]>([
    ['a transport that runs commands', { url: 'ext::sh -c touch% /tmp/owned' }],
    ['a transport that runs commands, without a space', { url: 'ext::/tmp/run' }],
    ['file://', { url: 'file:///etc' }],
    ['file:// with allowLocal', { url: 'file:///etc', allowLocal: true }],
    ['a path', { url: '/etc' }],
    ['a relative path', { url: '../manifests' }],
    ['an address like an option', { url: '--upload-pack=touch /tmp/owned' }],
    ['a host like an option', { url: 'ssh://-oProxyCommand=touch/x' }],
    ['a short address with a host like an option', { url: '-oProxyCommand=x:y' }],
    ['a short address with a path like an option', { url: 'git@example.org:-x' }],
    ['a user like an option', { url: 'ssh://-l@example.org/x' }],
    ['http to elsewhere', { url: 'http://example.org/x' }],
    ['the git protocol', { url: 'git://example.org/x' }],
    ['a password in the address', { url: 'https://ada:pass@example.org/x' }],
    ['a line break', { url: 'https://example.org/x\nfile:///etc' }],
    ['a branch like an option', { ref: { branch: '--upload-pack=x' } }],
    ['a branch with a glob', { ref: { branch: 'ma*n' } }],
    ['a branch with a refspec', { ref: { branch: 'main:refs/heads/x' } }],
    ['a tag that leads out', { ref: { tag: '../../x' } }],
    ['a shortened commit', { ref: { commit: 'abcdef1' } }],
    ['no range', { ref: { semver: 'newest' } }],
    ['a path out of the repository', { paths: ['../other'] }],
    ['an absolute path in the repository', { paths: ['/etc'] }],
    ['no path', { paths: [] }],
    ['ssh with whatever key there is', { url: 'git@example.org:x' }],
    ['a key for https', { credentials: { sshKeyFile: '/key', knownHostsFile: '/known' } }],
    ['verification by nobody', { verify: { mode: 'commits' } }],
    ['signed tags of a branch', { verify: { mode: 'tag', sshAllowedSigners: '/a' } }],
  ])('%s is refused before anything is asked', (_what, own) => {
    expect(() => createGitSource({ settings: { ...settings, ...own }, folder: '/nonexistent', clock: systemClock })).toThrowError(
      expect.objectContaining({ code: 'Refused' }),
    );
  });

  const key = { sshKeyFile: '/key', knownHostsFile: '/known' };

  it.each<[string, GitSourceSettings['credentials']]>([
    ['https://example.org/team/manifests.git', null],
    ['http://127.0.0.1:80/x', null],
    ['ssh://git@example.org:2222/x.git', key],
    ['git@example.org:team/x.git', key],
    ['example.org:x', key],
  ])('%s is an address', (url, credentials) => {
    expect(() =>
      createGitSource({ settings: { ...settings, url, credentials }, folder: '/nonexistent', clock: systemClock }),
    ).not.toThrow();
  });
});

describe('with a repository', () => {
  afterEach(() => harness.end());

  describe('a repository', () => {
    it('with links has them reported, and nothing of theirs read or laid out', async () => {
      await start({
        'passwd.yaml': { link: '/etc/passwd' },
        'up.yaml': { link: '../../outside.yaml' },
        'inside.yaml': { link: 'real.yaml' },
        folder: { link: '/etc' },
        'real.yaml': 'a: 1',
      });
      expect(Object.keys(harness.problems)).toEqual(['inside.yaml', 'passwd.yaml', 'up.yaml']);
      expect(harness.texts['real.yaml']).toBe('a: 1');
      expect(await readdir(harness.tree)).toEqual(['real.yaml']);
    });

    it('whose link becomes a folder is not written through it', async () => {
      await start({ out: { link: '/tmp' }, 'a.yaml': '1' });
      await harness.put({ out: null, 'out/fairlead-owned': 'x' });
      await harness.source.refresh();
      expect((await stat(join(harness.tree, 'out'))).isDirectory()).toBe(true);
      await expect(stat('/tmp/fairlead-owned')).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('with a submodule has it reported, and its address not asked', async () => {
      await start({
        '.gitmodules': `[submodule "x"]\n\tpath = sub\n\turl = http://127.0.0.1:9/sub.git\n`,
        sub: { submodule: '0123456789012345678901234567890123456789' },
        'a.yaml': '1',
      });
      expect(Object.keys(harness.problems)).toEqual(['sub']);
      expect(await readdir(harness.tree)).toEqual(['.gitmodules', 'a.yaml']);
    });

    it('with a manifest in LFS has it explained', async () => {
      await start({ 'a.yaml': 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n' });
      expect(harness.problems['a.yaml']).toContain('Git LFS');
    });

    it('with paths that differ by case has both named', async () => {
      await start({ 'Weather.yaml': '1', 'weather.yaml': '2', 'sub/ä.yaml': '1', 'sub/a\u0308.yaml': '2', 'ok.yaml': '3' });
      expect(Object.keys(harness.problems).sort()).toEqual(['Weather.yaml', 'sub/a\u0308.yaml', 'sub/ä.yaml', 'weather.yaml'].sort());
      await harness.put({ 'Weather.yaml': null });
      await harness.source.refresh();
      expect([harness.problems['weather.yaml'], harness.texts['weather.yaml']]).toEqual([undefined, '2']);
    });

    it.each(['..', '.git', 'a/../..'])('with a tree entry %j is refused as built to mislead', async (name) => {
      await start({ 'a.yaml': '1' });
      const blob = await harness.repository.git('rev-parse', 'main:a.yaml');
      const tree = Buffer.concat([
        Buffer.from(`100644 a.yaml\0`),
        Buffer.from(blob, 'hex'),
        Buffer.from(`100644 ${name}\0`),
        Buffer.from(blob, 'hex'),
      ]);
      const file = join(harness.folder, 'tree');
      await writeFile(file, tree);
      const id = await harness.repository.git('hash-object', '-t', 'tree', '-w', '--literally', file);
      const commit = await harness.repository.git('commit-tree', id, '-p', 'main', '-m', 'Mislead');
      await harness.repository.git('update-ref', 'refs/heads/main', commit);
      await harness.source.refresh();
      expect(harness.witness.failures).toHaveLength(1);
      expect([harness.witness.snapshots.length, await readdir(harness.tree)]).toEqual([1, ['a.yaml']]);
    });

    it('with no manifests gives an empty Snapshot, for the prune guard to judge', async () => {
      await start({ 'a.yaml': '1', README: 'x' });
      await harness.put({ 'a.yaml': null });
      await harness.source.refresh();
      expect(harness.witness.snapshots.map(({ files }) => files.length)).toEqual([1, 0]);
    });

    it('with a hostile author and subject has them made fit to show', async () => {
      await start({ 'a.yaml': '1' });
      await harness.repository.commit({ 'a.yaml': '2' }, { author: 'A\u001b[2Jda\u202e', subject: `x\u0007${'y'.repeat(500)}` });
      await harness.source.refresh();
      const { author, subject } = harness.witness.snapshots.at(-1)!.commit!;
      expect(author).toBe('A\ufffd[2Jda\ufffd');
      expect([subject.startsWith('x\ufffdyyy'), subject.length]).toEqual([true, 200]);
    });

    it('with more than maxBytes is refused, whether it is much to fetch or much to unpack', async () => {
      await start({ 'a.yaml': '1' }, { maxBytes: 1_000_000 });
      const noise = Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => (index * 2_654_435_761) >>> (index % 24)));
      await harness.put({ 'noise.bin': noise });
      await harness.source.refresh();
      await harness.put({ 'noise.bin': Buffer.alloc(2_000_000) });
      await harness.source.refresh();
      expect(harness.witness.failures).toHaveLength(1);
      expect(harness.witness.failures[0]).toContain('maxBytes');
      expect(harness.witness.events.map(({ reason }) => reason)).toEqual(['CommitTooLarge']);
      expect([harness.texts, await readdir(harness.tree)]).toEqual([{ 'a.yaml': '1' }, ['a.yaml']]);
      await harness.put({ 'noise.bin': null });
      await harness.source.refresh();
      expect(harness.witness.snapshots).toHaveLength(2);
    });

    it('with too much in the history since the applied one, and a server that leaves no files out, says what would help', async () => {
      await start({ 'a.yaml': '1' }, { maxBytes: 1_000_000 });
      await harness.repository.git('config', 'uploadpack.allowFilter', 'false');
      const noise = Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => (index * 2_654_435_761) >>> (index % 24)));
      await harness.put({ 'noise.bin': noise });
      await harness.source.refresh();
      await harness.put({ 'noise.bin': null });
      await harness.source.refresh();
      expect(harness.witness.events.map(({ reason }) => reason)).toEqual(['CommitTooLarge', 'RewindRefused']);
      expect(harness.witness.failures.at(-1)).toMatch(
        /Whether commit \w+ .* follows from .* cannot be found out.*uploadpack\.allowFilter.*allowRewind/,
      );
      await harness.restart({ allowRewind: true });
      const { events, failures, snapshots } = harness.witness;
      expect([failures, events.map(({ reason }) => reason), snapshots.length]).toEqual([[], ['HistoryRewound'], 2]);
    });

    it.each([
      ['a name', 'n'.repeat(256)],
      ['a path', `${'d/'.repeat(2_100)}deep`],
    ])('with %s that is longer than a file system takes is an Issue there, and the others are taken', async (_what, path) => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2', [path]: 'x' });
      await harness.source.refresh();
      expect(harness.witness.failures).toEqual([]);
      expect(harness.texts).toMatchObject({ 'a.yaml': '2' });
      const problem = harness.witness.snapshots.at(-1)!.files.find((file) => file.path === path)?.problem;
      expect(problem).toContain('longer than');
    });

    it('that could be laid out by half alone, and is taken back, leaves the files of the one before', async () => {
      await start({ 'a.yaml': '1', 'b.txt': '1' });
      const first = (await harness.repository.tip())!;
      await harness.put({ 'a.yaml': '2', 'b.txt': '2' });
      const write = vi.spyOn(ExportedTree.prototype, 'write').mockRejectedValueOnce(new Error('ENOSPC: no space left on device'));
      await harness.source.refresh();
      write.mockRestore();
      expect(harness.witness.failures).toHaveLength(1);
      await rm(join(harness.tree, 'b.txt'));
      await harness.repository.git('update-ref', 'refs/heads/main', first);
      await harness.source.refresh();
      expect(harness.witness.snapshots.at(-1)!.id).toBe(first);
      expect(await readFile(join(harness.tree, 'b.txt'), 'utf8')).toBe('1');
    });

    it('with a corrupt object is told, and what was applied stays', async () => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': 'two', 'b.yaml': 'three' });
      const id = await harness.repository.git('rev-parse', 'main:b.yaml');
      // As loose objects, one of which is then spoilt.
      const packs = join(harness.repository.path, 'objects/pack');
      const moved = join(harness.folder, 'packs');
      execFileSync('mv', [packs, moved]);
      for (const pack of (await readdir(moved)).filter((name) => name.endsWith('.pack')))
        execFileSync('git', ['-C', harness.repository.path, 'unpack-objects', '-q'], { input: await readFile(join(moved, pack)) });
      const loose = join(harness.repository.path, 'objects', id.slice(0, 2), id.slice(2));
      await chmod(loose, 0o644);
      await writeFile(loose, 'spoilt');
      await harness.source.refresh();
      expect([harness.witness.failures.length, harness.texts]).toEqual([1, { 'a.yaml': '1' }]);
    });
  });

  describe('the mirror', () => {
    it('that is damaged is made anew by itself', async () => {
      await start({ 'a.yaml': '1', 'b.yaml': '1' });
      const packs = join(harness.mirror, 'objects/pack');
      for (const name of (await readdir(packs)).filter((file) => file.endsWith('.pack'))) {
        await chmod(join(packs, name), 0o644);
        await writeFile(join(packs, name), 'spoilt');
      }
      await harness.put({ 'a.yaml': '2' });
      await harness.source.refresh();
      expect([harness.texts, harness.witness.failures]).toEqual([{ 'a.yaml': '2', 'b.yaml': '1' }, []]);
    });

    it('that a crash left locked is made anew', async () => {
      await start({ 'a.yaml': '1' });
      await writeFile(join(harness.mirror, 'shallow.lock'), '');
      await writeFile(join(harness.mirror, 'refs/fairlead/incoming.lock'), '');
      await harness.put({ 'a.yaml': '2' });
      await harness.source.refresh();
      expect([harness.texts, harness.witness.failures]).toEqual([{ 'a.yaml': '2' }, []]);
    });

    it('that is gone at a restart is made anew', async () => {
      await start({ 'a.yaml': '1' });
      await rm(harness.mirror, { recursive: true });
      await harness.restart();
      expect([harness.texts, harness.witness.failures]).toEqual([{ 'a.yaml': '1' }, []]);
    });
  });

  describe('a server', () => {
    it('that has no such repository is named, with when it is tried again', async () => {
      await start({ 'a.yaml': '1' });
      await harness.lose();
      await harness.source.refresh();
      expect(harness.witness.failures[0]).toMatch(new RegExp(`no such repository on ${harness.server.host}.*Tried again every 1h\\.$`));
    });

    it('that refuses the credentials is named, and the secret in none of its forms', async () => {
      process.env['FAIRLEAD_TEST_PASSWORD'] = secret;
      harness = await GitHarness.make({ 'a.yaml': '1' }, { credentials: { username: 'ada', password: { env: 'FAIRLEAD_TEST_PASSWORD' } } });
      harness.server.login = 'ada:other';
      await harness.start();
      const [message] = harness.witness.failures;
      expect(message).toContain(`${harness.server.host} refused the credentials`);
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(`ada:${secret}`).toString('base64')])
        expect(message).not.toContain(form);
      harness.server.login = `ada:${secret}`;
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'a.yaml': '1' });
    });

    it('that says the secret back is not quoted', async () => {
      process.env['FAIRLEAD_TEST_PASSWORD'] = secret;
      harness = await GitHarness.make({ 'a.yaml': '1' }, { credentials: { token: { env: 'FAIRLEAD_TEST_PASSWORD' } } });
      harness.server.instead = (request, response) => {
        response.writeHead(500, { 'content-type': 'text/plain' });
        response.end(`${Buffer.from(request.headers.authorization!.slice(6), 'base64').toString()} ${request.headers.authorization}\n`);
      };
      await harness.start();
      expect(harness.witness.failures[0]).toContain('has a problem of its own');
      expect(harness.witness.failures[0]).not.toContain('hunter2');
      expect(harness.witness.failures[0]).not.toContain(Buffer.from(`x-access-token:${secret}`).toString('base64'));
    });

    it('never sees the secret when it is not the one in the address', async () => {
      process.env['FAIRLEAD_TEST_PASSWORD'] = secret;
      harness = await GitHarness.make({ 'a.yaml': '1' }, { credentials: { token: { env: 'FAIRLEAD_TEST_PASSWORD' } } });
      const other = await GitHarness.make({ 'a.yaml': '2' });
      const seen: unknown[] = [];
      other.server.instead = (request, response) => {
        seen.push(request.headers);
        response.writeHead(404).end();
      };
      harness.server.instead = (request, response) =>
        void response.writeHead(301, { location: other.server.url('') + request.url!.slice(1) }).end();
      await harness.start();
      expect([harness.witness.failures.length, seen]).toEqual([1, []]);
      await other.end();
    });

    it('that hangs is given up after timeoutMs, and no process is left', async () => {
      await start({ 'a.yaml': '1' });
      harness.server.instead = () => undefined;
      await harness.restart({ timeoutMs: 2_000 });
      expect([harness.texts, harness.witness.failures.length]).toEqual([{ 'a.yaml': '1' }, 1]);
      expect(harness.witness.failures[0]).toContain('did not answer within 2s');
      await expect.poll(() => gitProcesses(harness.server.host)).toEqual([]);
    });

    it('of ssh that hangs is given up likewise', async () => {
      await start({ 'a.yaml': '1' });
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const file = join(harness.folder, 'key');
      await writeFile(file, '');
      const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
      await harness.restart({ url: `ssh://${host}/x`, timeoutMs: 2_000, credentials: { sshKeyFile: file, knownHostsFile: file } });
      expect(harness.witness.failures[0]).toContain(`${host} did not answer within 2s`);
      await expect.poll(() => gitProcesses(host.split(':')[1]!)).toEqual([]);
      silent.close();
    });

    it('that goes away in the middle of a fetch is told', async () => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2' });
      let count = 0;
      const { server } = harness;
      const breakOff: typeof server.instead = (request, response) => {
        count += 1;
        if (count > 3) return void request.socket.destroy();
        server.instead = null;
        server.answer(request, response);
        server.instead = breakOff;
      };
      server.instead = breakOff;
      await harness.source.refresh();
      server.instead = null;
      expect([harness.witness.failures.length, harness.texts]).toEqual([1, { 'a.yaml': '1' }]);
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'a.yaml': '2' });
    });
  });

  describe("the machine's own git configuration", () => {
    it('takes no part: hooks, helpers, aliases and rewritten addresses of the user are not there', async () => {
      harness = await GitHarness.make({ 'a.yaml': '1' });
      const owned = join(harness.folder, 'owned');
      const config = join(harness.folder, 'gitconfig');
      await writeFile(
        config,
        `[core]\n\thooksPath = ${harness.folder}\n[credential]\n\thelper = "!touch ${owned}"\n[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n`,
      );
      await writeFile(join(harness.folder, 'reference-transaction'), `#!/bin/sh\ntouch ${owned}\n`, { mode: 0o755 });
      const before = { ...process.env };
      Object.assign(process.env, {
        GIT_CONFIG_GLOBAL: config,
        GIT_ASKPASS: `touch ${owned}`,
        GIT_DIR: '/nonexistent',
        GIT_SSH_COMMAND: `touch ${owned}`,
      });
      try {
        await harness.start();
        harness.server.login = 'ada:other';
        await harness.source.refresh();
      } finally {
        process.env = before;
      }
      expect([harness.witness.snapshots.length, harness.witness.failures.length]).toEqual([1, 1]);
      await expect(stat(owned)).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  describe('a secret', () => {
    it('is in no argument of a running git', async () => {
      process.env['FAIRLEAD_TEST_PASSWORD'] = secret;
      harness = await GitHarness.make({ 'a.yaml': '1' }, { credentials: { token: { env: 'FAIRLEAD_TEST_PASSWORD' } } });
      let seen: string[] = [];
      harness.server.instead = (_request, response) => {
        seen = gitProcesses(harness.server.host);
        response.writeHead(404).end();
      };
      await harness.start();
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.join('\n')).not.toContain('hunter2');
      expect(seen.join('\n')).not.toContain(Buffer.from(`x-access-token:${secret}`).toString('base64'));
    });

    it('is not shown to whoever sets DEBUG', async () => {
      await start({ 'a.yaml': '1' });
      const sources = new URL('../../../src/', import.meta.url);
      const script = `
        import { Git } from '${new URL('sources/git/git.ts', sources).href}';
        import { gitEnvironment } from '${new URL('sources/git/environment.ts', sources).href}';
        import { systemClock } from '${new URL('processes/clock.ts', sources).href}';
        const address = { url: 'http://127.0.0.1:9/x', protocol: 'http', host: '127.0.0.1:9' };
        const env = gitEnvironment(null, { address, login: { username: 'ada', password: 'hunter2' }, timeoutMs: 20_000 });
        await new Git('/', systemClock, new AbortController().signal).text(['ls-remote', 'origin'], { env, timeoutMs: 20_000 }).catch(() => 0);`;
      const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, DEBUG: '*' },
        encoding: 'utf8',
      });
      expect([run.status, run.stderr.includes(Buffer.from('ada:hunter2').toString('base64'))]).toEqual([0, false]);
    });

    it('whose reference leads nowhere is named by its reference', async () => {
      delete process.env['FAIRLEAD_TEST_PASSWORD'];
      await start({ 'a.yaml': '1' }, { credentials: { token: { env: 'FAIRLEAD_TEST_PASSWORD' } } });
      expect(harness.witness.failures[0]).toContain('FAIRLEAD_TEST_PASSWORD is not set');
    });
  });
});

/** Command lines of processes that speak with that host. */
function gitProcesses(host: string): string[] {
  return execFileSync('ps', ['axww', '-o', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(host) && /\bgit|ssh/.test(line));
}
