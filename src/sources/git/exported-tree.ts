/**
 * The files of the applied commit, laid out under the data directory: what `cwd: .` in a manifest from git means.
 *
 * It is one folder that stays in its place while commits come, and is brought up to date file by file before the Snapshot
 * of a commit is handed out. So a Revision is what its manifest says and not which commit it was read from: a commit that
 * changes one service's manifest, or a README, leaves the working directories of all others, and with them their Revisions,
 * what they were. A process that runs while a file beside it changes keeps the folder that it stands in. What follows from it, as
 * with a folder of manifests: a Revision that is started again, also one returned to, finds the files of the newest
 * commit. Whoever wants code that goes back with its Revision names a version in the manifest (a package, an image).
 *
 * Only regular files are written, never through a link, each whole or not at all; what is no longer in the commit goes.
 *
 * Whether it still is what was laid out is found by the stamps of its files (as git's index does): only what has another than
 * when it was last found right is read. Files that nobody laid out are not looked at: services write beside their code.
 */
import { randomBytes } from 'node:crypto';
import { constants, lstatSync, type BigIntStats } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { FileChange } from '../../model/drift.ts';
import { blobId } from './objects.ts';

/** A file as a commit has it. */
export interface LaidFile {
  readonly path: string;
  /** Of the blob. */
  readonly id: string;
  readonly size: number;
  readonly executable: boolean;
}

/** A file that is not as it was laid out. */
export interface ChangedFile {
  readonly file: LaidFile;
  readonly change: FileChange;
}

/** Permissions that matter: set-id, the owner's to read and run, others' to write. */
const judgedMode = 0o6522;
/** Files that are looked at before others have their turn. */
const inOneGo = 100;
/** A file changed this lately may change once more without getting another stamp: clocks of file systems tick slowly. */
const settledMs = 2_000;

export class ExportedTree {
  readonly root: string;
  /** Folders known to be real ones, during one update. */
  #folders = new Set<string>();
  /** Path → what was looked at and found right: which blob, under which stamp. */
  #rightAs = new Map<string, string>();

  constructor(root: string) {
    this.root = root;
  }

  async isThere(): Promise<boolean> {
    return (await lstat(this.root).catch(() => null))?.isDirectory() === true;
  }

  /** Begins an update: removes what is gone. After it come the writes. */
  async begin(removed: Iterable<string>): Promise<void> {
    // A link or file that somebody put there makes room.
    if (!(await this.isThere())) await rm(this.root, { force: true });
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    this.#folders = new Set(['.']);
    for (const path of removed) await this.#remove(path);
  }

  /** Lays one file down. The path has been judged: no `..`, not absolute. */
  async write(path: string, bytes: Uint8Array, executable: boolean): Promise<void> {
    const folder = posix.dirname(path);
    await this.#enter(folder);
    const absolute = join(this.root, path);
    const temporary = join(this.root, folder, `.fairlead-${randomBytes(6).toString('hex')}.tmp`);
    await writeFile(temporary, bytes, { flag: 'wx', mode: executable ? 0o755 : 0o644 });
    try {
      await rename(temporary, absolute);
    } catch {
      // A folder stands where the file belongs.
      await rm(absolute, { recursive: true, force: true });
      await rename(temporary, absolute);
    }
  }

  /** Every file that is there, whoever put it there; links and others included. */
  async present(): Promise<string[]> {
    const found: string[] = [];
    const visit = async (folder: string): Promise<void> => {
      const entries = await readdir(join(this.root, folder), { withFileTypes: true }).catch(() => []);
      for (const entry of entries) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) await visit(path);
        else found.push(path);
      }
    };
    await visit('');
    return found;
  }

  /** Those that are not as they were laid out, in the order given. `now`: ms since the epoch by the clock of the file system. */
  async changed(files: readonly LaidFile[], now: number): Promise<ChangedFile[]> {
    const rightAs = new Map<string, string>();
    const folders = new Map([['.', await this.isThere()]]);
    const found: ChangedFile[] = [];
    for (let from = 0; from < files.length; from += inOneGo) {
      const some = files.slice(from, from + inOneGo);
      const looked = some.map(async (file) => {
        const stats = this.#isReached(posix.dirname(file.path), folders) ? statsOf(join(this.root, file.path)) : null;
        return this.#changeOf(file, stats, now, rightAs);
      });
      const changes = await Promise.all(looked);
      for (const [index, change] of changes.entries()) if (change !== null) found.push({ file: some[index]!, change });
      await setImmediate();
    }
    this.#rightAs = rightAs;
    return found;
  }

  /** The file that stands at a path now, to be shown; null where it has more than `most` bytes, or cannot be read. */
  async bytesAt(path: string, most: number): Promise<Buffer | null> {
    const stats = statsOf(join(this.root, path));
    return stats?.isFile() === true && stats.size <= BigInt(most) ? this.#read(path) : null;
  }

  /** Reads nothing where the file is known by its stamp. */
  async #changeOf(file: LaidFile, stats: BigIntStats | null, now: number, rightAs: Map<string, string>): Promise<FileChange | null> {
    if (stats === null) return 'deleted';
    if (!stats.isFile()) return 'replaced';
    if (stats.size !== BigInt(file.size)) return 'edited';
    const mode = Number(stats.mode) & judgedMode;
    const ofMode = mode === (file.executable ? 0o500 : 0o400) ? null : 'mode';
    const right = `${file.id} ${stats.ino} ${stats.mtimeNs} ${stats.ctimeNs}`;
    if (this.#rightAs.get(file.path) !== right) {
      if ((mode & 0o400) === 0) return ofMode;
      const bytes = await this.#read(file.path);
      if (bytes === null || blobId(bytes, file.id.length) !== file.id) return 'edited';
    }
    if (now - Number(stats.ctimeMs) > settledMs) rightAs.set(file.path, right);
    return ofMode;
  }

  /** Reads a file; never a link, and never waiting for somebody to write. null where it cannot be: others have their hands on it. */
  async #read(path: string): Promise<Buffer | null> {
    try {
      return await readFile(join(this.root, path), { flag: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK });
    } catch {
      return null;
    }
  }

  /** Whether the folder and those above it are folders and no links; `known`: those that have been looked at. */
  #isReached(folder: string, known: Map<string, boolean>): boolean {
    let reached = known.get(folder);
    if (reached === undefined) {
      reached = this.#isReached(posix.dirname(folder), known) && statsOf(join(this.root, folder))?.isDirectory() === true;
      known.set(folder, reached);
    }
    return reached;
  }

  async #remove(path: string): Promise<void> {
    const parents = posix.dirname(path).split('/');
    if (!(await this.#isReal(parents))) return;
    await rm(join(this.root, path), { recursive: true, force: true });
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) {
      try {
        await rmdir(join(this.root, folder));
      } catch {
        return;
      }
    }
  }

  /** Whether each of the folders is one, and no link to elsewhere. */
  async #isReal(parts: readonly string[]): Promise<boolean> {
    let folder = '';
    for (const part of parts) {
      folder = join(folder, part);
      const stats = await lstat(join(this.root, folder)).catch(() => null);
      if (stats?.isDirectory() !== true) return false;
    }
    return true;
  }

  /** Makes the folder and those above it; what stands there and is no folder (a link that somebody laid) makes room. */
  async #enter(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await this.#enter(dirname(folder));
    const absolute = join(this.root, folder);
    const stats = await lstat(absolute).catch(() => null);
    if (stats !== null && !stats.isDirectory()) await rm(absolute, { force: true });
    if (stats?.isDirectory() !== true) await mkdir(absolute);
    this.#folders.add(folder);
  }
}

/** null where nothing can be found. Synchronous: a look at a file takes less than the way to another thread and back. */
function statsOf(absolute: string): BigIntStats | null {
  try {
    return lstatSync(absolute, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch {
    // A folder above it lets nobody in.
    return null;
  }
}
