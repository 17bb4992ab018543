/** Desired: all the heart is told of what a Service should be. Assembled by the controller from the compiled Snapshot, the store and other Records. */
import type { Command } from './command.ts';
import type { Contract } from './contract.ts';
import type { DriftPolicy, FilesDrift } from './drift.ts';
import type { Issue } from './issue.ts';
import type { Service } from './service.ts';

export type Declaration =
  /** Declared and valid. */
  | { readonly kind: 'declared'; readonly service: Service }
  /** Declared, but the manifest does not compile: the last valid Service goes on. */
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[]; readonly snapshot: string }
  /** No longer declared: to be stopped and archived. */
  | { readonly kind: 'absent' }
  /** Nothing to be believed about it (source unreadable, prune held, not read yet): the last known goes on. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface DependencyFact {
  readonly declared: boolean;
  readonly ready: boolean;
}

/** How another Service of the same `releaseTogether` group stands, for one that would go on. */
export interface GroupMember {
  readonly service: string;
  /**
   * settled: runs what its manifest says, or is not to run. moving: on its way, or about to be. ready: waits for the group
   * alone. going: the group let it go on; it is switching or has been promoted in this release. rejected: its declared
   * Revision was taken back.
   */
  readonly stands: 'settled' | 'moving' | 'ready' | 'going' | 'rejected';
  /** Snapshot that last changed its manifest. */
  readonly snapshot: string;
}

export interface Desired {
  readonly service: string;
  readonly declaration: Declaration;
  /** One entry for each service named in dependsOn. */
  readonly dependencies: Readonly<Record<string, DependencyFact>>;
  /** The other members of its `migration.releaseTogether` group, sorted by name; empty without one. */
  readonly group: readonly GroupMember[];
  /** Contracts by hash: each that an Instance of stable or target was observed to offer, and the one stable was promoted with, where known. */
  readonly contracts: Readonly<Record<string, Contract>>;
  /** What is done about what differs from the Plan; as the source that it came from says. */
  readonly driftPolicy: DriftPolicy;
  /** Files that it runs in and that are not what its source laid out; null: there are none; unknown before its source has looked. */
  readonly files: FilesDrift | null | 'unknown';
  /** Commands not yet taken, in order of id. */
  readonly commands: readonly Command[];
}
