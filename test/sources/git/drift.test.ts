/** Files that a git Source laid out and somebody changed by hand: put back or told of, with a real repository and Fairlead's own Source. */
import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { FilesDrift } from '../../../src/model/drift.ts';
import { systemClock } from '../../../src/processes/clock.ts';
import { TreeWatch } from '../../../src/sources/git/drift.ts';
import { ExportedTree } from '../../../src/sources/git/exported-tree.ts';
import { blobId, type ObjectStore } from '../../../src/sources/git/objects.ts';
import type { GitSourceSettings } from '../../../src/sources/git/settings.ts';
import type { Entry } from '../../fixtures/git-repository.ts';
import { GitHarness, temporaryFolder } from './git-harness.ts';

const files = {
  'a.yaml': 'name: a\n',
  'bin/server.js': 'one\ntwo\nthree\n',
  'bin/start.sh': { executable: '#!/bin/sh\n' },
  'data.txt': 'x\n',
};

let harness: GitHarness;
const start = async (own: Partial<GitSourceSettings> = {}, all: Readonly<Record<string, Entry>> = files): Promise<void> => {
  harness = await GitHarness.make(all, own);
  await harness.start();
};
const at = (path: string): string => join(harness.tree, path);
const reasons = (): string[] => harness.witness.events.map(({ reason }) => reason);
const newest = (): FilesDrift | null => harness.witness.drifts.at(-1)!;

describe('files of the exported tree that somebody changed by hand', () => {
  afterEach(() => harness.end());

  it('are put back from the commit at the next poll, and it is told', async () => {
    await start();
    await writeFile(at('bin/server.js'), 'one\nTWO\nthree\n');
    await rm(at('data.txt'));
    await harness.source.refresh();
    expect([await readFile(at('bin/server.js'), 'utf8'), await readFile(at('data.txt'), 'utf8')]).toEqual(['one\ntwo\nthree\n', 'x\n']);
    expect(harness.witness.events).toEqual([
      {
        type: 'Warning',
        reason: 'FilesCorrected',
        message: 'Changed by hand, and put back: bin/server.js (edited), data.txt (deleted).',
        snapshot: await harness.repository.tip(),
      },
    ]);
    await harness.source.refresh();
    expect(reasons()).toEqual(['FilesCorrected']);
    expect(harness.witness.drifts).toEqual([null]);
  });

  it('with the same length, and with the time of change set back, are found too', async () => {
    await start();
    await harness.source.refresh();
    const { atime, mtime } = await lstat(at('data.txt'));
    await writeFile(at('data.txt'), 'y\n');
    await utimes(at('data.txt'), atime, mtime);
    await harness.source.refresh();
    expect(await readFile(at('data.txt'), 'utf8')).toBe('x\n');
  });

  it('of many are not looked for by every poll, so that a poll costs the same however many there are; a refresh looks', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`data/${index}.txt`, 'x\n']));
    await start({ intervalMs: 50 }, many);
    await writeFile(at('data/7.txt'), 'y\n');
    const asked = harness.server.requests.length;
    // One request of a third poll: two have been made whole.
    await expect.poll(() => harness.server.requests.length).toBeGreaterThan(asked + 5);
    expect([await readFile(at('data/7.txt'), 'utf8'), harness.witness.events]).toEqual(['y\n', []]);
    await harness.source.refresh();
    expect([await readFile(at('data/7.txt'), 'utf8'), reasons()]).toEqual(['x\n', ['FilesCorrected']]);
  });

  it('of many are not looked for because a commit came either: what it changes is laid out, and no more; a refresh looks', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`data/${index}.txt`, 'x\n']));
    await start({}, many);
    await writeFile(at('data/7.txt'), 'y\n');
    await harness.put({ 'data/8.txt': 'z\n' });
    await harness.source.poll!();
    const standing = async () => [await readFile(at('data/7.txt'), 'utf8'), await readFile(at('data/8.txt'), 'utf8'), reasons()];
    expect(await standing()).toEqual(['y\n', 'z\n', []]);
    await harness.source.refresh();
    expect(await standing()).toEqual(['x\n', 'z\n', ['FilesCorrected']]);
  });

  it('of few are looked for by the polls themselves', async () => {
    await start({ intervalMs: 50 });
    await writeFile(at('data.txt'), 'y\n');
    await expect.poll(async () => readFile(at('data.txt'), 'utf8')).toBe('x\n');
  });

  it('get back the mode that the commit says, no more and no less', async () => {
    await start();
    await chmod(at('bin/start.sh'), 0o644);
    await chmod(at('bin/server.js'), 0o666);
    await harness.source.refresh();
    const modes = await Promise.all(['bin/start.sh', 'bin/server.js'].map(async (path) => (await lstat(at(path))).mode & 0o522));
    expect(modes).toEqual([0o500, 0o400]);
    expect(harness.witness.events[0]!.message).toContain('bin/server.js (mode), bin/start.sh (mode)');
  });

  it('a link in the place of a folder is never followed: neither read nor written through', async () => {
    await start();
    const elsewhere = await temporaryFolder();
    await writeFile(join(elsewhere, 'server.js'), 'mine');
    await rm(at('bin'), { recursive: true });
    await symlink(elsewhere, at('bin'));
    await harness.source.refresh();
    expect([await readFile(join(elsewhere, 'server.js'), 'utf8'), (await lstat(at('bin'))).isDirectory()]).toEqual(['mine', true]);
    expect(await readFile(at('bin/server.js'), 'utf8')).toBe('one\ntwo\nthree\n');
    await rm(elsewhere, { recursive: true });
  });

  it('a link in the place of the whole tree makes room for it, and what it led to stays as it was', async () => {
    await start();
    const elsewhere = await temporaryFolder();
    await rm(harness.tree, { recursive: true });
    await symlink(elsewhere, harness.tree);
    await harness.source.refresh();
    expect([await readdir(elsewhere), await readFile(at('data.txt'), 'utf8')]).toEqual([[], 'x\n']);
    await rm(elsewhere, { recursive: true });
  });

  it('a folder in the place of a file makes room for it', async () => {
    await start();
    await rm(at('data.txt'));
    await mkdir(at('data.txt'));
    await harness.source.refresh();
    expect(await readFile(at('data.txt'), 'utf8')).toBe('x\n');
    expect(harness.witness.events[0]!.message).toContain('data.txt (replaced)');
  });

  it('what nobody laid out stays: services write beside their code', async () => {
    await start();
    await writeFile(at('bin/cache.db'), 'mine');
    await harness.source.refresh();
    expect([await readFile(at('bin/cache.db'), 'utf8'), reasons()]).toEqual(['mine', []]);
  });

  it('are found while the server cannot be asked', async () => {
    await start();
    await harness.lose();
    await rm(at('data.txt'));
    await harness.source.refresh();
    expect(await readFile(at('data.txt'), 'utf8')).toBe('x\n');
    await harness.restore();
  });

  it('are found after a restart, before anything is asked of the server', async () => {
    await start();
    await harness.source.close();
    await writeFile(at('data.txt'), 'y\n');
    await harness.lose();
    await harness.restart();
    expect([await readFile(at('data.txt'), 'utf8'), reasons()]).toEqual(['x\n', ['FilesCorrected']]);
    await harness.restore();
  });

  it('are left alone while the source is suspended', async () => {
    await start();
    harness.source.suspend();
    await writeFile(at('data.txt'), 'y\n');
    await harness.source.refresh();
    expect(await readFile(at('data.txt'), 'utf8')).toBe('y\n');
  });

  it('that cannot be put back are shown with why, once, and put back as soon as they can be', async () => {
    const folder = await temporaryFolder();
    let full = true;
    class Tree extends ExportedTree {
      override async write(path: string, bytes: Uint8Array, executable: boolean): Promise<void> {
        if (full) throw new Error('ENOSPC: no space left on device');
        await super.write(path, bytes, executable);
      }
    }
    const bytes = Buffer.from('x\n');
    const id = blobId(bytes, 40);
    const objects = { blobs: async (_: unknown, take: (of: string, its: Buffer) => Promise<void>) => take(id, bytes) } as ObjectStore;
    const watch = new TreeWatch({ exported: new Tree(join(folder, 'tree')), objects, policy: 'correct', clock: systemClock });
    const look = async () => watch.look([{ path: 'a.txt', id, size: 2, executable: false }]);
    expect(await look()).toMatchObject({
      event: { reason: 'FilesDrifted' },
      drift: { problem: 'ENOSPC: no space left on device' },
      changed: true,
    });
    expect(await look()).toMatchObject({ event: null, changed: false });
    full = false;
    expect(await look()).toMatchObject({ event: { reason: 'FilesCorrected' }, drift: null, changed: true });
    expect(await look()).toEqual({ event: null, drift: null, changed: false });
    await rm(folder, { recursive: true });
  });

  describe('where drift is only reported', () => {
    it('stay, and what differs is shown once', async () => {
      await start({ drift: 'report' });
      await writeFile(at('bin/server.js'), 'one\nTWO\nthree\n');
      await rm(at('data.txt'));
      await harness.source.refresh();
      await harness.source.refresh();
      expect(await readFile(at('bin/server.js'), 'utf8')).toBe('one\nTWO\nthree\n');
      expect(harness.witness.events.map(({ reason, message }) => [reason, message])).toEqual([
        ['FilesDrifted', 'Changed by hand, and left as they are: bin/server.js (edited), data.txt (deleted).'],
      ]);
      expect(harness.witness.drifts).toHaveLength(2);
      expect(newest()).toMatchObject({ root: harness.tree, problem: null });
      expect(newest()!.files.map(({ path, change }) => [path, change])).toEqual([
        ['bin/server.js', 'edited'],
        ['data.txt', 'deleted'],
      ]);
      expect(newest()!.files[0]!.diff).toBe('--- a/bin/server.js\n+++ b/bin/server.js\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n');
      expect(newest()!.files[1]!.diff).toBe('--- a/data.txt\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n');
    });

    it('are told of anew when others are changed, since when the first was; and when all is as it was', async () => {
      await start({ drift: 'report' });
      await writeFile(at('data.txt'), 'y\n');
      await harness.source.refresh();
      const { since } = newest()!;
      await writeFile(at('bin/server.js'), '');
      await harness.source.refresh();
      expect([newest()!.files.length, newest()!.since]).toEqual([2, since]);
      await writeFile(at('data.txt'), 'x\n');
      await writeFile(at('bin/server.js'), 'one\ntwo\nthree\n');
      await harness.source.refresh();
      expect([newest(), reasons()]).toEqual([null, ['FilesDrifted', 'FilesDrifted', 'FilesRestored']]);
    });

    it('one that has grown large is told by its size', async () => {
      await start({ drift: 'report' });
      await writeFile(at('data.txt'), 'x'.repeat(300_000));
      await harness.source.refresh();
      expect(newest()!.files[0]!.diff).toMatch(
        /^data\.txt: 2 bytes \(blob [0-9a-f]{12}\) are more than 262144 bytes, or cannot be read\n$/,
      );
    });

    it('a commit that changes the same file ends it, however many files there are', async () => {
      const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`data/${index}.txt`, 'x\n']));
      await start({ drift: 'report' }, { ...files, ...many });
      await writeFile(at('data.txt'), 'y\n');
      await harness.source.refresh();
      await harness.put({ 'data.txt': 'z\n' });
      await harness.source.poll!();
      expect([newest(), await readFile(at('data.txt'), 'utf8')]).toEqual([null, 'z\n']);
    });

    it('secrets, control characters and long lines do not reach what is shown, nor does what is no text', async () => {
      await start({ drift: 'report' }, { ...files, 'image.png': Uint8Array.from([137, 0, 1, 2]) });
      await writeFile(
        at('bin/server.js'),
        `one\nconst token = "sk-abcdefghijklmnopqrstuvwxyz"\n\u001b[2J\u202e\n${'long '.repeat(1_000)}\n`,
      );
      await writeFile(at('image.png'), Uint8Array.from([137, 0, 1, 3, 4]));
      await harness.source.refresh();
      const [text, image] = newest()!.files.map(({ diff }) => diff);
      expect(text).toContain('****');
      for (const never of ['sk-abc', '\u001b', '\u202e']) expect(text).not.toContain(never);
      expect(Math.max(...text!.split('\n').map((line) => line.length))).toBeLessThanOrEqual(200);
      expect(image).toMatch(/^image\.png: 4 bytes \(blob [0-9a-f]{12}\) are 5 bytes \(blob [0-9a-f]{12}\)\n$/);
    });

    it('many of them are all named, and the first 20 with what differs, in 200 lines altogether', async () => {
      const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`m/${String(index).padStart(2, '0')}.txt`, 'x\n']));
      await start({ drift: 'report' }, many);
      for (const path of Object.keys(many)) await writeFile(at(path), 'y\n'.repeat(30));
      await harness.source.refresh();
      const drifted = newest()!.files;
      const lines = drifted.reduce((sum, { diff }) => sum + diff.split('\n').length - 1, 0);
      expect([drifted.length, drifted[0]!.diff === '', drifted[25]!.diff]).toEqual([30, false, '']);
      expect(lines).toBeLessThanOrEqual(220);
    });
  });
});
