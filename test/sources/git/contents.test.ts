/** What is read of one commit after the other, by what differs between them: the same as what is read of each of them anew. */
import { lstat, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SnapshotFile } from '../../../src/model/snapshot.ts';
import { systemClock } from '../../../src/processes/clock.ts';
import { Contents } from '../../../src/sources/git/contents.ts';
import { ExportedTree } from '../../../src/sources/git/exported-tree.ts';
import { Git } from '../../../src/sources/git/git.ts';
import { TooLarge } from '../../../src/sources/git/mirror.ts';
import { ObjectStore } from '../../../src/sources/git/objects.ts';
import type { TreeEntry } from '../../../src/sources/git/tree.ts';
import { GitRepository, type Entry } from '../../fixtures/git-repository.ts';
import { seeded } from '../../fixtures/seeded.ts';
import { temporaryFolder } from './git-harness.ts';

let repository: GitRepository;
let folder: string;
beforeEach(async () => {
  repository = await GitRepository.make();
  folder = await temporaryFolder();
});
afterEach(async () => {
  await repository.end();
  await rm(folder, { recursive: true });
});

/** Counts how often a whole commit is listed. */
class Listed extends ObjectStore {
  listings = 0;

  override tree(commit: string, paths: readonly string[]): Promise<TreeEntry[]> {
    this.listings += 1;
    return super.tree(commit, paths);
  }
}

class Reading {
  readonly objects = new Listed(new Git(folder, systemClock, new AbortController().signal), repository.path, 20_000);
  readonly #exported: ExportedTree;
  readonly #contents: Contents;

  constructor(name: string, paths: readonly string[], maxBytes = 1_000_000) {
    this.#exported = new ExportedTree(join(folder, name));
    this.#contents = new Contents({ objects: this.objects, exported: this.#exported, paths, maxBytes });
  }

  load(commit: string): Promise<readonly SnapshotFile[]> {
    return this.#contents.load(commit, { fetchBlobs: () => Promise.resolve(), beforeExport: () => Promise.resolve() });
  }

  get laid() {
    return this.#contents.laid;
  }

  /** Path → text, and whether it may be run, of what stands on the disk. */
  async standing(): Promise<Record<string, readonly [string, boolean]>> {
    const standing: Record<string, readonly [string, boolean]> = {};
    for (const path of (await this.#exported.present()).sort()) {
      const absolute = join(this.#exported.root, path);
      standing[path] = [await readFile(absolute, 'utf8'), ((await lstat(absolute)).mode & 0o100) !== 0];
    }
    return standing;
  }
}

const told = (files: readonly SnapshotFile[]) => files.map(({ path, hash, problem }) => [path, hash, problem]);

describe('a commit that is read by what it changes', () => {
  it.each([
    [1, ['.']],
    [2, ['.']],
    [3, ['deploy', 'a.yaml']],
    [4, ['deploy/sub', 'deploy/b.json']],
  ])('is what a reading of all of it finds, whatever it does (seed %i, paths %j)', { timeout: 300_000 }, async (seed, paths) => {
    const next = changes(seeded(seed));
    const step = new Reading('step', paths);
    let before: readonly SnapshotFile[] = [];
    for (let round = 0; round < 12; round += 1) {
      const commit = await repository.commit(next());
      const anew = new Reading(`anew${round}`, paths);
      const [files, all] = [await step.load(commit), await anew.load(commit)];
      expect([told(files), step.laid, await step.standing()]).toEqual([told(all), anew.laid, await anew.standing()]);
      const known = new Map(before.map((file) => [`${file.path} ${file.hash}`, file]));
      const same = files.filter(({ path, hash, problem }) => problem === undefined && known.has(`${path} ${hash}`));
      expect(same.filter((file) => known.get(`${file.path} ${file.hash}`) !== file)).toEqual([]);
      before = files;
    }
    expect(step.objects.listings).toBe(1);
  });

  it('is refused when all files together are too long by it, and what was read goes on to a commit that is not', async () => {
    const first = await repository.commit({ 'a.yaml': 'a'.repeat(600) });
    const large = await repository.commit({ 'b.yaml': 'b'.repeat(500) });
    const small = await repository.commit({ 'a.yaml': 'a' });
    const step = new Reading('step', ['.'], 1_000);
    await step.load(first);
    await expect(step.load(large)).rejects.toThrow(TooLarge);
    expect(Object.keys(await step.standing())).toEqual(['a.yaml']);
    expect((await step.load(small)).map(({ path }) => path)).toEqual(['a.yaml', 'b.yaml']);
    expect(step.laid.map(({ size }) => size)).toEqual([1, 500]);
  });
});

/** Paths that stand in each other's way, or differ by case alone, or are no manifests. */
const paths = [
  'a.yaml',
  'A.yaml',
  'deploy',
  'deploy/b.json',
  'deploy/b.json/c.yaml',
  'deploy/B.json',
  'deploy/run.sh',
  'deploy/sub/a.yaml',
  'deploy/sub/A.yaml',
  'deploy/sub/a.YAML',
  'deploy/sub/.hidden.yaml',
  'deploy/sub/node_modules/x.yaml',
  `deploy/sub/${'long'.repeat(63)}.yaml`,
  'other/ü.yaml',
  'other/u\u0308.yaml',
  'fairlead.lock',
];
/** Few texts, so that one is often found under another path. */
const entries: readonly Entry[] = [
  'one',
  'two',
  'three\n',
  { executable: 'one' },
  { executable: '#!/bin/sh\n' },
  { link: 'a.yaml' },
  { submodule: '1'.repeat(40) },
  'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n',
  null,
  null,
];

function changes(random: () => number): () => Record<string, Entry> {
  const one = <Item>(of: readonly Item[]): Item => of[Math.floor(random() * of.length)]!;
  return () => Object.fromEntries(Array.from({ length: 1 + Math.floor(random() * 6) }, () => [one(paths), one(entries)]));
}
