/** A git repository as a Source: the contract of every Source over http, what a poll costs, and which commits are taken. */
import { lstat, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../src/ports/clock.ts';
import { systemClock } from '../../../src/processes/clock.ts';
import { createGitSource } from '../../../src/sources/git/git-source.ts';
import type { GitSourceSettings } from '../../../src/sources/git/settings.ts';
import type { Entry } from '../../fixtures/git-repository.ts';
import { sourceContract, textsOf, writableSourceContract } from '../../ports/source-contract.ts';
import { GitHarness, temporaryFolder } from './git-harness.ts';

sourceContract('a git repository over http', (files) => GitHarness.make(files, { intervalMs: 50 }));
writableSourceContract('a git repository over http', (files) => GitHarness.make(files));

let harness: GitHarness;
const start = async (files: Readonly<Record<string, Entry>> | null, own: Partial<GitSourceSettings> = {}): Promise<void> => {
  harness = await GitHarness.make(files, own);
  await harness.start();
};
describe('a git repository', () => {
  afterEach(() => harness.end());

  describe('a poll', () => {
    it('that finds nothing moved asks for the refs and nothing else, whatever the number of manifests', async () => {
      await start(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`m/${index}.yaml`, `n: ${index}`])));
      harness.server.requests.length = 0;
      await harness.source.refresh();
      // Two requests are one ls-remote: capabilities, then the refs.
      expect(harness.server.requests).toEqual([
        'GET /manifests.git/info/refs?service=git-upload-pack',
        'POST /manifests.git/git-upload-pack',
      ]);
    });

    it('takes the newer of two commits at once, as one Snapshot', async () => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2' });
      const newest = await harness.repository.commit({ 'a.yaml': '3' });
      await Promise.all([harness.source.refresh(), harness.source.refresh()]);
      expect(harness.witness.snapshots.map(({ id }) => id).slice(1)).toEqual([newest]);
    });

    it('where there is no git says so, and is made again by itself until there is', async () => {
      harness = await GitHarness.make({ 'a.yaml': '1' }, { intervalMs: 100 });
      vi.stubEnv('PATH', harness.folder);
      try {
        await harness.start();
        expect(harness.witness.failures).toEqual([expect.stringMatching(/no `git` on this machine.* Tried again every 100ms\.$/)]);
      } finally {
        vi.unstubAllEnvs();
      }
      expect((await harness.witness.until(() => true)).files).toHaveLength(1);
    });

    it('of a repository on this machine needs no server', async () => {
      await start({ 'a.yaml': '1' });
      await harness.restart({ url: harness.repository.path, allowLocal: true });
      await harness.put({ 'a.yaml': '2' });
      await harness.source.refresh();
      expect(harness.witness.snapshots.map(({ files }) => files.length)).toEqual([1, 1]);
    });

    it('comes an interval later, give or take a tenth that differs between sources', async () => {
      await start({ 'a.yaml': '1' });
      const delays: number[] = [];
      const clock: Clock = {
        ...systemClock,
        after: (delayMs, callback) => {
          if (delayMs > 1_000_000) delays.push(delayMs / harness.settings.intervalMs);
          return systemClock.after(delayMs, callback);
        },
      };
      for (const name of ['one', 'two', 'three']) {
        const source = createGitSource({ settings: { ...harness.settings, name }, folder: join(harness.folder, name), clock });
        await source.start(harness.witness);
        await source.close();
      }
      expect([delays.length, new Set(delays).size]).toEqual([3, 3]);
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(0.9);
      expect(Math.max(...delays)).toBeLessThanOrEqual(1.1);
    });

    it('asked for often at once is made once', async () => {
      await start({ 'a.yaml': '1' });
      harness.server.requests.length = 0;
      const first = harness.source.refresh();
      await Promise.all([first, ...Array.from({ length: 20 }, () => harness.source.refresh())]);
      expect(harness.server.requests.length).toBeLessThanOrEqual(4);
    });

    it('that was suspended while it read hands out once it is resumed', async () => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2' });
      const { server } = harness;
      server.instead = (request, response) => {
        harness.source.suspend();
        server.instead = null;
        server.answer(request, response);
      };
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'a.yaml': '1' });
      harness.source.resume();
      await harness.witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === '2');
    });

    it('reads only what changed between two commits', async () => {
      await start({ 'a.yaml': '1', 'b.yaml': '1', 'script.sh': 'x' });
      const before = harness.witness.snapshots[0]!;
      const untouched = await stat(join(harness.tree, 'script.sh'));
      await harness.put({ 'b.yaml': '2' });
      await harness.source.refresh();
      const after = harness.witness.snapshots[1]!;
      expect(after.files[0]).toBe(before.files[0]);
      expect((await stat(join(harness.tree, 'script.sh'))).ino).toBe(untouched.ino);
    });

    it('says which commit a Snapshot is of', async () => {
      await start({ 'a.yaml': '1' });
      const parent = await harness.repository.tip();
      const id = await harness.repository.commit(
        { 'a.yaml': '2' },
        { author: 'Grace', subject: 'Weather by the hour\n\nWhy.', at: 1_700_000_000 },
      );
      await harness.source.refresh();
      expect(harness.witness.snapshots.at(-1)!.commit).toEqual({
        id,
        parent,
        author: 'Grace',
        email: 'ada@example.org',
        subject: 'Weather by the hour',
        committedAt: 1_700_000_000_000,
      });
    });
  });

  describe('which commit is taken', () => {
    it('a branch that is not there yet is waited for', async () => {
      await start(null);
      expect(harness.witness.failures).toHaveLength(1);
      expect(harness.witness.failures[0]).toContain('has no branch main yet');
      await harness.put({ 'a.yaml': '1' });
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'a.yaml': '1' });
    });

    it('a deleted branch is an alarm, and what was applied stays', async () => {
      await start({ 'a.yaml': '1' });
      await harness.repository.git('branch', '-m', 'main', 'other');
      await harness.source.refresh();
      await harness.source.refresh();
      expect(harness.witness.events.map(({ reason, type }) => [reason, type])).toEqual([['RefGone', 'Warning']]);
      expect([harness.witness.failures.length, harness.witness.snapshots.length]).toEqual([1, 1]);
      await harness.repository.git('branch', '-m', 'other', 'main');
      await harness.source.refresh();
      expect(harness.witness.snapshots).toHaveLength(2);
    });

    it.each([
      ['an older commit', async () => harness.repository.git('update-ref', 'refs/heads/main', 'main~1')],
      ['an unrelated history', async () => harness.repository.commit({ 'a.yaml': 'other' }, { parent: null })],
    ])('%s is refused with an event, until a commit follows', async (_what, move) => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2' });
      await harness.source.refresh();
      const applied = (await harness.repository.tip())!;
      await move();
      await harness.source.refresh();
      await harness.source.refresh();
      expect(harness.witness.events.map(({ reason, snapshot }) => [reason, snapshot])).toEqual([
        ['RewindRefused', await harness.repository.tip()],
      ]);
      expect(harness.texts).toEqual({ 'a.yaml': '2' });
      await harness.repository.commit({ 'a.yaml': '3' }, { parent: applied });
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'a.yaml': '3' });
    });

    it('a rewritten history is taken where the settings allow it, and told', async () => {
      await start({ 'a.yaml': '1' }, { allowRewind: true });
      await harness.repository.commit({ 'a.yaml': '2' }, { parent: null });
      await harness.source.refresh();
      expect(harness.witness.events.map(({ reason }) => reason)).toEqual(['HistoryRewound']);
      expect(harness.texts).toEqual({ 'a.yaml': '2' });
    });

    it('a commit that follows from far behind is no rewritten history', async () => {
      await start({ 'a.yaml': '0' });
      for (let count = 1; count <= 70; count += 1) await harness.put({ 'a.yaml': String(count) });
      await harness.source.refresh();
      expect([harness.texts, harness.witness.events]).toEqual([{ 'a.yaml': '70' }, []]);
    });

    it('a commit that follows by the second parent of a merge is no rewritten history', async () => {
      await start({ 'a.yaml': '1' });
      const applied = (await harness.repository.tip())!;
      const side = await harness.repository.commit({ 'b.yaml': '1' }, { branch: 'side', parent: null });
      const tree = await harness.repository.git('rev-parse', `${applied}^{tree}`);
      const merge = await harness.repository.git('commit-tree', tree, '-p', side, '-p', applied, '-m', 'Merge');
      await harness.repository.git('update-ref', 'refs/heads/main', merge);
      await harness.source.refresh();
      expect([harness.witness.snapshots.at(-1)!.id, harness.witness.events]).toEqual([merge, []]);
    });

    it('of tags within a range the highest version, then higher ones, and a lower one only as a rewind', async () => {
      await start({ 'a.yaml': '1.2' }, { ref: { semver: '>=1.2 <2' } });
      expect(harness.witness.failures).toHaveLength(1);
      await harness.repository.git('tag', '-a', '-m', 'x', 'v1.2.0', 'main');
      for (const tag of ['v1.1.9', 'v2.0.0', 'v1.3.0-rc.1', 'latest'])
        await harness.repository.git('tag', tag, await harness.repository.commit({ 'a.yaml': tag }));
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'a.yaml': '1.2' });
      // Higher, though it does not follow: a release from another branch.
      await harness.repository.git(
        'tag',
        'v1.10.0',
        await harness.repository.commit({ 'a.yaml': '1.10' }, { branch: 'release', parent: null }),
      );
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'a.yaml': '1.10' });
      await harness.repository.git('tag', '-d', 'v1.10.0');
      await harness.source.refresh();
      expect([harness.texts, harness.witness.events.map(({ reason }) => reason)]).toEqual([{ 'a.yaml': '1.10' }, ['RewindRefused']]);
    });

    it('a tag that was moved to another history is refused', async () => {
      harness = await GitHarness.make({ 'a.yaml': '1' }, { ref: { tag: 'live' } });
      await harness.repository.git('tag', 'live', 'main');
      await harness.start();
      await harness.repository.git('tag', '-f', 'live', await harness.repository.commit({ 'a.yaml': '2' }, { parent: null }));
      await harness.source.refresh();
      expect([harness.texts, harness.witness.events.map(({ reason }) => reason)]).toEqual([{ 'a.yaml': '1' }, ['RewindRefused']]);
    });

    it('one commit is fetched by its id, and then the server is left alone', async () => {
      await start({ 'a.yaml': '1' });
      const commit = (await harness.repository.tip())!;
      await harness.put({ 'a.yaml': '2' });
      await harness.restart({ ref: { commit } });
      expect(harness.texts).toEqual({ 'a.yaml': '1' });
      harness.server.requests.length = 0;
      await harness.source.refresh();
      expect(harness.server.requests).toEqual([]);
    });
  });

  describe('paths', () => {
    it('are all that is read also from a server that cannot leave out the rest', async () => {
      harness = await GitHarness.make({ 'deploy/a.yaml': '1', 'else.yaml': '3' }, { paths: ['deploy'] });
      await harness.repository.git('config', 'uploadpack.allowFilter', 'false');
      await harness.start();
      await harness.put({ 'deploy/a.yaml': '2', 'else.yaml': '4' });
      await harness.source.refresh();
      expect([harness.texts, await readdir(harness.tree)]).toEqual([{ 'deploy/a.yaml': '2' }, ['deploy']]);
    });

    it('are all that is read, and all that is fetched where the server can leave out the rest', async () => {
      await start(
        { 'deploy/a.yaml': '1', 'more.yaml': '2', 'big/video.bin': 'x'.repeat(100_000), 'else.yaml': '3' },
        { paths: ['deploy', 'more.yaml'] },
      );
      expect(harness.texts).toEqual({ 'deploy/a.yaml': '1', 'more.yaml': '2' });
      expect((await readdir(harness.tree)).sort()).toEqual(['deploy', 'more.yaml']);
      const video = await harness.repository.git('rev-parse', 'main:big/video.bin');
      const held = await harness.repository.gitWith({ GIT_DIR: harness.mirror }, 'cat-file', '--batch-all-objects', '--batch-check');
      expect([held.includes(video), held.includes(await harness.repository.git('rev-parse', 'main:more.yaml'))]).toEqual([false, true]);
      await harness.put({ 'deploy/a.yaml': '2', 'deploy/b.yaml': '1', 'else.yaml': '4' });
      await harness.source.refresh();
      expect(harness.texts).toEqual({ 'deploy/a.yaml': '2', 'deploy/b.yaml': '1', 'more.yaml': '2' });
    });

    it('ask the server for files that are not here, and for those alone', async () => {
      await start({ 'deploy/a.yaml': '1', 'else.yaml': 'moved' }, { paths: ['deploy'] });
      const requestsOf = async (files: Readonly<Record<string, Entry>>): Promise<number> => {
        harness.server.requests.length = 0;
        await harness.put(files);
        await harness.source.refresh();
        return harness.server.requests.length;
      };
      const fetching = await requestsOf({ 'deploy/a.yaml': '2' });
      const returning = await requestsOf({ 'deploy/a.yaml': '1' });
      const moving = await requestsOf({ 'deploy/b.yaml': 'moved', 'else.yaml': null });
      const both = await requestsOf({ 'deploy/a.yaml': '2', 'deploy/c.yaml': 'new' });
      expect([moving, both]).toEqual([fetching, fetching]);
      expect(returning).toBeLessThan(fetching);
      expect(harness.texts).toEqual({ 'deploy/a.yaml': '2', 'deploy/b.yaml': 'moved', 'deploy/c.yaml': 'new' });
    });

    it('that are more after a restart are read, though what is under them was left out before', async () => {
      await start({ 'deploy/a.yaml': '1', 'else.yaml': '2' }, { paths: ['deploy'] });
      await harness.restart({ paths: ['deploy', 'else.yaml'] });
      expect([harness.texts, harness.witness.failures]).toEqual([{ 'deploy/a.yaml': '1', 'else.yaml': '2' }, []]);
      expect((await readdir(harness.tree)).sort()).toEqual(['deploy', 'else.yaml']);
    });

    it('that are in no commit give an empty Snapshot, which says so until a commit has something there', async () => {
      await start({ 'a.yaml': '1' }, { paths: ['deploy'] });
      const unmatched = () => harness.witness.snapshots.at(-1)!.unmatchedPaths;
      const { id } = harness.witness.snapshots[0]!;
      const message = `The path deploy matches nothing in commit ${id.slice(0, 10)} (branch main).`;
      expect([harness.texts, unmatched(), harness.witness.failures]).toEqual([{}, [{ path: 'deploy', near: null, message }], []]);
      await harness.restart();
      expect(unmatched()).toHaveLength(1);
      await harness.put({ 'deploy/a.yaml': '1' });
      await harness.source.refresh();
      expect([harness.texts, unmatched()]).toEqual([{ 'deploy/a.yaml': '1' }, []]);
    });

    it.each<[string, string | null]>([
      ['deploy/services', null],
      ['deplyo', 'deploy'],
      ['Deploy/services', 'deploy/services'],
      ['deploy/servces', 'deploy/services'],
      ['deplyo/servces', 'deploy/services'],
      ['deplyo/elsewhere', 'deploy'],
      ['root.yml', 'root.yaml'],
      ['deploy/services/a.yaml/x', null],
      ['elsewhere', null],
    ])('%s matches, or what is near it is named: %s', async (path, near) => {
      await start({ 'deploy/services/a.yaml': '1', 'root.yaml': '1', 'else\u202ewhere': 'x' }, { paths: [path, 'root.yaml'] });
      const found = harness.witness.snapshots[0]!.unmatchedPaths!;
      expect(found.map((unmatched) => [unmatched.path, unmatched.near])).toEqual(path === 'deploy/services' ? [] : [[path, near]]);
      expect(found[0]?.message.includes(`Did you mean ${near}?`) ?? false).toBe(near !== null);
    });
  });

  describe('the exported tree', () => {
    it('has the files of the commit, stays in its place, and follows what is added, changed, made executable, moved and deleted', async () => {
      await start({ 'a.yaml': '1', 'tools/run.sh': { executable: '#!/bin/sh' }, 'data/x': 'x', gone: 'x' });
      const { root } = harness.witness.snapshots[0]!;
      expect(root).toBe(harness.tree);
      expect((await stat(join(root, 'tools/run.sh'))).mode & 0o777).toBe(0o755);
      // A file becomes a folder, and a folder a file.
      await harness.put({ gone: null, 'gone/y': 'y', 'data/x': null, data: 'file', 'tools/run.sh': 'plain' });
      await harness.source.refresh();
      expect(harness.witness.snapshots[1]!.root).toBe(root);
      expect((await readdir(root, { recursive: true })).sort()).toEqual(['a.yaml', 'data', 'gone', 'gone/y', 'tools', 'tools/run.sh']);
      expect([(await stat(join(root, 'tools/run.sh'))).mode & 0o777, await readFile(join(root, 'data'), 'utf8')]).toEqual([0o644, 'file']);
    });

    it('is not written through a link that somebody laid into it', async () => {
      await start({ 'a.yaml': '1', 'old/x': '1' });
      const outside = await temporaryFolder();
      await writeFile(join(outside, 'x'), 'mine');
      await rm(join(harness.tree, 'old'), { recursive: true });
      await symlink(outside, join(harness.tree, 'old'));
      await symlink(outside, join(harness.tree, 'new'));
      await harness.put({ 'old/x': null, 'new/y': 'y' });
      await harness.source.refresh();
      expect([await readdir(outside), (await lstat(join(harness.tree, 'new'))).isDirectory()]).toEqual([['x'], true]);
      await rm(outside, { recursive: true });
    });

    it('is made whole by the first read after a crash in the middle of it', async () => {
      await start({ 'a.yaml': '1', 'tools/x': '1', 'tools/y': '1' });
      await harness.source.close();
      await writeFile(join(harness.tree, 'tools/x'), 'half');
      await writeFile(join(harness.tree, 'stray'), 'x');
      await symlink('/etc', join(harness.tree, 'linked'));
      const memory = join(harness.folder, 'source', 'memory.json');
      await writeFile(memory, JSON.stringify({ ...JSON.parse(await readFile(memory, 'utf8')), exported: null }));
      await harness.restart();
      expect((await readdir(harness.tree, { recursive: true })).sort()).toEqual(['a.yaml', 'tools', 'tools/x', 'tools/y']);
      expect(await readFile(join(harness.tree, 'tools/x'), 'utf8')).toBe('1');
    });
  });

  describe('a restart', () => {
    it('hands out what was applied although the server is gone', async () => {
      await start({ 'a.yaml': '1' });
      await harness.lose();
      await harness.restart();
      expect([harness.texts, harness.witness.failures.length]).toEqual([{ 'a.yaml': '1' }, 1]);
    });

    it('fetches nothing when nothing moved meanwhile, and lays out a tree that somebody deleted', async () => {
      await start({ 'a.yaml': '1', 'x.sh': 'x' });
      await rm(harness.tree, { recursive: true });
      harness.server.requests.length = 0;
      await harness.restart();
      expect([harness.server.requests.length, await readdir(harness.tree)]).toEqual([2, ['a.yaml', 'x.sh']]);
    });

    it('still knows what was applied: an older commit is refused', async () => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2' });
      await harness.source.refresh();
      await harness.repository.git('update-ref', 'refs/heads/main', 'main~1');
      await harness.restart();
      expect([harness.texts, harness.witness.events.map(({ reason }) => reason)]).toEqual([{ 'a.yaml': '2' }, ['RewindRefused']]);
    });

    it('with another branch in the settings takes that one, though it does not follow', async () => {
      await start({ 'a.yaml': '1' });
      await harness.repository.commit({ 'b.yaml': '2' }, { branch: 'next', parent: null });
      await harness.restart({ ref: { branch: 'next' } });
      expect([harness.texts, harness.witness.events, await readdir(harness.tree)]).toEqual([{ 'b.yaml': '2' }, [], ['b.yaml']]);
    });
  });
});
