/** Drift: what is so and differs from what a Plan or a commit says, though neither said so. */

/** What is done about it: put right, or only shown. */
export type DriftPolicy = 'correct' | 'report';

/**
 * instances: what the Host runs. routes: whom the gateway leads calls to. contract: what Instances offer. files: what a Source
 * laid out on disk for Services to run in.
 */
export const driftKinds = ['instances', 'routes', 'contract', 'files'] as const;
export type DriftKind = (typeof driftKinds)[number];

/** One kind of difference, as people are told of it. */
export interface Drift {
  readonly kind: DriftKind;
  /** One line, without a stop at its end. */
  readonly message: string;
  /** Unified: `-` is what should be, `+` what is. Without secrets, and bounded. */
  readonly diff: string;
  /** When it was first seen. */
  readonly since: number;
}

/** A difference as a Record keeps it. */
export interface RecordedDrift extends Drift {
  /** Generation of the Plan that it was found against; 0 where no Plan says what should be. */
  readonly plan: number;
  /** People are told of it: it lasts longer than following a Plan takes. */
  readonly shown: boolean;
  /** Since when it is just what it is now. */
  readonly sameSince: number;
}

/** edited: other bytes. deleted: it is gone. replaced: something that is no file stands there. mode: it may be run, read or written by others than it should. */
export type FileChange = 'edited' | 'deleted' | 'replaced' | 'mode';

export interface DriftedFile {
  /** Relative to the folder that it was laid out in. */
  readonly path: string;
  readonly change: FileChange;
  /** Unified diff, or a line that says what is where it is no text; empty for those beyond what is shown. */
  readonly diff: string;
}

/** Files that a Source laid out and that somebody has changed since. */
export interface FilesDrift {
  /** The folder that they lie in; absolute. */
  readonly root: string;
  /** Sorted by path. */
  readonly files: readonly DriftedFile[];
  readonly since: number;
  /** Why they were not put back, though they should have been; null when they are only to be shown. */
  readonly problem: string | null;
}

/** `a.js (edited), b.js (deleted) and 3 more`. */
export function filesInWords(files: readonly DriftedFile[]): string {
  const named = files.slice(0, 3).map(({ path, change }) => `${path} (${change})`);
  return `${named.join(', ')}${files.length > named.length ? ` and ${files.length - named.length} more` : ''}`;
}
