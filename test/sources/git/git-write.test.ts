/** Writing to a git repository over http: what a commit holds and says, which branch it is pushed to, how it is signed, and what is refused before anything is pushed. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { Change, Written } from '../../../src/ports/source.ts';
import { gitEnvironment } from '../../../src/sources/git/environment.ts';
import type { GitSourceSettings } from '../../../src/sources/git/settings.ts';
import type { Entry } from '../../fixtures/git-repository.ts';
import { signCommit, sshSigner } from '../../fixtures/signing.ts';
import { changeOf } from '../../ports/source-contract.ts';
import { GitHarness } from './git-harness.ts';

let harness: GitHarness;
const start = async (files: Readonly<Record<string, Entry>>, own: Partial<GitSourceSettings> = {}): Promise<void> => {
  harness = await GitHarness.make(files, own);
  await harness.start();
};
const write = (files: Change['files'], own: Partial<Change> = {}): Promise<Written> => harness.write(files, own);
const show = (format: string, ref = 'main'): Promise<string> => harness.repository.git('log', '-1', `--format=${format}`, ref);
const text = (path: string, ref = 'main'): Promise<string> => harness.repository.git('show', `${ref}:${path}`);

afterEach(() => harness.end());

describe('a commit', () => {
  it('holds the change and nothing else, says who made it and why, and is what the branch is then', async () => {
    await start({ 'a.yaml': '1', 'b.yaml': '1', 'other.txt': 'x', 'run.json': { executable: '{}' } });
    const onto = await harness.repository.tip();
    const written = await write(
      { 'a.yaml': '2\n', 'b.yaml': null, 'deep/er/c.yaml': '3', 'run.json': '{"a":1}' },
      {
        subject: 'Weather by the hour',
        body: 'Because\nit changes.\n\nOften.',
        trailers: [
          ['Fairlead-Verb', 'apply'],
          ['Fairlead-Requested-By', 'uid:1000'],
        ],
        author: { name: 'Grace Hopper', email: 'grace@example.org' },
      },
    );
    expect(written).toEqual({ snapshot: await harness.repository.tip(), branch: 'main' });
    expect(await harness.repository.git('ls-tree', '-r', '--format=%(objectmode) %(path)', 'main')).toBe(
      '100644 a.yaml\n100644 deep/er/c.yaml\n100644 other.txt\n100755 run.json',
    );
    expect([await text('a.yaml'), await text('deep/er/c.yaml'), await text('run.json')]).toEqual(['2', '3', '{"a":1}']);
    expect(await show('%P|%an <%ae>|%cn <%ce>')).toBe(`${onto}|Grace Hopper <grace@example.org>|Fairlead <fairlead@localhost>`);
    expect(await show('%B')).toBe(
      'Weather by the hour\n\nBecause\nit changes.\n\nOften.\n\nFairlead-Verb: apply\nFairlead-Requested-By: uid:1000',
    );
    expect(await show('%(trailers:key=Fairlead-Verb,valueonly)')).toBe('apply');
    expect(harness.witness.snapshots.at(-1)!.commit).toMatchObject({ author: 'Grace Hopper', subject: 'Weather by the hour' });
  });

  it('is good for every server also where its author has no address', async () => {
    await start({ 'a.yaml': '1' });
    await harness.repository.git('config', 'receive.fsckObjects', 'true');
    await write({ 'a.yaml': '2' }, { author: { name: 'Ada', email: '' } });
    expect(await show('%an <%ae>')).toBe('Ada <>');
  });

  it('is by the name of the settings where nobody else made it', async () => {
    await start({ 'a.yaml': '1' }, { writes: { name: 'Ops', email: 'ops@example.org', signingKeyFile: null } });
    await write({ 'a.yaml': '2' });
    expect(await show('%an <%ae> %cn <%ce>')).toBe('Ops <ops@example.org> Ops <ops@example.org>');
  });

  it('is not led astray by texts that look like options, headers or trailers', async () => {
    await start({ 'a.yaml': '1' });
    await write(
      { 'a.yaml': '2' },
      {
        subject: '--amend\nparent 0000\u0007\u202e',
        body: '---\nno end\u001b[31m\r\n\r\nSigned-off-by: Eve',
        trailers: [['Fairlead-Verb', 'apply\nFairlead-Plan: forged']],
        author: { name: 'Eve <eve@x> 0 +0000\ncommitter', email: 'eve@x>\n <y' },
      },
    );
    expect(await show('%an|%ae|%cn')).toBe('Eve eve@x 0 +0000 committer|eve@xy|Fairlead');
    expect(await show('%B')).toBe(
      '--amend parent 0000\n\n---\nno end[31m\n\nSigned-off-by: Eve\nFairlead-Verb: apply Fairlead-Plan: forged',
    );
  });

  it('that would change nothing is not made: what it was to be made onto is answered, and no branch', async () => {
    await start({ 'a.yaml': '1' });
    const onto = (await harness.repository.tip())!;
    expect(await write({ 'a.yaml': '1', 'none.yaml': null }, { branch: 'proposal' })).toEqual({ snapshot: onto, branch: null });
    expect(await harness.repository.tip('proposal')).toBeNull();
  });

  it('is taken without being fetched: a write is one push', async () => {
    await start({ 'a.yaml': '1' });
    harness.server.requests.length = 0;
    await write({ 'a.yaml': '2' });
    expect(new Set(harness.server.requests)).toEqual(
      new Set(['GET /manifests.git/info/refs?service=git-receive-pack', 'POST /manifests.git/git-receive-pack']),
    );
    harness.server.requests.length = 0;
    await harness.source.refresh();
    // Two requests are one ls-remote.
    expect([harness.server.requests.length, harness.witness.snapshots.length]).toEqual([2, 2]);
  });

  it('is gone on from by others, and after a restart', async () => {
    await start({ 'a.yaml': '1' });
    await write({ 'a.yaml': '2' });
    await harness.put({ 'b.yaml': '1' });
    await harness.source.refresh();
    await write({ 'b.yaml': '2' });
    await harness.restart();
    await write({ 'a.yaml': '3' });
    expect([harness.texts, harness.witness.failures]).toEqual([{ 'a.yaml': '3', 'b.yaml': '2' }, []]);
    expect(await harness.repository.git('rev-list', '--count', 'main')).toBe('5');
    expect(await harness.repository.git('fsck', '--strict')).toBe('');
  });

  it('leaves nothing lying about, be it made or not', async () => {
    await start({ 'a.yaml': '1' });
    const before = await readdir(join(harness.folder, 'source'));
    await write({ 'a.yaml': '2' });
    await expect(write({ 'a.yaml': '3', 'a.yaml/b.yaml': '1' })).rejects.toMatchObject({ code: 'Refused' });
    expect(await readdir(join(harness.folder, 'source'))).toEqual(before);
  });

  it('is made in a mirror that somebody broke after it has been read anew', async () => {
    await start({ 'a.yaml': '1' });
    const objects = join(harness.mirror, 'objects', 'pack');
    for (const name of await readdir(objects)) await writeFile(join(objects, name), 'broken').catch(() => undefined);
    const onto = harness.witness.snapshots.at(-1)!.id;
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({ code: 'SourceMoved' });
    await harness.source.write(changeOf({ 'a.yaml': '2' }, onto));
    expect([harness.texts, await text('a.yaml')]).toEqual([{ 'a.yaml': '2' }, '2']);
  });
});

describe('a repository of which only some paths are followed', () => {
  const files = { 'deploy/a.yaml': '1', 'more.yaml': '1', 'big/video.bin': 'x'.repeat(100_000), linked: { link: 'deploy' } };

  it('keeps all that is elsewhere, which is never fetched', async () => {
    await start(files, { paths: ['deploy', 'more.yaml'] });
    harness.server.requests.length = 0;
    await write({ 'deploy/a.yaml': '2', 'deploy/new/b.yaml': '1', 'more.yaml': null, 'deploy/fairlead.lock': 'x' });
    expect(harness.server.requests.filter((request) => request.includes('upload-pack'))).toEqual([]);
    expect(await harness.repository.git('ls-tree', '-r', '--name-only', 'main')).toBe(
      'big/video.bin\ndeploy/a.yaml\ndeploy/fairlead.lock\ndeploy/new/b.yaml\nlinked',
    );
    const video = await harness.repository.git('rev-parse', 'main:big/video.bin');
    const held = await harness.repository.gitWith({ GIT_DIR: harness.mirror }, 'cat-file', '--batch-all-objects', '--batch-check');
    expect(held).not.toContain(video);
    // Neither a sweep nor a look at all objects stumbles over what is not here.
    await harness.repository.gitWith(gitEnvironment(harness.mirror, null), 'gc', '--quiet');
    await harness.repository.gitWith(gitEnvironment(harness.mirror, null), 'fsck', '--connectivity-only');
    await write({ 'deploy/a.yaml': '3' });
    await harness.put({ 'deploy/a.yaml': '4', 'big/video.bin': 'y' });
    await harness.source.refresh();
    expect([harness.texts, harness.witness.failures]).toEqual([
      { 'deploy/a.yaml': '4', 'deploy/new/b.yaml': '1', 'deploy/fairlead.lock': 'x' },
      [],
    ]);
  });

  it.each(['else.yaml', 'deployed/a.yaml', 'fairlead.lock'])('refuses %s, which would not be read', async (path) => {
    await start(files, { paths: ['deploy', 'more.yaml'] });
    await expect(write({ [path]: '1' })).rejects.toMatchObject({
      code: 'Refused',
      message: `${path} is not under the paths that this source looks into: deploy, more.yaml.`,
    });
  });

  it('refuses a path through a link that lies outside of what it looks into', async () => {
    await start(files, { paths: ['linked/sub'] });
    await expect(write({ 'linked/sub/a.yaml': '1' })).rejects.toMatchObject({
      code: 'Refused',
      message: 'linked/sub/a.yaml cannot be written: linked stands in its place.',
    });
    expect(await harness.repository.git('ls-tree', '--format=%(objectmode)', 'main', 'linked')).toBe('120000');
  });
});

describe('paths that a repository makes dangerous', () => {
  const files: Readonly<Record<string, Entry>> = {
    'a.yaml': '1',
    'folder.yaml/b.yaml': '1',
    'link.yaml': { link: 'a.yaml' },
    linked: { link: '/etc' },
    module: { submodule: '1234567890123456789012345678901234567890' },
  };

  it.each([
    ['link.yaml', 'it is a symbolic link'],
    ['linked/a.yaml', 'linked stands in its place'],
    ['module/a.yaml', 'module stands in its place'],
    ['a.yaml/b.yaml', 'a.yaml stands in its place'],
    ['folder.yaml', 'folder.yaml/b.yaml stands in its place'],
    ['A.yaml', 'differs from a.yaml by case alone'],
    ['git~1/a.yaml', 'not a file that a repository may hold'],
    ['new\nline.yaml', 'not a file that a source may hold'],
    ['.git/a.yaml', 'not a file that a source may hold'],
  ])('%j is refused: %s', async (path, words) => {
    await start(files);
    const onto = await harness.repository.tip();
    await expect(write({ 'good.yaml': '1', [path]: 'x' })).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining(words),
    });
    expect(await harness.repository.tip()).toBe(onto);
  });
});

describe('a proposal', () => {
  it('is a branch of its own; what is followed stays, and a merge is taken as any other', async () => {
    await start({ 'a.yaml': '1' });
    const onto = await harness.repository.tip();
    const written = await write({ 'a.yaml': '2' }, { branch: 'fairlead/apply-a-1' });
    expect(written).toEqual({ snapshot: await harness.repository.tip('fairlead/apply-a-1'), branch: 'fairlead/apply-a-1' });
    expect([await harness.repository.tip(), await show('%P', 'fairlead/apply-a-1'), harness.witness.snapshots.length]).toEqual([
      onto,
      onto,
      1,
    ]);
    await harness.repository.git('update-ref', 'refs/heads/main', written.snapshot);
    await harness.source.refresh();
    expect([harness.texts, harness.witness.failures]).toEqual([{ 'a.yaml': '2' }, []]);
  });

  it('is pushed while the source is suspended', async () => {
    await start({ 'a.yaml': '1' });
    harness.source.suspend();
    await write({ 'a.yaml': '2' }, { branch: 'later' });
    expect(await text('a.yaml', 'later')).toBe('2');
  });

  it('on a branch that is there with another commit is refused, also one behind, and the branch stays', async () => {
    await start({ 'a.yaml': '1' });
    const theirs = await harness.repository.commit({ 'a.yaml': 'theirs' }, { branch: 'taken', parent: null });
    await harness.repository.git('branch', 'behind', 'main');
    const behind = await harness.repository.tip('behind');
    for (const branch of ['taken', 'behind', 'main'])
      await expect(write({ 'a.yaml': '2' }, { branch })).rejects.toMatchObject({
        code: 'Refused',
        message: expect.stringContaining(`has a branch ${branch} already, with another commit`),
        data: { branch, taken: true },
      });
    expect([await harness.repository.tip('taken'), await harness.repository.tip('behind')]).toEqual([theirs, behind]);
  });

  it('that was pushed before is the same one again', async () => {
    await start({ 'a.yaml': '1' }, { writes: { name: 'Ops', email: 'o@x', signingKeyFile: null } });
    const first = await write({ 'a.yaml': '2' }, { branch: 'again', subject: 'One' });
    expect(await write({ 'a.yaml': '2' }, { branch: 'again', subject: 'Two' })).toEqual(first);
    expect(await show('%s', 'again')).toBe('One');
  });

  it.each(['', '-x', 'a..b', 'a b', 'a~1', 'a.lock', '/a', 'a/', '@{-1}', 'HEAD', 'x\u0000', 'refs/../main', 'a:b'])(
    'is refused where its name %j is none that a branch can have',
    async (branch) => {
      await start({ 'a.yaml': '1' });
      await expect(harness.repository.git('check-ref-format', '--branch', branch)).rejects.toThrow();
      await expect(write({ 'a.yaml': '2' }, { branch })).rejects.toMatchObject({
        code: 'Refused',
        message: `${JSON.stringify(branch)} is no name that a branch can have.`,
      });
    },
  );

  it.each(['fairlead/apply-a-1', 'a.b', 'ö', 'a@b', 'feature/x.y'])('may have the name %s', async (branch) => {
    await start({ 'a.yaml': '1' });
    expect(await harness.repository.git('check-ref-format', '--branch', branch)).toBe(branch);
    expect((await write({ 'a.yaml': '2' }, { branch })).branch).toBe(branch);
  });

  it('refused by the server is not told to be proposed', async () => {
    await start({ 'a.yaml': '1' });
    await harness.hook('update', 'exit 1');
    await expect(write({ 'a.yaml': '2' }, { branch: 'x' })).rejects.toMatchObject({
      code: 'Refused',
      data: { next: 'give the source credentials that may push such branches' },
    });
  });
});

describe('where no branch is followed', () => {
  it.each(['tag', 'semver', 'commit'] as const)('a %s takes neither a commit nor a proposal', async (kind) => {
    harness = await GitHarness.make({ 'a.yaml': '1' });
    await harness.repository.git('tag', 'v1.0.0', 'main');
    const commit = (await harness.repository.tip())!;
    const refs = { tag: { tag: 'v1.0.0' }, semver: { semver: '1.x' }, commit: { commit } };
    await harness.restart({ ref: refs[kind] });
    expect(harness.texts).toEqual({ 'a.yaml': '1' });
    for (const branch of [null, 'proposal'])
      await expect(write({ 'a.yaml': '2' }, { branch })).rejects.toMatchObject({
        code: 'Refused',
        message: expect.stringContaining('and no branch that something could be written to'),
      });
    expect(await harness.repository.git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/main\nrefs/tags/v1.0.0');
  });

  it('a source that has not been read takes none', async () => {
    harness = await GitHarness.make({ 'a.yaml': '1' });
    await expect(harness.source.write(changeOf({ 'a.yaml': '2' }, 'x'))).rejects.toMatchObject({ code: 'Refused' });
  });
});

describe('where commits must be signed', () => {
  const verify = async (...allowed: readonly string[]): Promise<GitSourceSettings['verify']> => {
    const sshAllowedSigners = join(harness.folder, 'allowed');
    await writeFile(sshAllowedSigners, allowed.join(''));
    return { mode: 'commits', sshAllowedSigners };
  };
  /** A source that takes commits of ada's and fairlead's, at one of ada's. */
  async function startVerifying(key: string | null): Promise<void> {
    harness = await GitHarness.make({ 'a.yaml': '1' });
    const [ada, fairlead] = [sshSigner(harness.folder, 'ada'), sshSigner(harness.folder, 'fairlead')];
    sshSigner(harness.folder, 'eve');
    await signCommit(harness.repository, ada);
    const signingKeyFile = key === null ? null : join(harness.folder, key);
    await harness.restart({
      verify: await verify(ada.allowed, fairlead.allowed),
      writes: { name: 'Fairlead', email: 'f@x', signingKeyFile },
    });
  }

  it('commits are signed with the key of the settings, and taken', async () => {
    await startVerifying('fairlead');
    await write({ 'a.yaml': '2' });
    expect([harness.texts, harness.witness.failures]).toEqual([{ 'a.yaml': '2' }, []]);
    expect(await harness.repository.git('cat-file', 'commit', 'main')).toContain('-----BEGIN SSH SIGNATURE-----');
    // And so they are by one that reads them from the server.
    await rm(join(harness.folder, 'source'), { recursive: true });
    await mkdir(join(harness.folder, 'source'));
    await harness.restart({ verify: await verify(`f@x ${await readFile(join(harness.folder, 'fairlead.pub'), 'utf8')}`) });
    expect(harness.texts).toEqual({ 'a.yaml': '2' });
  });

  it('without a key a commit is refused before anything is pushed, and a proposal is not', async () => {
    await startVerifying(null);
    const onto = await harness.repository.tip();
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('one of its own would be refused'),
      data: { next: 'give writes.signingKeyFile, or propose it (--propose)' },
    });
    await write({ 'a.yaml': '2' }, { branch: 'proposal' });
    expect([await harness.repository.tip(), await text('a.yaml', 'proposal')]).toEqual([onto, '2']);
  });

  it('a key that is not allowed is found before anything is pushed', async () => {
    await startVerifying('eve');
    const onto = await harness.repository.tip();
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringMatching(/would refuse the commit: it is signed with a key that is not among those/),
    });
    expect([await harness.repository.tip(), harness.witness.failures]).toEqual([onto, []]);
  });

  it.each([
    ['is not there', async () => undefined],
    ['is no key', (file: string) => writeFile(file, 'x', { mode: 0o600 })],
    ['has a passphrase', (file: string) => promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'long enough', '-f', file])],
  ])('a key that %s says so, and nobody is asked', async (_what, make) => {
    await startVerifying('other');
    await make(join(harness.folder, 'other'));
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('writes.signingKeyFile cannot sign a commit: '),
    });
  });
});
