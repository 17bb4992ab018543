/** What git's listings say of a tree: its entries, which of them are files to read, and what is wrong with the others. Pure. */
import { isManifestPath } from '../folder-scan.ts';

export interface TreeEntry {
  /** From the root of the repository, `/` between parts. */
  readonly path: string;
  readonly kind: 'file' | 'executable' | 'link' | 'submodule';
  /** The id of the blob, or of the submodule's commit. */
  readonly id: string;
}

export interface TreeChanges {
  /** Entries that are new or others than before. */
  readonly changed: readonly TreeEntry[];
  /** Paths that are gone. */
  readonly removed: readonly string[];
}

const kinds: Readonly<Record<string, TreeEntry['kind']>> = {
  '100644': 'file',
  // Written by very old tools.
  '100664': 'file',
  '100755': 'executable',
  '120000': 'link',
  '160000': 'submodule',
};

/** Entries of `git ls-tree -r -z`. */
export function parseTree(listing: string): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (const line of listing.split('\0')) {
    const tab = line.indexOf('\t');
    const [mode = '', , id] = line.slice(0, tab).split(' ');
    const kind = kinds[mode];
    if (kind !== undefined && id !== undefined) entries.push({ path: line.slice(tab + 1), kind, id });
  }
  return entries;
}

/** Changes of `git diff-tree -r -z --no-renames` between two trees. */
export function parseChanges(listing: string): TreeChanges {
  const changed: TreeEntry[] = [];
  const removed: string[] = [];
  const fields = listing.split('\0');
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [, mode = '', , id = '', status] = fields[index]!.split(' ');
    const path = fields[index + 1]!;
    const kind = kinds[mode];
    if (status === 'D' || kind === undefined) removed.push(path);
    else changed.push({ path, kind, id });
  }
  return { changed, removed };
}

/** Whether the entry has a blob that may be read. */
export function isRegular(entry: TreeEntry): boolean {
  return (entry.kind === 'file' || entry.kind === 'executable') && isSafePath(entry.path) && !isTooLong(entry.path);
}

/** Most bytes of a name that file systems take, and of a path what leaves some of the usual 4,096 for the folder that it is laid into. */
const longestName = 255;
const longestPath = 3_000;

function isTooLong(path: string): boolean {
  // Three bytes a character at most, for each unit that it has here.
  if (path.length * 3 <= longestName) return false;
  return Buffer.byteLength(path) > longestPath || path.split('/').some((part) => Buffer.byteLength(part) > longestName);
}

/** False for paths that no honest tree has, and that would lead out of the folder it is laid into, or into git's own. */
export function isSafePath(path: string): boolean {
  return (
    !path.includes('\\') &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/^(\.git|git~\d+)$/i.test(part))
  );
}

/** Path → why the entry cannot be read, for what is no file of this repository, leads out of it, or cannot be told apart everywhere. */
export function treeProblems(entries: Iterable<TreeEntry>): ReadonlyMap<string, string> {
  const problems = new TreeProblems();
  problems.change({ changed: [...entries], removed: [] });
  return problems.all;
}

/** The same of one tree after the other, found by what differs between the two, however large they are. Of no entries at first. */
export class TreeProblems {
  readonly #all = new Map<string, string>();
  /** Of those that are a problem by themselves: what it is. */
  readonly #own = new Map<string, string>();
  /** The name that some machines tell no other from → manifests of that name. */
  readonly #alike = new Map<string, Set<string>>();

  /** Path → why the entry cannot be read. */
  get all(): ReadonlyMap<string, string> {
    return this.#all;
  }

  /** Takes in what differs from the tree before. */
  change({ changed, removed }: TreeChanges): void {
    const names = new Set<string>();
    for (const path of [...removed, ...changed.map((entry) => entry.path)]) {
      const name = foldedName(path);
      this.#alike.get(name)?.delete(path);
      this.#all.delete(path);
      this.#own.delete(path);
      names.add(name);
    }
    for (const entry of changed) {
      const problem = ownProblem(entry);
      if (problem !== null) {
        this.#own.set(entry.path, problem);
        this.#all.set(entry.path, problem);
      }
      if (entry.kind === 'submodule' || !isSafePath(entry.path) || !isManifestPath(entry.path)) continue;
      const name = foldedName(entry.path);
      const alike = this.#alike.get(name);
      if (alike === undefined) this.#alike.set(name, new Set([entry.path]));
      else alike.add(entry.path);
    }
    for (const name of names) this.#compare(name);
  }

  /** What is wrong with those of that name, now that there are more or fewer of them. */
  #compare(name: string): void {
    const alike = [...(this.#alike.get(name) ?? [])].sort();
    if (alike.length === 0) this.#alike.delete(name);
    for (const path of alike) {
      const others = alike.filter((other) => other !== path).join(', ');
      const own = this.#own.get(path);
      if (others !== '')
        this.#all.set(path, `its name differs from ${others} by case alone, so that some machines take them for one file. Rename one.`);
      else if (own === undefined) this.#all.delete(path);
      else this.#all.set(path, own);
    }
  }
}

function foldedName(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

/** What is wrong with an entry whatever others there are; null when nothing is. */
function ownProblem({ path, kind }: TreeEntry): string | null {
  if (kind === 'submodule') return 'it is a submodule, and submodules are not followed. Name its repository as a source of its own.';
  if (!isSafePath(path)) return "its path would lead out of the repository, or into what is git's own.";
  if (kind === 'link' && isManifestPath(path))
    return 'it is a symbolic link, and links in a repository are not followed. Commit the file itself.';
  return isTooLong(path) ? 'it is longer than file systems take. Shorten it.' : null;
}

/** Why a manifest's bytes are not what its author sees; null when they are. */
export function contentProblem(bytes: Uint8Array): string | null {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString('latin1');
  if (!start.startsWith('version https://git-lfs.github.com/spec/')) return null;
  return 'it is a pointer of Git LFS; the file itself lies elsewhere. Take manifests out of LFS (`git lfs untrack`).';
}
