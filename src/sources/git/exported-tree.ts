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
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';

export class ExportedTree {
  readonly root: string;
  /** Folders known to be real ones, during one update. */
  #folders = new Set<string>();

  constructor(root: string) {
    this.root = root;
  }

  async isThere(): Promise<boolean> {
    return (await lstat(this.root).catch(() => null))?.isDirectory() === true;
  }

  /** Begins an update: removes what is gone. After it come the writes. */
  async begin(removed: Iterable<string>): Promise<void> {
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
