/** What goes over the thread boundary: only what is new on either side, as plain data. */
import type { Issue } from '../model/issue.ts';
import type { Provenance } from '../model/provenance.ts';
import type { Service } from '../model/service.ts';

/** A file to take in. `condemned`: it stalled the compiler before in this form, and is answered with an Issue instead of being read. */
export interface SentFile {
  readonly path: string;
  readonly hash: string;
  readonly bytes: Uint8Array;
  readonly problem?: string;
  /** The number that progress on this file is told by. */
  readonly number: number;
  readonly condemned: boolean;
}

/** Brings the worker's files to those of the newest Snapshot; part of every request, so that a new worker knows what the old one did. */
export interface Delta {
  readonly source: string;
  readonly root: string;
  readonly snapshot: string;
  readonly files: readonly SentFile[];
  readonly removed: readonly string[];
}

export type Task =
  | { readonly kind: 'compile' }
  | { readonly kind: 'preview'; readonly files: readonly SentFile[]; readonly removed: readonly string[] }
  | { readonly kind: 'explain'; readonly service: string; readonly field: string | null };

export interface Request {
  readonly delta: Delta;
  readonly task: Task;
}

/** A Compilation less what the other side was told before: null stands for the same again. */
export interface CompilationDelta {
  readonly changed: readonly Service[];
  readonly valid: readonly string[] | null;
  readonly invalid: Readonly<Record<string, readonly Issue[]>> | null;
  readonly issues: readonly Issue[] | null;
  readonly empty: boolean;
  readonly doubtfulFiles: readonly string[];
}

export type Answer =
  /** The worker has loaded and waits for requests. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'compilation'; readonly compilation: CompilationDelta }
  | { readonly kind: 'explanation'; readonly fields: readonly Provenance[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Given to the worker at its start. `progress[0]`: number of the file being worked on, 0 between files; `progress[1]` grows with each step. */
export interface WorkerData {
  readonly progress: SharedArrayBuffer;
}
