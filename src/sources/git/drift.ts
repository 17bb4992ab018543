/**
 * Files of the exported tree that are not what the commit says: put back from the object store, or shown with what differs. Cheap
 * where nothing changed (see ExportedTree.changed); differences are worked out for what is shown alone, and bounded.
 */
import { createTwoFilesPatch } from 'diff';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../base/error.ts';
import { redact } from '../../base/redact.ts';
import { filesInWords, type DriftedFile, type DriftPolicy, type FileChange, type FilesDrift } from '../../model/drift.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SourceEvent } from '../../ports/source.ts';
import type { ChangedFile, ExportedTree, LaidFile } from './exported-tree.ts';
import { GitFailed } from './git.ts';
import { blobId, type ObjectStore } from './objects.ts';

/** Differences are shown of this many files, in this many lines of this length altogether. */
const filesShown = 20;
const linesShown = 200;
const longestLine = 200;
/** Files longer than this are told apart by their sizes and hashes alone. */
const longestText = 256 * 1024;
/** Texts that differ in more lines than this are told to differ, and not where. */
const mostEdits = 1_000;

export interface TreeWatchParts {
  readonly exported: ExportedTree;
  readonly objects: ObjectStore;
  readonly policy: DriftPolicy;
  readonly clock: Clock;
}

/** What a look found that was not so the last time. */
export interface Looked {
  readonly event: Omit<SourceEvent, 'snapshot'> | null;
  /** What stays other than it was laid out. */
  readonly drift: FilesDrift | null;
  readonly changed: boolean;
}

export class TreeWatch {
  readonly #parts: TreeWatchParts;
  /** undefined before the first look. */
  #drift: FilesDrift | null | undefined = undefined;

  constructor(parts: TreeWatchParts) {
    this.#parts = parts;
  }

  /** Files stayed other than they were laid out at the last look. */
  get drifted(): boolean {
    return this.#drift != null;
  }

  /** Rejects with GitFailed when what a file should be cannot be read; nothing is known then. */
  async look(files: readonly LaidFile[]): Promise<Looked> {
    const { exported, clock, policy } = this.#parts;
    const changed = await exported.changed(files, clock.now());
    if (changed.length === 0) return this.#found(null, null);
    const named = filesInWords(changed.map(({ file, change }) => ({ path: file.path, change, diff: '' })));
    if (policy === 'report') return this.#report(changed, named, null);
    try {
      await this.#putBack(changed);
      return this.#found({ type: 'Warning', reason: 'FilesCorrected', message: `Changed by hand, and put back: ${named}.` }, null);
    } catch (thrown) {
      if (thrown instanceof GitFailed) throw thrown;
      return this.#report(changed, named, messageOf(thrown));
    }
  }

  async #report(changed: readonly ChangedFile[], named: string, problem: string | null): Promise<Looked> {
    const files = await this.#described(changed);
    const before = this.#drift;
    const same = before != null && before.problem === problem && isDeepStrictEqual(before.files, files);
    const drift: FilesDrift = same
      ? before
      : { root: this.#parts.exported.root, files, since: before?.since ?? this.#parts.clock.now(), problem };
    const left = problem === null ? 'left as they are' : `not put back, since ${problem}`;
    const message = `Changed by hand, and ${left}: ${named}.`;
    return this.#found(same ? null : { type: 'Warning', reason: 'FilesDrifted', message }, drift);
  }

  #found(event: Looked['event'], drift: FilesDrift | null): Looked {
    const before = this.#drift;
    this.#drift = drift;
    const restored = before != null && drift === null && event === null;
    const words = 'What was laid out is again what the commit says.';
    return {
      event: restored ? { type: 'Normal', reason: 'FilesRestored', message: words } : event,
      drift,
      changed: before !== drift,
    };
  }

  async #putBack(changed: readonly ChangedFile[]): Promise<void> {
    const { exported, objects } = this.#parts;
    const byId = Map.groupBy(changed, ({ file }) => file.id);
    await exported.begin([]);
    await objects.blobs(new Map(changed.map(({ file }) => [file.id, file.size])), async (id, bytes) => {
      for (const { file } of byId.get(id)!) await exported.write(file.path, bytes, file.executable);
    });
  }

  /** All of them by name, the first with what differs. */
  async #described(changed: readonly ChangedFile[]): Promise<DriftedFile[]> {
    const described: DriftedFile[] = [];
    let lines = linesShown;
    for (const { file, change } of changed) {
      const diff = described.length < filesShown && lines > 0 ? bounded(await this.#diffOf(file, change), lines) : '';
      lines -= diff.split('\n').length - 1;
      described.push({ path: file.path, change, diff });
    }
    return described;
  }

  /** Unified where both are texts; else a line that says what is. */
  async #diffOf(file: LaidFile, change: FileChange): Promise<string> {
    const { path, id, size, executable } = file;
    if (change === 'mode') return `${path}: its mode is not that of ${executable ? 'an executable' : 'a plain'} file`;
    if (change === 'replaced') return `${path}: something that is no file stands in its place`;
    const gone = change === 'deleted';
    const should = size > longestText ? null : await this.#blob(file);
    const is = gone ? Buffer.alloc(0) : await this.#parts.exported.bytesAt(path, longestText);
    const told = `${path}: ${size} bytes (blob ${id.slice(0, 12)})`;
    if (!isText(is) || !isText(should)) return `${told} are ${gone ? 'gone' : bytesWords(is, id.length)}`;
    const options = { context: 3, maxEditLength: mostEdits };
    const stands = gone ? '/dev/null' : `b/${path}`;
    const patch = createTwoFilesPatch(`a/${path}`, stands, should.toString(), is.toString(), '', '', options);
    return patch === undefined ? `${told} differ throughout` : patch.replace(/^=+\n/, '');
  }

  async #blob({ id, size }: LaidFile): Promise<Buffer> {
    let found = Buffer.alloc(0);
    await this.#parts.objects.blobs(new Map([[id, size]]), (_, bytes) => {
      found = Buffer.from(bytes);
    });
    return found;
  }
}

function bytesWords(bytes: Buffer | null, digits: number): string {
  if (bytes === null) return `more than ${longestText} bytes, or cannot be read`;
  return `${bytes.length} bytes (blob ${blobId(bytes, digits).slice(0, 12)})`;
}

/** As git tells: no NUL near its beginning. */
function isText(bytes: Buffer | null): bytes is Buffer {
  return bytes !== null && !bytes.subarray(0, 8_000).includes(0);
}

/** Fit to show: so many lines, none too long, no control characters and nothing that looks like a secret. */
function bounded(patch: string, most: number): string {
  const lines = patch.trimEnd().split('\n');
  const kept = lines.slice(0, most).map((line) => (line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line));
  if (lines.length > most) kept.push(`… and ${lines.length - most} more lines`);
  return `${redact(kept.join('\n')).replaceAll(/[^\P{C}\n\t]/gu, '\ufffd')}\n`;
}
