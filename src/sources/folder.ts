/**
 * A folder of manifests as a Source. chokidar says that something happened; what is so is then read from the disk. A
 * Snapshot is handed out only after the folder was quiet for a moment and every file in it read whole, so that a
 * half-written file is never acted upon.
 */
import { randomBytes } from 'node:crypto';
import { access, constants, lstat, mkdir, open, readFile, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import { FairleadError, messageOf } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import type { Snapshot, SnapshotFile } from '../model/snapshot.ts';
import type { Clock } from '../ports/clock.ts';
import type { Change, SourceListener, WritableSource, Written } from '../ports/source.ts';
import { isIgnored, isManifestPath, listManifests, readManifest, type KnownFile } from './folder-scan.ts';
import { refuseUnwritable } from './written-paths.ts';

export interface FolderSourceOptions {
  readonly name: string;
  /** The folder; made absolute. */
  readonly root: string;
  readonly clock: Clock;
  /** How long nothing may have happened before it is read; 120 ms unless told otherwise. */
  readonly quietMs?: number;
  /** How often an unreadable folder is tried again, and how often a readable one is looked over in case the watcher missed something; 1 s and 5 min. */
  readonly retryMs?: number;
  readonly rescanMs?: number;
}

export function createFolderSource(options: FolderSourceOptions): WritableSource {
  return new FolderSource(options);
}

/** After a look that found changes, how long until the next, which must find everything the same. */
const recheckMs = 25;
/** A file that somebody keeps writing to holds the others up for no longer than this; then it stays as it last was. */
const longestWaitMs = 1_000;

class FolderSource implements WritableSource {
  readonly name: string;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #retryMs: number;
  readonly #rescanMs: number;
  readonly #known = new Map<string, KnownFile>();
  /** Paths that may have changed since they were read. */
  readonly #dirty = new Set<string>();
  /** Paths that changed at the last look: not to be handed out in that form. */
  #unsettled: ReadonlySet<string> = new Set();
  #wholeScan = true;
  #watcher: FSWatcher | null = null;
  #listener: SourceListener | null = null;
  #cancelTimer = (): void => {};
  #cancelRescan = (): void => {};
  #handedOut: Snapshot | null = null;
  #polling = false;
  #firstEventAt: number | null = null;
  #failure: string | null = null;
  /** The last thing that the listener was told is that nothing can be read. */
  #toldUnreadable = false;
  #suspended = false;
  #closed = false;
  /** Scans and writes, one after the other. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: FolderSourceOptions) {
    this.name = options.name;
    this.#root = resolve(options.root);
    this.#clock = options.clock;
    this.#quietMs = options.quietMs ?? 120;
    this.#retryMs = options.retryMs ?? 1_000;
    this.#rescanMs = options.rescanMs ?? 300_000;
  }

  async start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    await this.refresh();
  }

  async refresh(): Promise<void> {
    this.#wholeScan = true;
    await this.#inTurn(() => this.#scan());
  }

  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.#wholeScan = true;
    this.#scanSoon(0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    this.#cancelRescan();
    await this.#work;
    await this.#watcher?.close();
    this.#watcher = null;
  }

  async write({ files, branch, onto }: Change): Promise<Written> {
    if (branch !== null) throw new FairleadError('Refused', `${this.name} is a folder: it has no branches to propose a change on.`);
    return this.#inTurn(async () => {
      if (this.#suspended) throw new FairleadError('Refused', `${this.name} is suspended: nothing written to it would be read.`);
      const paths = Object.keys(files);
      for (const path of paths) await this.#refuseBadPath(path);
      this.#wholeScan = true;
      await this.#scan();
      if (this.#handedOut !== null && this.#handedOut.id !== onto)
        throw new FairleadError('SourceMoved', `Files of ${this.name} were changed meanwhile. Nothing was written.`);
      await this.#replace(files);
      // What was written is whole: no need to wait for the folder to become quiet.
      await this.#read(paths);
      this.#unsettled = new Set([...this.#unsettled].filter((path) => !paths.includes(path)));
      return { snapshot: this.#handOut(), branch: null };
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work);
    this.#work = turn.catch(() => undefined);
    return turn;
  }

  #watch(): void {
    if (this.#watcher !== null || this.#closed) return;
    const watcher = watch(this.#root, {
      ignored: (path) => isIgnored(this.#relative(path)),
      ignoreInitial: true,
      followSymlinks: false,
      atomic: false,
      ...(this.#polling ? { backend: 'polling' as const, pollingInterval: 500 } : {}),
    });
    this.#watcher = watcher;
    watcher.on('all', (_event, path) => this.#happened(this.#relative(path)));
    // Between the first read and here the folder was not watched.
    watcher.on('ready', () => this.#happened(null));
    watcher.on('error', () => {
      // Most likely the system's limit of watches: looking every half second needs none.
      this.#polling = true;
      this.#watcher = null;
      void watcher.close();
      this.#happened(null);
    });
  }

  /** Something happened to that path; null: to no path in particular. */
  #happened(path: string | null): void {
    if (this.#closed) return;
    if (path !== null && isManifestPath(path)) this.#dirty.add(path);
    else this.#wholeScan = true;
    const now = this.#clock.now();
    this.#firstEventAt ??= now;
    this.#scanSoon(Math.min(this.#quietMs, Math.max(0, this.#firstEventAt + longestWaitMs - now)));
  }

  #scanSoon(delayMs: number): void {
    this.#cancelTimer();
    if (this.#closed) return;
    this.#cancelTimer = this.#clock.after(delayMs, () => void this.#inTurn(() => this.#scan()));
  }

  /** Reads what may have changed until it stands still, and hands it out. Never rejects: what fails is told to the listener. */
  async #scan(): Promise<void> {
    if (this.#closed) return;
    this.#firstEventAt = null;
    try {
      await access(this.#root, constants.R_OK | constants.X_OK);
      const until = this.#clock.now() + longestWaitMs;
      let changed = await this.#read(await this.#takeDirty());
      while (changed.length > 0 && !this.#closed && this.#clock.now() < until) {
        await this.#pause(recheckMs);
        changed = await this.#read([...changed, ...(await this.#takeDirty())]);
      }
      // A root that went while it was read looks like one whose files were deleted.
      await access(this.#root, constants.R_OK | constants.X_OK);
      const emptied = this.#justEmptied();
      this.#unsettled = new Set([...changed, ...emptied]);
      this.#watch();
      this.#failure = null;
      this.#rescanLater(this.#rescanMs);
      this.#handOut();
      if (this.#unsettled.size > 0) {
        for (const path of this.#unsettled) this.#dirty.add(path);
        this.#scanSoon(changed.length > 0 ? this.#quietMs : longestWaitMs);
      }
    } catch (thrown) {
      await this.#fail(thrown);
    }
  }

  /** Paths to look at now: those that something happened to, links (whose targets may be anywhere), or everything. */
  async #takeDirty(): Promise<string[]> {
    if (this.#wholeScan) {
      this.#wholeScan = false;
      for (const path of await listManifests(this.#root)) this.#dirty.add(path);
      for (const path of this.#known.keys()) this.#dirty.add(path);
    }
    for (const [path, { link }] of this.#known) if (link) this.#dirty.add(path);
    const paths = [...this.#dirty];
    this.#dirty.clear();
    return paths;
  }

  /** Reads files that may have changed; returns the paths of those that did and may change again, or were being written to. */
  async #read(paths: readonly string[]): Promise<string[]> {
    const changed: string[] = [];
    const readOne = async (path: string): Promise<void> => {
      const known = this.#known.get(path);
      const now = await readManifest(this.#root, path, known);
      if (now === null) this.#known.delete(path);
      else if (now !== 'changing') this.#known.set(path, now);
      if (now === 'changing' || this.#mayChange(now, known)) changed.push(path);
    };
    // A few at a time: thousands of open files at once are refused by the system.
    const queue = new Set(paths).values();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const path of queue) await readOne(path);
      }),
    );
    return changed;
  }

  /** True when a second look may find another file: it is other than it was, unless long since, or was written to just now. */
  #mayChange(now: KnownFile | null, known: KnownFile | undefined): boolean {
    if (now === null) return known !== undefined;
    const untouchedMs = this.#clock.now() - now.touchedAt;
    // A touch in the future is another clock's: then only the stamps count.
    if (untouchedMs >= 0 && untouchedMs < this.#quietMs) return true;
    return now.stamp !== known?.stamp && untouchedMs <= longestWaitMs;
  }

  /** Files that were just made empty: whoever writes a file anew empties it first, and has the contents to follow. */
  #justEmptied(): string[] {
    const since = this.#clock.now() - longestWaitMs;
    const emptied: string[] = [];
    for (const [path, { file, touchedAt }] of this.#known)
      if (file.bytes.length === 0 && file.problem === undefined && touchedAt > since) emptied.push(path);
    return emptied;
  }

  /** Tells the listener when the files are others than it was told last, or that they could not be read; returns the id of the Snapshot there is now. */
  #handOut(): string {
    const files: SnapshotFile[] = [];
    for (const [path, { file }] of this.#known) if (!this.#unsettled.has(path)) files.push(file);
    for (const path of this.#unsettled) {
      const before = this.#handedOut?.files.find((file) => file.path === path);
      if (before !== undefined) files.push(before);
    }
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    const id = sha256(files.map((file) => `${file.hash} ${file.path}\n`).join('')).slice(0, 40);
    if ((id !== this.#handedOut?.id || this.#toldUnreadable) && !this.#suspended && !this.#closed) {
      this.#toldUnreadable = false;
      this.#handedOut = { source: this.name, id, root: this.#root, takenAt: this.#clock.now(), files };
      this.#listener?.snapshot(this.#handedOut);
    }
    return id;
  }

  /** Tells that the folder cannot be read, and tries again until it can. */
  async #fail(thrown: unknown): Promise<void> {
    const message = `The folder ${this.#root} cannot be read: ${messageOf(thrown)}`;
    this.#wholeScan = true;
    // A watcher on a folder that went away does not see it come back.
    await this.#watcher?.close();
    this.#watcher = null;
    if (message !== this.#failure && !this.#suspended) {
      this.#failure = message;
      this.#toldUnreadable = true;
      this.#listener?.unreadable(message);
    }
    this.#rescanLater(this.#retryMs);
  }

  #rescanLater(delayMs: number): void {
    this.#cancelRescan();
    if (this.#closed) return;
    this.#cancelRescan = this.#clock.after(delayMs, () => {
      this.#wholeScan = true;
      this.#scanSoon(0);
    });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((done) => void this.#clock.after(delayMs, done));
  }

  #relative(path: string): string {
    return relative(this.#root, path).split(sep).join(posix.sep);
  }

  /** A folder that is a link is not read, and may lead anywhere. */
  async #refuseBadPath(path: string): Promise<void> {
    refuseUnwritable(path);
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) {
      const stats = await lstat(join(this.#root, folder)).catch(() => null);
      if (stats?.isSymbolicLink() === true)
        throw new FairleadError('Refused', `${path} cannot be written: ${folder} is a symbolic link, and is not followed.`, {
          data: { path },
        });
    }
  }

  /** Every file or none: new contents are laid beside, then moved into place; when that fails midway, what was there comes back. */
  async #replace(files: Readonly<Record<string, string | null>>): Promise<void> {
    const prepared: { path: string; temporary: string | null }[] = [];
    const undo: (() => Promise<void>)[] = [];
    try {
      for (const [path, text] of Object.entries(files)) {
        const absolute = join(this.#root, path);
        if (text === null) {
          prepared.push({ path: absolute, temporary: null });
          continue;
        }
        const made = await mkdir(dirname(absolute), { recursive: true });
        if (made !== undefined) undo.push(() => rmdir(dirname(absolute)));
        const temporary = join(dirname(absolute), `.fairlead-${randomBytes(8).toString('hex')}.tmp`);
        undo.push(() => unlink(temporary));
        await writeDurably(temporary, text);
        prepared.push({ path: absolute, temporary });
      }
      for (const { path, temporary } of prepared) {
        const before = await readFile(path).catch(() => null);
        undo.push(() => (before === null ? unlink(path) : writeDurably(path, before)));
        if (temporary !== null) await rename(temporary, path);
        else if (before !== null) await unlink(path);
      }
    } catch (thrown) {
      for (const step of undo.toReversed()) await step().catch(() => undefined);
      const code = (thrown as NodeJS.ErrnoException).code === 'ENOSPC' ? 'DiskFull' : 'Refused';
      throw new FairleadError(code, `The folder ${this.#root} cannot be written to: ${messageOf(thrown)}`, { cause: thrown });
    }
  }
}

async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
