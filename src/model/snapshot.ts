/** A Snapshot: one consistent read of a Source. */
export interface SnapshotFile {
  /** Relative to the source's root, `/` between parts. */
  readonly path: string;
  /** SHA-256 of the bytes. Unchanged files keep their identity between Snapshots. */
  readonly hash: string;
  readonly bytes: Uint8Array;
  /** Set when the file is there but cannot be read: why. `bytes` is then empty. */
  readonly problem?: string;
}
/** What a commit says of itself. Texts are made fit to show: one line, no control or direction-changing characters, cut at 200. */
export interface CommitFacts {
  readonly id: string;
  /** The first parent; null for the first commit of a history. */
  readonly parent: string | null;
  readonly author: string;
  readonly email: string;
  readonly subject: string;
  /** Ms since the epoch by the committer's clock. */
  readonly committedAt: number;
}
/** A path that the Source is to look into and at which the commit has nothing. */
export interface UnmatchedPath {
  readonly path: string;
  /** What the commit has of nearly that name; null for nothing. */
  readonly near: string | null;
  /** For people: which path, which commit of what is followed, and what may be meant. */
  readonly message: string;
}

export interface Snapshot {
  readonly source: string;
  /** A content hash for a folder, the commit for git. */
  readonly id: string;
  /** The folder that relative paths in manifests (cwd, module) are relative to; absolute. */
  readonly root: string;
  readonly takenAt: number;
  /** Sorted by path. */
  readonly files: readonly SnapshotFile[];
  /** The commit, for git. */
  readonly commit?: CommitFacts;
  /** None when left out. */
  readonly unmatchedPaths?: readonly UnmatchedPath[];
}
