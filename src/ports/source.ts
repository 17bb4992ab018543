/** Where Manifests come from. A Source hands out whole, consistent Snapshots; it never judges what is in them. */
import type { FilesDrift } from '../model/drift.ts';
import type { Snapshot } from '../model/snapshot.ts';

/** Something about a Source that people should know of beyond how it stands: an alarm, or what was let through by policy. */
export interface SourceEvent {
  readonly type: 'Normal' | 'Warning';
  /** `RefGone`: the branch or tag was deleted. `RewindRefused`, `HistoryRewound`: it does not follow from what was applied. `CommitUnverified`; `CommitTooLarge`. `FilesCorrected`, `FilesDrifted`, `FilesRestored`: what was laid out was changed by others. `PathsUnmatched`: it is to look into what the commit does not have. */
  readonly reason:
    | 'RefGone'
    | 'RewindRefused'
    | 'HistoryRewound'
    | 'CommitUnverified'
    | 'CommitTooLarge'
    | 'FilesCorrected'
    | 'FilesDrifted'
    | 'FilesRestored'
    | 'PathsUnmatched';
  readonly message: string;
  /** The commit that it is about; null when there is none. */
  readonly snapshot: string | null;
}

export interface SourceListener {
  /** A new consistent Snapshot; not called when nothing changed, but always once it can be read again after `unreadable`. */
  snapshot(snapshot: Snapshot): void;
  /** The source cannot be read now; what was applied goes on. Called once a failure, and again only when the message changes. */
  unreadable(message: string): void;
  /** Told once each time that it happens. */
  happened?(event: SourceEvent): void;
  /** Files that it laid out are others now and stay so; null: all are as they were laid out. Told at the first look, and when it changes. */
  drifted?(drift: FilesDrift | null): void;
}

export interface Source {
  readonly name: string;
  /**
   * Begins to watch; the first Snapshot (or failure) follows by itself. `lastApplied`: id of the Snapshot that was applied last,
   * by this controller or one before it; null when there is none. Nothing older than that is handed out unless the Source's own
   * settings allow it.
   */
  start(listener: SourceListener, lastApplied?: string | null): Promise<void>;
  /** Reads again now, whatever the watcher says; resolves after the listener was told. */
  refresh(): Promise<void>;
  /** Somebody says that it has moved: looks now whether it has, and at no more than that. Resolves like `refresh`, which stands in where it is missing. */
  poll?(): Promise<void>;
  /** While suspended no Snapshot is handed out. */
  suspend(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Who made a change, as commits name people. */
export interface Person {
  readonly name: string;
  readonly email: string;
}

/** A change of a Source's files, all or none. */
export interface Change {
  /** By path relative to the root of the Source: the text, or null to delete. */
  readonly files: Readonly<Record<string, string | null>>;
  /** Id of the Snapshot that it was worked out against. */
  readonly onto: string;
  /** What is said of it where history is kept. A folder keeps none. */
  readonly subject: string;
  /** Paragraphs below the subject; empty for none. */
  readonly body: string;
  /** `Key: value` lines at the end, such as `Fairlead-Verb`. */
  readonly trailers: readonly (readonly [key: string, value: string])[];
  /** null: the Source's own name. */
  readonly author: Person | null;
  /**
   * Push it as a new branch of this name, for somebody to merge, instead of to what is followed; null for the latter. A branch
   * that is there and holds the same change is that one; with another it stays as it is: Refused, with `data.taken`.
   */
  readonly branch: string | null;
}

export interface Written {
  /** Id of the Snapshot that holds the change: the commit, for git. */
  readonly snapshot: string;
  /** The branch that it was pushed to; null for a folder, and where everything was so already. */
  readonly branch: string | null;
}

/** A Source that can be written to: `apply`, `delete`, `lock` and `rollout undo` go through it. */
export interface WritableSource extends Source {
  /**
   * Writes the change. When it was written to what is followed, the listener has been handed that Snapshot before this
   * resolves; a Source that is suspended refuses that. Rejects SourceMoved when the Source is another than `onto` by now: read it
   * again, work the change out anew, and write that; and Refused, with why, when this Source takes no such change.
   */
  write(change: Change): Promise<Written>;
}
