/** A folder as a Source: the contract of every Source, and what only files and their writers can do. */
import { mkdir, mkdtemp, open, readdir, realpath, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/ports/clock.ts';
import type { WritableSource } from '../../src/ports/source.ts';
import { createFolderSource } from '../../src/sources/folder.ts';
import { changeOf, SourceWitness, sourceContract, textsOf, writableSourceContract, type SourceHarness } from '../ports/source-contract.ts';

const clock: Clock = {
  now: () => Date.now(),
  elapsedMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

class FolderHarness implements SourceHarness {
  readonly root: string;
  readonly source: WritableSource;
  readonly #base: string;

  private constructor(base: string) {
    this.#base = base;
    this.root = join(base, 'manifests');
    this.source = createFolderSource({ name: 'folder', root: this.root, clock, retryMs: 50 });
  }

  static async make(files: Readonly<Record<string, string>>): Promise<FolderHarness> {
    const harness = new FolderHarness(await realpath(await mkdtemp(join(tmpdir(), 'fairlead-folder-'))));
    await mkdir(harness.root);
    await harness.put(files);
    return harness;
  }

  path(name: string): string {
    return join(this.root, name);
  }

  async put(files: Readonly<Record<string, string | null>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(this.path(path)), { recursive: true });
      await (text === null ? unlink(this.path(path)) : writeFile(this.path(path), text));
    }
  }

  lose(): Promise<void> {
    return rename(this.root, join(this.#base, 'away'));
  }

  restore(): Promise<void> {
    return rename(join(this.#base, 'away'), this.root);
  }

  async end(): Promise<void> {
    await this.source.close();
    await rm(this.#base, { recursive: true, force: true });
  }
}

sourceContract('a folder', (files) => FolderHarness.make(files));
writableSourceContract('a folder', (files) => FolderHarness.make(files));

describe('a folder', () => {
  let harness: FolderHarness;
  let witness: SourceWitness;
  const start = async (files: Readonly<Record<string, string>>) => {
    harness = await FolderHarness.make(files);
    witness = new SourceWitness();
    await harness.source.start(witness);
    await witness.until(() => true);
  };
  afterEach(() => harness.end());

  it('does not act upon a file while it is being written', async () => {
    await start({ 'a.yaml': 'whole' });
    const file = await open(harness.path('a.yaml'), 'w');
    // Twenty pieces, each an event of its own; every Snapshot in between would show a part.
    for (let piece = 0; piece < 20; piece += 1) {
      await file.write(`piece ${piece}\n`);
      await new Promise((next) => setImmediate(next));
    }
    await file.write('end\n');
    await file.close();
    await witness.until((snapshot) => textsOf(snapshot)['a.yaml']!.endsWith('end\n'));
    for (const snapshot of witness.snapshots) expect(textsOf(snapshot)['a.yaml']).toMatch(/^whole$|end\n$/);
  });

  it('does not act upon a file that was emptied to be written anew, and on others meanwhile', async () => {
    await start({ 'a.yaml': 'whole', 'b.yaml': '1' });
    await harness.put({ 'a.yaml': '', 'b.yaml': '2' });
    const between = await witness.until((snapshot) => textsOf(snapshot)['b.yaml'] === '2');
    expect(textsOf(between)['a.yaml']).toBe('whole');
    await harness.put({ 'a.yaml': 'new' });
    await witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === 'new');
    expect(witness.snapshots.map((snapshot) => textsOf(snapshot)['a.yaml'])).not.toContain('');
  });

  it('believes a file to be empty that stays so', async () => {
    await start({ 'a.yaml': 'whole' });
    await harness.put({ 'a.yaml': '' });
    expect(textsOf(await witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === ''))).toEqual({ 'a.yaml': '' });
  });

  it('hands out other changes though one file never stands still, and that one as it last was', async () => {
    await start({ 'a.yaml': '1', 'busy.yaml': 'quiet' });
    let count = 0;
    let writing: Promise<void> = Promise.resolve();
    const timer = setInterval(() => {
      count += 1;
      const text = `noise ${count}`;
      writing = writing.then(() => writeFile(harness.path('busy.yaml'), text));
    }, 5);
    await harness.put({ 'a.yaml': '2' });
    const snapshot = await witness.until((candidate) => textsOf(candidate)['a.yaml'] === '2');
    clearInterval(timer);
    await writing;
    expect(textsOf(snapshot)['busy.yaml']).toBe('quiet');
    await witness.until((candidate) => textsOf(candidate)['busy.yaml'] === `noise ${count}`);
  });

  it('looks into no hidden folder, no node_modules and no file of another kind', async () => {
    await start({
      'a.yaml': '1',
      '.git/b.yaml': '1',
      '.c.yaml': '1',
      'node_modules/d/e.yaml': '1',
      'readme.md': '1',
      'sub/.f/g.yaml': '1',
    });
    expect(Object.keys(textsOf(witness.snapshots[0]!))).toEqual(['a.yaml']);
  });

  it('follows a link to a file inside, also when only its target changes, and says which lead out or nowhere', async () => {
    harness = await FolderHarness.make({ 'real.txt': 'inside' });
    await writeFile(join(harness.root, '..', 'outside.yaml'), 'outside');
    await symlink('real.txt', harness.path('in.yaml'));
    await symlink('../outside.yaml', harness.path('out.yaml'));
    await symlink('/etc', harness.path('etc'));
    await symlink('gone.yaml', harness.path('nowhere.yaml'));
    witness = new SourceWitness();
    await harness.source.start(witness);
    const { files } = await witness.until(() => true);
    expect(files.map(({ path, bytes, problem }) => [path, problem ?? new TextDecoder().decode(bytes)])).toEqual([
      ['in.yaml', 'inside'],
      ['nowhere.yaml', 'it is a symbolic link that leads nowhere'],
      ['out.yaml', 'it is a symbolic link that leads out of the folder of manifests'],
    ]);
    await harness.put({ 'real.txt': 'other' });
    await witness.until((snapshot) => textsOf(snapshot)['in.yaml'] === 'other');
  });

  it('says of a name that is not UTF-8 that it cannot be read', async () => {
    harness = await FolderHarness.make({ 'a.yaml': '1' });
    await writeFile(Buffer.concat([Buffer.from(harness.path('')), Buffer.from([0x2f, 0xff, 0xfe]), Buffer.from('.yaml')]), '2');
    witness = new SourceWitness();
    await harness.source.start(witness);
    const { files } = await witness.until(() => true);
    expect(files.map(({ path, problem }) => [path, problem])).toEqual([
      ['a.yaml', undefined],
      ['\uFFFD\uFFFD.yaml', 'its name is not UTF-8'],
    ]);
  });

  it('has the same id for the same contents, whatever happened in between', async () => {
    await start({ 'a.yaml': '1' });
    await harness.put({ 'a.yaml': '2' });
    await witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === '2');
    await harness.put({ 'a.yaml': '1' });
    await witness.until(() => witness.snapshots.length === 3);
    expect(witness.snapshots[2]!.id).toBe(witness.snapshots[0]!.id);
  });

  it('reports a folder that does not exist, and begins once it is made', async () => {
    harness = await FolderHarness.make({});
    await rm(harness.root, { recursive: true });
    witness = new SourceWitness();
    await harness.source.start(witness);
    await witness.untilFailure();
    expect(witness.snapshots).toEqual([]);
    await harness.put({ 'a.yaml': '1' });
    await witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === '1');
  });

  it('sees a file in a folder that was made after the start', async () => {
    await start({ 'a.yaml': '1' });
    await harness.put({ 'new/deep/b.yaml': '1' });
    await witness.until((snapshot) => 'new/deep/b.yaml' in textsOf(snapshot));
    await rm(harness.path('new'), { recursive: true });
    const { files } = await witness.until((snapshot) => !('new/deep/b.yaml' in textsOf(snapshot)));
    expect(files.map(({ path }) => path)).toEqual(['a.yaml']);
  });

  it('is not written to through a link, wherever it leads', async () => {
    await start({ 'a.yaml': '1' });
    await mkdir(join(harness.root, '..', 'outside'));
    await symlink('../outside', harness.path('linked'));
    const writing = harness.source.write(changeOf({ 'linked/deep/b.yaml': '1' }, witness.snapshots.at(-1)!.id));
    await expect(writing).rejects.toMatchObject({ code: 'Refused' });
    expect(await readdir(join(harness.root, '..', 'outside'))).toEqual([]);
  });

  it('may hold the Locks of its services', async () => {
    await start({ 'a.yaml': '1' });
    await harness.source.write(changeOf({ 'fairlead.lock': '{}' }, witness.snapshots.at(-1)!.id));
    expect(textsOf(witness.snapshots.at(-1)!)).toEqual({ 'a.yaml': '1', 'fairlead.lock': '{}' });
  });

  it('leaves nothing of its own behind after a write', async () => {
    await start({ 'a.yaml': '1' });
    await harness.source.write(changeOf({ 'a.yaml': '2', 'b.yaml': '1' }, witness.snapshots.at(-1)!.id));
    expect((await readdir(harness.root)).sort()).toEqual(['a.yaml', 'b.yaml']);
  });
});
