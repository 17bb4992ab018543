/**
 * What the commits hold under the chosen paths: manifests in memory, all regular files in the exported tree. From one commit to
 * the next only what changed between the two is read, and a manifest that did not change stays the very same object.
 */
import { sha256 } from '../../base/hash.ts';
import type { SnapshotFile } from '../../model/snapshot.ts';
import { isManifestPath } from '../folder-scan.ts';
import type { ExportedTree, LaidFile } from './exported-tree.ts';
import { TooLarge } from './mirror.ts';
import type { ObjectStore } from './objects.ts';
import { contentProblem, isRegular, TreeProblems, type TreeChanges } from './tree.ts';

/** Largest manifest that is handed out whole; a larger one is cut at this length, for the compiler to refuse. */
const maxFileBytes = 8 * 1024 * 1024;

export interface ContentsParts {
  readonly objects: ObjectStore;
  readonly exported: ExportedTree;
  readonly paths: readonly string[];
  readonly maxBytes: number;
}

export interface LoadHooks {
  /** Brings blobs here that a fetch left out. */
  readonly fetchBlobs: (ids: readonly string[]) => Promise<void>;
  /** Told before the exported tree is touched. */
  readonly beforeExport: () => Promise<void>;
}

/** What is known of one commit. It becomes that of the next by what differs between the two. */
interface Held {
  commit: string;
  /** Manifests by path. */
  readonly files: Map<string, SnapshotFile>;
  readonly problems: TreeProblems;
  /** Regular files by path, and how long they are altogether, in bytes. */
  readonly laid: Map<string, LaidFile>;
  bytes: number;
  /** The regular files sorted by path; null until somebody asks for them. */
  sorted: readonly LaidFile[] | null;
}

/** From one commit to the next. */
interface Step extends TreeChanges {
  /** null: from nothing, since nothing is known that could be gone on from. */
  readonly from: Held | null;
}

export class Contents {
  readonly #parts: ContentsParts;
  #held: Held | null = null;
  /** The commit that the exported tree is of; null when that is not known, or it is on its way from one to another. */
  #exported: string | null = null;

  constructor(parts: ContentsParts) {
    this.#parts = parts;
  }

  /** An earlier run left the exported tree at that commit. */
  resume(exported: string): void {
    this.#exported = exported;
  }

  /** Forgets what was read: the next load reads all of it anew. */
  forget(): void {
    this.#held = null;
    this.#exported = null;
  }

  /** False while the exported tree is of no commit that is known. */
  get isLaid(): boolean {
    return this.#held !== null && this.#exported === this.#held.commit;
  }

  /** Every file that was laid out, sorted by path; none while that is not known. */
  get laid(): readonly LaidFile[] {
    if (this.#held === null || !this.isLaid) return [];
    this.#held.sorted ??= [...this.#held.laid.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    return this.#held.sorted;
  }

  /**
   * Manifests of the commit, sorted by path, with the exported tree brought to it. Rejects with TooLarge before anything is
   * read, with GitFailed when an object is missing or corrupt.
   */
  async load(commit: string, { fetchBlobs, beforeExport }: LoadHooks): Promise<readonly SnapshotFile[]> {
    const step = await this.#stepTo(commit);
    const fresh = await this.#filesOf(step, fetchBlobs);
    const gone = goneOf(step);
    const bytes = this.#bytesAfter(step, fresh, gone);
    const exporting = this.#exported !== commit;
    if (exporting) {
      await beforeExport();
      this.#exported = null;
      await this.#parts.exported.begin(step.from === null ? await this.#strangers(fresh) : gone);
    }
    const read = await this.#read(exporting ? fresh : fresh.filter(({ path }) => isManifestPath(path)), exporting);
    if (exporting) this.#exported = commit;
    this.#held = heldAfter(commit, step, { fresh, gone, read, bytes });
    return withProblems(this.#held.files, this.#held.problems.all);
  }

  /** Goes on from what is known where all of it is laid out, and else lists the whole commit. */
  async #stepTo(commit: string): Promise<Step> {
    const { objects, paths } = this.#parts;
    const held = this.#held;
    if (held === null || !this.isLaid) return { from: null, changed: await objects.tree(commit, paths), removed: [] };
    return { from: held, ...(await objects.changes(held.commit, commit, paths)) };
  }

  /** The regular files among what changed. */
  async #filesOf({ changed }: Step, fetchBlobs: LoadHooks['fetchBlobs']): Promise<LaidFile[]> {
    const { objects, paths } = this.#parts;
    const regular = changed.filter(isRegular);
    const ids = new Set(regular.map(({ id }) => id));
    const sizes = await objects.sizes(ids, !paths.includes('.'));
    const missing = [...ids].filter((id) => !sizes.has(id));
    if (missing.length > 0) {
      await fetchBlobs(missing);
      for (const [id, size] of await objects.sizes(missing, false)) sizes.set(id, size);
    }
    return regular.map(({ path, id, kind }) => ({ path, id, size: sizes.get(id) ?? 0, executable: kind === 'executable' }));
  }

  /** How long all files are then; throws TooLarge when that is more than may be. */
  #bytesAfter({ from }: Step, fresh: readonly LaidFile[], gone: readonly string[]): number {
    let bytes = from?.bytes ?? 0;
    for (const { path, size } of fresh) bytes += size - (from?.laid.get(path)?.size ?? 0);
    for (const path of gone) bytes -= from!.laid.get(path)!.size;
    if (bytes > this.#parts.maxBytes) throw new TooLarge(this.#parts.maxBytes);
    return bytes;
  }

  /** Reads the files and lays them out where that is asked for; the manifests among them by path. */
  async #read(wanted: readonly LaidFile[], exporting: boolean): Promise<ReadonlyMap<string, SnapshotFile>> {
    const read = new Map<string, SnapshotFile>();
    const byId = Map.groupBy(wanted, ({ id }) => id);
    const toRead = new Map(wanted.map(({ id, size }) => [id, size]));
    await this.#parts.objects.blobs(toRead, async (id, bytes) => {
      for (const { path, executable } of byId.get(id)!) {
        if (exporting) await this.#parts.exported.write(path, bytes, executable);
        if (isManifestPath(path)) read.set(path, fileOf(path, bytes, this.#held?.files.get(path)));
      }
    });
    return read;
  }

  /** What lies in the exported tree and is none of these files. */
  async #strangers(files: readonly LaidFile[]): Promise<string[]> {
    const paths = new Set(files.map(({ path }) => path));
    return (await this.#parts.exported.present()).filter((path) => !paths.has(path));
  }
}

/** Paths of files that are none any more: what is gone, and what was a file and is a link now. */
function goneOf({ from, changed, removed }: Step): string[] {
  const lost = changed.filter((entry) => !isRegular(entry)).map(({ path }) => path);
  return [...removed, ...lost].filter((path) => from?.laid.has(path));
}

interface Outcome {
  readonly fresh: readonly LaidFile[];
  readonly gone: readonly string[];
  readonly read: ReadonlyMap<string, SnapshotFile>;
  readonly bytes: number;
}

function heldAfter(commit: string, { from, changed, removed }: Step, { fresh, gone, read, bytes }: Outcome): Held {
  const held: Held = from ?? { commit, files: new Map(), problems: new TreeProblems(), laid: new Map(), bytes, sorted: null };
  for (const path of gone) {
    held.files.delete(path);
    held.laid.delete(path);
  }
  for (const file of fresh) held.laid.set(file.path, file);
  for (const [path, file] of read) held.files.set(path, file);
  held.problems.change({ changed, removed });
  return Object.assign(held, { commit, bytes, sorted: null });
}

/** The file with those bytes: the one known, when it is the same. */
export function fileOf(path: string, bytes: Uint8Array, known: SnapshotFile | undefined): SnapshotFile {
  const problem = contentProblem(bytes);
  if (problem !== null) return problemFile(path, problem);
  const kept = bytes.length > maxFileBytes ? bytes.subarray(0, maxFileBytes) : bytes;
  const hash = sha256(kept);
  return known?.hash === hash ? known : { path, hash, bytes: new Uint8Array(kept) };
}

/** All files by path, those with a problem in the form that tells it. */
export function withProblems(files: ReadonlyMap<string, SnapshotFile>, problems: ReadonlyMap<string, string>): SnapshotFile[] {
  const all = new Map(files);
  for (const [path, problem] of problems) all.set(path, problemFile(path, problem));
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function problemFile(path: string, problem: string): SnapshotFile {
  return { path, hash: sha256(`unreadable ${problem}`), bytes: new Uint8Array(), problem };
}
