/** Manifests of any ref of a repository that somebody works in. */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/processes/clock.ts';
import { LocalRepository, type RefFiles } from '../../../src/sources/git/local-repository.ts';
import { GitRepository, plainGit } from '../../fixtures/git-repository.ts';
import { temporaryFolder } from './git-harness.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  git('init', '--quiet', '--initial-branch=main');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function git(...args: readonly string[]): string {
  return execFileSync('git', ['-C', folder, ...args], { env: plainGit, encoding: 'utf8' }).trim();
}

async function commit(files: Readonly<Record<string, string>>, subject: string): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  git('add', '.');
  git('commit', '--quiet', '-m', subject);
}

const texts = ({ files }: RefFiles): Record<string, string> =>
  Object.fromEntries(files.map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)]));

describe('a repository on this machine', () => {
  it('is not said to be none where there is no git to ask', async () => {
    vi.stubEnv('PATH', folder);
    try {
      await expect(LocalRepository.open(folder, systemClock)).rejects.toMatchObject({ code: 'CommandNotFound' });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('gives the manifests of each ref, whatever its working tree holds, and leaves that alone', async () => {
    await commit({ 'm/a.yaml': '1', 'm/b.yaml': '1', 'README.md': 'x', '.github/ci.yaml': 'x' }, 'First');
    await commit({ 'm/a.yaml': '2' }, 'Second');
    await writeFile(join(folder, 'm/a.yaml'), 'not committed');
    const repository = await LocalRepository.open(folder, systemClock);
    const [from, to] = [await repository.files('HEAD~1'), await repository.files('main')];
    expect([texts(from), texts(to)]).toEqual([
      { 'm/a.yaml': '1', 'm/b.yaml': '1' },
      { 'm/a.yaml': '2', 'm/b.yaml': '1' },
    ]);
    expect(to.files[1]).toBe(from.files[1]);
    expect([to.commit.subject, to.commit.author, to.commit.parent]).toEqual(['Second', 'Ada', from.commit.id]);
    expect(git('status', '--porcelain')).toBe('M m/a.yaml');
  });

  it('opened by a folder in it says where that is, and reads only the paths that are asked for', async () => {
    await commit({ 'deploy/m/a.yaml': '1', 'else.yaml': '1' }, 'First');
    const repository = await LocalRepository.open(join(folder, 'deploy'), systemClock);
    expect([repository.root, repository.prefix]).toEqual([folder, 'deploy']);
    expect(texts(await repository.files('HEAD', [repository.prefix]))).toEqual({ 'deploy/m/a.yaml': '1' });
  });

  it('may be bare', async () => {
    const bare = await GitRepository.make();
    await bare.commit({ 'a.yaml': '1' });
    expect(texts(await (await LocalRepository.open(bare.path, systemClock)).files('main'))).toEqual({ 'a.yaml': '1' });
    await bare.end();
  });

  it('of another user is read all the same', async () => {
    await commit({ 'a.yaml': '1' }, 'First');
    if (process.getuid?.() !== 0) return;
    execFileSync('chown', ['-R', 'nobody', folder]);
    expect(texts(await (await LocalRepository.open(folder, systemClock)).files('HEAD'))).toEqual({ 'a.yaml': '1' });
  });

  it.each(['nowhere', '--upload-pack=x', '-x', 'HEAD~9', ''])('has no commit %j, and says so', async (ref) => {
    await commit({ 'a.yaml': '1' }, 'First');
    const repository = await LocalRepository.open(folder, systemClock);
    await expect(repository.files(ref)).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('that has lost an object says so', async () => {
    await commit({ 'a.yaml': '1' }, 'First');
    const id = git('rev-parse', 'HEAD:a.yaml');
    await rm(join(folder, '.git/objects', id.slice(0, 2), id.slice(2)));
    const repository = await LocalRepository.open(folder, systemClock);
    await expect(repository.files('HEAD')).rejects.toMatchObject({ code: 'Refused' });
  });

  it('in which one object was exchanged for another is not believed', async () => {
    await commit({ 'a.yaml': 'honest', 'b.yaml': 'forged' }, 'First');
    const pathOf = (file: string): string => {
      const id = git('rev-parse', `HEAD:${file}`);
      return join(folder, '.git/objects', id.slice(0, 2), id.slice(2));
    };
    await rm(pathOf('a.yaml'));
    await copyFile(pathOf('b.yaml'), pathOf('a.yaml'));
    const repository = await LocalRepository.open(folder, systemClock);
    await expect(repository.files('HEAD')).rejects.toMatchObject({ code: 'Refused' });
  });

  it('runs nothing that its configuration names', async () => {
    await commit({ 'a.yaml': '1' }, 'First');
    for (const key of ['core.fsmonitor', 'core.pager', 'diff.external', 'core.sshCommand', 'core.askPass', 'alias.cat-file'])
      git('config', key, `${key.startsWith('alias') ? '!' : ''}touch ${folder}/owned`);
    await (await LocalRepository.open(folder, systemClock)).files('HEAD');
    expect(await readdir(folder)).not.toContain('owned');
  });
});

it('a folder in no repository is told', async () => {
  const elsewhere = await temporaryFolder();
  await expect(LocalRepository.open(elsewhere, systemClock)).rejects.toMatchObject({ code: 'NotFound' });
  await expect(LocalRepository.open(join(elsewhere, 'none'), systemClock)).rejects.toMatchObject({ code: 'NotFound' });
  await rm(elsewhere, { recursive: true });
});
