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
export interface Snapshot {
  readonly source: string;
  /** A content hash for a folder, the commit for git. */
  readonly id: string;
  /** The folder that relative paths in manifests (cwd, module) are relative to; absolute. */
  readonly root: string;
  readonly takenAt: number;
  /** Sorted by path. */
  readonly files: readonly SnapshotFile[];
}
