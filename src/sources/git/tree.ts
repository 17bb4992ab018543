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
export function treeProblems(entries: Iterable<TreeEntry>): Map<string, string> {
  const problems = new Map<string, string>();
  const folded = new Map<string, string[]>();
  for (const { path, kind } of entries) {
    if (kind === 'submodule') {
      problems.set(path, 'it is a submodule, and submodules are not followed. Name its repository as a source of its own.');
      continue;
    }
    if (!isSafePath(path)) {
      problems.set(path, "its path would lead out of the repository, or into what is git's own.");
      continue;
    }
    if (isTooLong(path)) problems.set(path, 'it is longer than file systems take. Shorten it.');
    if (!isManifestPath(path)) continue;
    if (kind === 'link') problems.set(path, 'it is a symbolic link, and links in a repository are not followed. Commit the file itself.');
    const key = path.normalize('NFC').toLowerCase();
    folded.set(key, [...(folded.get(key) ?? []), path]);
  }
  for (const alike of folded.values())
    if (alike.length > 1)
      for (const path of alike) {
        const others = alike.filter((other) => other !== path).join(', ');
        problems.set(path, `its name differs from ${others} by case alone, so that some machines take them for one file. Rename one.`);
      }
  return problems;
}

/** Why a manifest's bytes are not what its author sees; null when they are. */
export function contentProblem(bytes: Uint8Array): string | null {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString('latin1');
  if (!start.startsWith('version https://git-lfs.github.com/spec/')) return null;
  return 'it is a pointer of Git LFS; the file itself lies elsewhere. Take manifests out of LFS (`git lfs untrack`).';
}
