/** Where Manifests come from. A Source hands out whole, consistent Snapshots; it never judges what is in them. */
import type { Snapshot } from '../model/snapshot.ts';

/** Something about a Source that people should know of beyond how it stands: an alarm, or what was let through by policy. */
export interface SourceEvent {
  readonly type: 'Normal' | 'Warning';
  /** `RefGone`: the branch or tag was deleted. `RewindRefused`, `HistoryRewound`: it does not follow from what was applied. `CommitUnverified`; `CommitTooLarge`. */
  readonly reason: 'RefGone' | 'RewindRefused' | 'HistoryRewound' | 'CommitUnverified' | 'CommitTooLarge';
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
  /** While suspended no Snapshot is handed out. */
  suspend(): void;
  resume(): void;
  close(): Promise<void>;
}

/** A Source that can be written to: `apply`, `delete` and `rollout undo` go through it. */
export interface WritableSource extends Source {
  /** Writes or deletes (null) files by path relative to the root, all or none, and returns the id of the Snapshot that holds them. */
  write(files: Readonly<Record<string, string | null>>): Promise<string>;
}
