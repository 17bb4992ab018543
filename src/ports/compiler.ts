/** Turns a Snapshot into desired Services off the controller's event loop, at the cost of what changed. */
import type { Issue } from '../model/issue.ts';
import type { Provenance } from '../model/provenance.ts';
import type { Service } from '../model/service.ts';
import type { Snapshot } from '../model/snapshot.ts';

export interface Compilation {
  readonly snapshot: string;
  /** Services whose specHash or origin differs from the last Compilation, and valid. */
  readonly changed: readonly Service[];
  /** Names declared and valid in this Snapshot, all of them, sorted. */
  readonly valid: readonly string[];
  /** Names declared but not valid, with their errors. */
  readonly invalid: Readonly<Record<string, readonly Issue[]>>;
  /** Every Issue of every file, sorted by place. */
  readonly issues: readonly Issue[];
  /** True when the Snapshot holds no manifest at all: prunes nothing. */
  readonly empty: boolean;
  /** Files with an error in them, or with no manifest: what was last declared in one of them is not gone, only unknown. */
  readonly doubtfulFiles: readonly string[];
}

export interface Compiler {
  compile(snapshot: Snapshot): Promise<Compilation>;
  /**
   * What the last Snapshot would come to with these files written or deleted (null). Remembers nothing. `changed` is
   * against the last Compilation; a name valid there and in neither `valid` nor `invalid` here would be gone.
   */
  preview(files: Readonly<Record<string, string | null>>): Promise<Compilation>;
  /** Where each resolved field of a Service of the last Snapshot comes from, or one field with what is under it; empty when there is none. */
  explain(service: string, field: string | null): Promise<readonly Provenance[]>;
  close(): Promise<void>;
}
