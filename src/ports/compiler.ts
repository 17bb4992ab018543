/** Turns a Snapshot into desired Services off the controller's event loop, at the cost of what changed. */
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import type { Snapshot } from '../model/snapshot.ts';

export interface Compilation {
  readonly snapshot: string;
  /** Services whose specHash or origin differs from the last Compilation, and valid. */
  readonly changed: readonly Service[];
  /** Names declared and valid in this Snapshot, all of them. */
  readonly valid: readonly string[];
  /** Names declared but not valid, with their Issues. */
  readonly invalid: Readonly<Record<string, readonly Issue[]>>;
  /** Every Issue of every file, sorted by place. */
  readonly issues: readonly Issue[];
  /** True when the Snapshot holds no manifest at all: prunes nothing. */
  readonly empty: boolean;
}

export interface Compiler {
  compile(snapshot: Snapshot): Promise<Compilation>;
  close(): Promise<void>;
}
