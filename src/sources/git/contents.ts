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
import { contentProblem, isRegular, treeProblems, type TreeEntry } from './tree.ts';

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

interface Held {
  readonly commit: string;
  readonly entries: ReadonlyMap<string, TreeEntry>;
  /** Blob id → bytes, of regular files. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Manifests by path. */
  readonly files: ReadonlyMap<string, SnapshotFile>;
  /** Regular files, sorted by path. */
  readonly laid: readonly LaidFile[];
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

  /** Every file that was laid out, sorted by path; null while the exported tree is of no commit that is known. */
  get laid(): readonly LaidFile[] | null {
    const held = this.#held;
    return held === null || this.#exported !== held.commit ? null : held.laid;
  }

  /**
   * Manifests of the commit, sorted by path, with the exported tree brought to it. Rejects with TooLarge before anything is
   * read, with GitFailed when an object is missing or corrupt.
   */
  async load(commit: string, { fetchBlobs, beforeExport }: LoadHooks): Promise<readonly SnapshotFile[]> {
    const held = this.#held;
    const { entries, changed, removed } = await this.#entriesOf(commit, held);
    const sizes = await this.#sizesOf(entries, held?.sizes ?? new Map(), fetchBlobs);
    const exportAll = this.#exported === null || (this.#exported !== commit && this.#exported !== held?.commit);
    const exporting = this.#exported !== commit;
    const regular = (exportAll ? [...entries.values()] : changed).filter(isRegular);
    const wanted = exporting ? regular : regular.filter(({ path }) => isManifestPath(path));
    if (exporting) {
      await beforeExport();
      this.#exported = null;
      await this.#parts.exported.begin(exportAll ? await this.#strangers(entries) : removed);
    }
    const files = new Map(held?.files);
    for (const path of removed) files.delete(path);
    await this.#read(wanted, sizes, exporting, files);
    if (exporting) this.#exported = commit;
    this.#held = { commit, entries, sizes, files, laid: laidOf(entries.values(), sizes) };
    return withProblems(files, treeProblems(entries.values()));
  }

  async #entriesOf(commit: string, held: Held | null) {
    const { objects, paths } = this.#parts;
    if (held === null) {
      const all = await objects.tree(commit, paths);
      return { entries: new Map(all.map((entry) => [entry.path, entry])), changed: all, removed: [] };
    }
    const { changed, removed } = await objects.changes(held.commit, commit, paths);
    const entries = new Map(held.entries);
    for (const path of removed) entries.delete(path);
    for (const entry of changed) entries.set(entry.path, entry);
    // What was a file and is a link now is gone as far as files go.
    const lost = changed.filter((entry) => !isRegular(entry)).map(({ path }) => path);
    const wasFile = (path: string): boolean => {
      const before = held.entries.get(path);
      return before !== undefined && isRegular(before);
    };
    return { entries, changed, removed: [...removed, ...lost].filter(wasFile) };
  }

  /** Sizes of all regular files, asked for those alone that are new. */
  async #sizesOf(
    entries: ReadonlyMap<string, TreeEntry>,
    known: ReadonlyMap<string, number>,
    fetchBlobs: LoadHooks['fetchBlobs'],
  ): Promise<Map<string, number>> {
    const ids = new Set<string>();
    for (const entry of entries.values()) if (isRegular(entry)) ids.add(entry.id);
    const unknown = [...ids].filter((id) => !known.has(id));
    const partial = !this.#parts.paths.includes('.');
    let fresh = await this.#parts.objects.sizes(unknown, partial);
    const missing = unknown.filter((id) => !fresh.has(id));
    if (missing.length > 0) {
      await fetchBlobs(missing);
      fresh = await this.#parts.objects.sizes(unknown, partial);
    }
    const sizes = new Map<string, number>();
    for (const id of ids) sizes.set(id, known.get(id) ?? fresh.get(id) ?? 0);
    let total = 0;
    for (const entry of entries.values()) if (isRegular(entry)) total += sizes.get(entry.id)!;
    if (total > this.#parts.maxBytes) throw new TooLarge(this.#parts.maxBytes);
    return sizes;
  }

  async #read(
    wanted: readonly TreeEntry[],
    sizes: ReadonlyMap<string, number>,
    exporting: boolean,
    files: Map<string, SnapshotFile>,
  ): Promise<void> {
    const byId = new Map<string, TreeEntry[]>();
    for (const entry of wanted) {
      const alike = byId.get(entry.id);
      if (alike === undefined) byId.set(entry.id, [entry]);
      else alike.push(entry);
    }
    const toRead = new Map([...byId.keys()].map((id) => [id, sizes.get(id)!]));
    await this.#parts.objects.blobs(toRead, async (id, bytes) => {
      for (const { path, kind } of byId.get(id)!) {
        if (exporting) await this.#parts.exported.write(path, bytes, kind === 'executable');
        if (isManifestPath(path)) files.set(path, fileOf(path, bytes, files.get(path)));
      }
    });
  }

  /** What lies in the exported tree and is in no commit of these. */
  async #strangers(entries: ReadonlyMap<string, TreeEntry>): Promise<string[]> {
    const present = await this.#parts.exported.present();
    return present.filter((path) => {
      const entry = entries.get(path);
      return entry === undefined || !isRegular(entry);
    });
  }
}

function laidOf(entries: Iterable<TreeEntry>, sizes: ReadonlyMap<string, number>): LaidFile[] {
  const regular = [...entries].filter(isRegular);
  const laid = regular.map(({ path, id, kind }) => ({ path, id, size: sizes.get(id)!, executable: kind === 'executable' }));
  return laid.sort((a, b) => (a.path < b.path ? -1 : 1));
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
