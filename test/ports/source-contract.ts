/** What every Source promises, as a suite to run against each. The harness changes what the Source reads from, by whatever means it has. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/model/snapshot.ts';
import type { Change, Source, SourceListener, WritableSource } from '../../src/ports/source.ts';

export interface SourceHarness {
  /** A Source that has not been started. */
  readonly source: Source;
  /** Makes the files so, in one step (null: gone); others stay as they are. */
  put(files: Readonly<Record<string, string | null>>): Promise<void>;
  /** Makes everything unreadable, and readable again with the files as they were. */
  lose(): Promise<void>;
  restore(): Promise<void>;
  /** Closes the Source and clears everything away. */
  end(): Promise<void>;
}

/** Keeps what a Source says, to be awaited rather than slept for. */
export class SourceWitness implements SourceListener {
  readonly snapshots: Snapshot[] = [];
  readonly failures: string[] = [];
  #waiting: (() => void)[] = [];

  snapshot(snapshot: Snapshot): void {
    this.snapshots.push(snapshot);
    this.#wake();
  }

  unreadable(message: string): void {
    this.failures.push(message);
    this.#wake();
  }

  /** The newest Snapshot, once this holds for it. The test's own time-out bounds the wait. */
  async until(holds: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
    for (;;) {
      const newest = this.snapshots.at(-1);
      if (newest !== undefined && holds(newest)) return newest;
      await this.#next();
    }
  }

  async untilFailure(count = 1): Promise<void> {
    while (this.failures.length < count) await this.#next();
  }

  #next(): Promise<void> {
    return new Promise((wake) => this.#waiting.push(wake));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** A change of those files against a Snapshot, as somebody may write it; `own`: what a test is about. */
export function changeOf(files: Change['files'], onto: string, own: Partial<Change> = {}): Change {
  return { files, onto, subject: 'Change', body: '', trailers: [], author: null, branch: null, ...own };
}

/** Path → text of a Snapshot. */
export function textsOf(snapshot: Snapshot): Record<string, string> {
  return Object.fromEntries(snapshot.files.map((file) => [file.path, new TextDecoder().decode(file.bytes)]));
}

export function sourceContract(kind: string, make: (files: Readonly<Record<string, string>>) => Promise<SourceHarness>): void {
  describe(`${kind} as a Source`, () => {
    let harness: SourceHarness;
    let witness: SourceWitness;
    const start = async (files: Readonly<Record<string, string>>) => {
      harness = await make(files);
      witness = new SourceWitness();
      await harness.source.start(witness);
    };
    afterEach(() => harness.end());

    it('hands out a first Snapshot by itself, its files sorted by path', async () => {
      await start({ 'b.yaml': 'b', 'a.yaml': 'a', 'sub/c.yml': 'c', 'd.json': '{}', 'fairlead.lock': 'e', 'other.lock': 'f' });
      const snapshot = await witness.until(() => true);
      expect(snapshot.files.map((file) => file.path)).toEqual(['a.yaml', 'b.yaml', 'd.json', 'fairlead.lock', 'sub/c.yml']);
      expect([snapshot.source, textsOf(snapshot)['sub/c.yml']]).toEqual([harness.source.name, 'c']);
    });

    it('hands out an empty Snapshot where there is nothing', async () => {
      await start({});
      expect((await witness.until(() => true)).files).toEqual([]);
    });

    it('sees a file added, changed and deleted, and says each under another id', async () => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2' });
      await witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === '2');
      await harness.put({ 'b.yaml': '1' });
      await witness.until((snapshot) => 'b.yaml' in textsOf(snapshot));
      await harness.put({ 'a.yaml': null });
      await witness.until((snapshot) => !('a.yaml' in textsOf(snapshot)));
      expect(new Set(witness.snapshots.map((snapshot) => snapshot.id)).size).toBe(witness.snapshots.length);
    });

    it('says nothing when it was asked to read again and nothing had changed', async () => {
      await start({ 'a.yaml': '1' });
      await witness.until(() => true);
      await harness.source.refresh();
      await harness.source.refresh();
      expect(witness.snapshots).toHaveLength(1);
    });

    it('has told the listener by the time that refresh resolves', async () => {
      await start({ 'a.yaml': '1' });
      await harness.put({ 'a.yaml': '2' });
      await harness.source.refresh();
      expect(textsOf(witness.snapshots.at(-1)!)).toEqual({ 'a.yaml': '2' });
    });

    it('keeps the identity of files that did not change', async () => {
      await start({ 'a.yaml': '1', 'b.yaml': '1' });
      const first = await witness.until(() => true);
      await harness.put({ 'b.yaml': '2' });
      const second = await witness.until((snapshot) => textsOf(snapshot)['b.yaml'] === '2');
      expect(second.files[0]!.hash).toBe(first.files[0]!.hash);
      expect(second.files[1]!.hash).not.toBe(first.files[1]!.hash);
    });

    it('hands out nothing while suspended, and the newest once resumed', async () => {
      await start({ 'a.yaml': '1' });
      await witness.until(() => true);
      harness.source.suspend();
      await harness.put({ 'a.yaml': '2' });
      await harness.source.refresh();
      expect(witness.snapshots).toHaveLength(1);
      harness.source.resume();
      await witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === '2');
    });

    it('tells once that it cannot be read, and goes on by itself when it can be again', async () => {
      await start({ 'a.yaml': '1' });
      await witness.until(() => true);
      await harness.lose();
      await witness.untilFailure();
      await harness.source.refresh();
      expect([witness.failures.length, witness.snapshots.length]).toEqual([1, 1]);
      await harness.restore();
      await harness.put({ 'a.yaml': '2' });
      await witness.until((snapshot) => textsOf(snapshot)['a.yaml'] === '2');
    });

    it('tells that it can be read again by handing out what there is, though nothing changed meanwhile', async () => {
      await start({ 'a.yaml': '1' });
      const before = await witness.until(() => true);
      await harness.lose();
      await witness.untilFailure();
      await harness.restore();
      await witness.until(() => witness.snapshots.length === 2);
      await harness.source.refresh();
      expect(witness.snapshots.map(({ id }) => id)).toEqual([before.id, before.id]);
    });

    it('says nothing more once closed', async () => {
      await start({ 'a.yaml': '1' });
      await witness.until(() => true);
      await harness.source.close();
      await harness.put({ 'a.yaml': '2' });
      expect(witness.snapshots).toHaveLength(1);
    });
  });
}

export function writableSourceContract(
  kind: string,
  make: (files: Readonly<Record<string, string>>) => Promise<SourceHarness & { readonly source: WritableSource }>,
): void {
  describe(`${kind} as a WritableSource`, () => {
    let harness: SourceHarness & { readonly source: WritableSource };
    let witness: SourceWitness;
    const start = async (files: Readonly<Record<string, string>>) => {
      harness = await make(files);
      witness = new SourceWitness();
      await harness.source.start(witness);
      await witness.until(() => true);
    };
    /** Writes against the Snapshot that was handed out last; the id of the one that holds it. */
    const write = async (files: Change['files']): Promise<string> =>
      (await harness.source.write(changeOf(files, witness.snapshots.at(-1)!.id))).snapshot;
    afterEach(() => harness.end());

    it('writes and deletes several files as one, and returns the id of the Snapshot that the listener gets', async () => {
      await start({ 'a.yaml': '1', 'b.yaml': '1' });
      const id = await write({ 'a.yaml': '2', 'b.yaml': null, 'new/c.yaml': '3' });
      const snapshot = await witness.until((candidate) => candidate.id === id);
      expect(textsOf(snapshot)).toEqual({ 'a.yaml': '2', 'new/c.yaml': '3' });
      await harness.source.refresh();
      expect(witness.snapshots.map(textsOf)).toEqual([
        { 'a.yaml': '1', 'b.yaml': '1' },
        { 'a.yaml': '2', 'new/c.yaml': '3' },
      ]);
    });

    it.each(['../out.yaml', '/etc/out.yaml', 'a/../../out.yaml', '.hidden.yaml', 'node_modules/x.yaml', 'run.sh', './a.yaml', ''])(
      'refuses the path %j, and writes nothing else of the same change',
      async (path) => {
        await start({ 'a.yaml': '1' });
        await expect(write({ 'b.yaml': '1', [path]: 'x' })).rejects.toMatchObject({ code: 'Refused' });
        await harness.source.refresh();
        expect(textsOf(witness.snapshots.at(-1)!)).toEqual({ 'a.yaml': '1' });
      },
    );

    it('leaves everything as it was when a part cannot be written', async () => {
      await start({ 'a.yaml': '1', 'b.yaml': '1' });
      await expect(write({ 'a.yaml': '2', 'b.yaml': null, 'a.yaml/c.yaml': '3' })).rejects.toMatchObject({
        code: 'Refused',
      });
      await harness.source.refresh();
      expect(textsOf(witness.snapshots.at(-1)!)).toEqual({ 'a.yaml': '1', 'b.yaml': '1' });
    });

    it('rejects what was worked out against another Snapshot than it is now, writes nothing of it, and takes it once worked out anew', async () => {
      await start({ 'a.yaml': '1' });
      const onto = witness.snapshots.at(-1)!.id;
      await harness.put({ 'b.yaml': '1' });
      await expect(harness.source.write(changeOf({ 'a.yaml': '2' }, onto))).rejects.toMatchObject({ code: 'SourceMoved' });
      await harness.source.refresh();
      expect(textsOf(witness.snapshots.at(-1)!)).toEqual({ 'a.yaml': '1', 'b.yaml': '1' });
      await write({ 'a.yaml': '2' });
      expect(textsOf(witness.snapshots.at(-1)!)).toEqual({ 'a.yaml': '2', 'b.yaml': '1' });
    });

    it('has handed out what was written by the time that write resolves', async () => {
      await start({ 'a.yaml': '1' });
      const id = await write({ 'a.yaml': '2' });
      expect(witness.snapshots.at(-1)!.id).toBe(id);
      const next = await write({ 'a.yaml': '3' });
      expect([witness.snapshots.at(-1)!.id, textsOf(witness.snapshots.at(-1)!)]).toEqual([next, { 'a.yaml': '3' }]);
    });

    it('writes nothing where the files are so already', async () => {
      await start({ 'a.yaml': '1' });
      const before = witness.snapshots.at(-1)!.id;
      expect(await write({ 'a.yaml': '1', 'none.yaml': null })).toBe(before);
      await harness.source.refresh();
      expect(witness.snapshots).toHaveLength(1);
    });

    it('refuses a write while suspended', async () => {
      await start({ 'a.yaml': '1' });
      harness.source.suspend();
      await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({ code: 'Refused' });
      harness.source.resume();
      await harness.source.refresh();
      expect(witness.snapshots.map(textsOf).at(-1)).toEqual({ 'a.yaml': '1' });
    });
  });
}
