/**
 * Reading a folder of manifests: which files count, and each one's bytes as they stood at one moment. A file is read
 * again only when its stat changed; whether a writer is in the middle of it is told by reading between two equal stats.
 */
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { join, sep } from 'node:path';
import { messageOf } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import { isLockPath } from '../model/lock.ts';
import type { SnapshotFile } from '../model/snapshot.ts';

/** Largest file that is read into a Snapshot; a larger one is handed out cut at this length, for the compiler to refuse. */
const maxFileBytes = 8 * 1024 * 1024;

export interface KnownFile {
  readonly file: SnapshotFile;
  /** What the stat was when it was read: same stamp, same bytes. */
  readonly stamp: string;
  /** When it was last written to or moved, ms since the epoch by the file system's clock. */
  readonly touchedAt: number;
  /** True for a symlink, whose target may change without the link's folder saying so. */
  readonly link: boolean;
}

/** True for paths (relative, `/` between parts) that may hold a manifest or Locks: YAML, JSON or `fairlead.lock`, not hidden, not of a package. */
export function isManifestPath(path: string): boolean {
  return (/\.(ya?ml|json)$/i.test(path) || isLockPath(path)) && !isIgnored(path);
}

/** True for what is never looked into: hidden files and folders, and node_modules. */
export function isIgnored(path: string): boolean {
  return path.split('/').some((part) => (part.startsWith('.') && part !== '.' && part !== '') || part === 'node_modules');
}

/** Paths of all files under `root` that may hold a manifest, sorted. Rejects when the root cannot be listed; a folder in it that cannot be is as if empty. */
export async function listManifests(root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (folder === '' || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw error;
      return [];
    });
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (isIgnored(entry.name)) continue;
      if (entry.isDirectory()) await visit(path);
      else if (isManifestPath(path) && (entry.isFile() || entry.isSymbolicLink())) found.push(path);
    }
  };
  await visit('');
  return found.sort();
}

/**
 * The file as it is now: what was known when its stat is the same, null when it is gone, and 'changing' while somebody writes
 * to it. A link that leads nowhere or outside the root is a file that cannot be read.
 */
export async function readManifest(root: string, path: string, known: KnownFile | undefined): Promise<KnownFile | 'changing' | null> {
  const absolute = join(root, path);
  try {
    const itself = await lstat(absolute, { bigint: true });
    const link = itself.isSymbolicLink();
    const misled = link ? await misleads(root, absolute) : null;
    if (misled !== null) return unreadable(path, misled);
    const look = (): Promise<BigIntStats> => (link ? stat : lstat)(absolute, { bigint: true });
    const before = link ? await look() : itself;
    if (!before.isFile()) return null;
    const stamp = stampOf(before);
    if (known?.stamp === stamp && known.link === link) return known;
    const bytes = await readFile(absolute);
    const after = await look();
    if (stampOf(after) !== stamp || BigInt(bytes.length) !== after.size) return 'changing';
    const kept = bytes.length > maxFileBytes ? bytes.subarray(0, maxFileBytes) : bytes;
    const hash = sha256(kept);
    const file = known?.file.hash === hash ? known.file : { path, hash, bytes: new Uint8Array(kept) };
    return { file, stamp, touchedAt: Number(after.ctimeMs > after.mtimeMs ? after.ctimeMs : after.mtimeMs), link };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A name that is not UTF-8 is listed with marks for what no text can say, and is not found under that name.
    if (code === 'ENOENT' && path.includes('\uFFFD')) return unreadable(path, 'its name is not UTF-8');
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null;
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
    return unreadable(path, messageOf(error).replaceAll(root, '.'));
  }
}

/** One file that cannot be read is the compiler's to report; it must not keep the others from being read. */
function unreadable(path: string, problem: string): KnownFile {
  const stamp = `unreadable ${problem}`;
  return { file: { path, hash: sha256(stamp), bytes: new Uint8Array(), problem }, stamp, touchedAt: 0, link: false };
}

/** Why a link is not followed; null when it leads to something inside the root. */
async function misleads(root: string, link: string): Promise<string | null> {
  const [realRoot, target] = await Promise.all([realpath(root), realpath(link).catch((error: NodeJS.ErrnoException) => error)]);
  if (target instanceof Error) {
    if (target.code !== 'ENOENT' && target.code !== 'ENOTDIR' && target.code !== 'ELOOP') throw target;
    return 'it is a symbolic link that leads nowhere';
  }
  const inside = target.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep);
  return inside ? null : 'it is a symbolic link that leads out of the folder of manifests';
}

function stampOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}
