/** What an operator may do over the admin socket. Each is an audited Event with the caller's uid; none edits a live service directly. */
import type { CommandKind } from '../model/command.ts';
import type { ContractComparison } from '../model/contract.ts';
import type { Declaration } from '../model/desired.ts';
import type { Issue } from '../model/issue.ts';
import type { CommitFacts } from '../model/snapshot.ts';
import type { Person } from './source.ts';

/** A proposed change of the source of truth: manifests as text, or names to delete. */
export interface Proposal {
  /** File name (for messages and for naming a new file) → text, one or many documents each. */
  readonly files: Readonly<Record<string, string>>;
  readonly deletions: readonly string[];
  /** Also delete every Service of the source that `files` does not name. */
  readonly prune: boolean;
  /** The source that it is about; needed where there are several, and what is proposed is new or in more than one of them. */
  readonly source?: string;
}

/** How a change is to be written to a Source that keeps history. */
export interface Writing {
  /** First line and, after an empty one, the rest; null: words that say what changes. */
  readonly message: string | null;
  /** As git has it, by the caller's own configuration; null: the Source's own. */
  readonly author: Person | null;
  /** Push a branch for somebody to merge instead of what is followed: of that name, or `true` for one that says what changes. */
  readonly propose: string | boolean;
}

/** Where a proposed change waits for somebody to merge it. */
export interface Proposed {
  readonly branch: string;
  readonly base: string;
  /** The page on which a person opens the pull request; null where no forge is known. */
  readonly compareUrl: string | null;
  /** The pull request, where a token lets Fairlead open it; `problem`: why it could not, though it should have. */
  readonly pullRequest: { readonly number: number; readonly url: string; readonly created: boolean } | null;
  readonly problem: string | null;
}

export interface ServiceChange {
  readonly service: string;
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  /** Resolved spec as YAML before and after; empty where there is none. */
  readonly before: string;
  readonly after: string;
  /** Whether a Rollout starts (the Revision changes), and the names of both. */
  readonly revision: { readonly stable: string | null; readonly target: string | null; readonly rollout: boolean };
  readonly strategy: string;
  /**
   * What would happen, in order: the course of the Rollout that the heart itself said it would begin (`start 2 instances of …`,
   * `compare contracts (breaking: block, …)`, `10 % of sessions to …`), or without one what it would do (`stop-instance …`).
   */
  readonly steps: readonly string[];
  /** stable's Contract against the target's, where that was promoted before; null where only its start will tell. */
  readonly contract: ContractComparison | null;
  /** Services whose dependsOn names this one. */
  readonly dependants: readonly string[];
  readonly warnings: readonly string[];
}

export interface PlanReport {
  /** Names the state of the source and this Proposal; `apply --plan TOKEN` is refused when either has moved. */
  readonly token: string;
  readonly changes: readonly ServiceChange[];
  readonly issues: readonly Issue[];
  /** Deletions that the prune guard would hold. */
  readonly pruneHeld: readonly string[];
}

/** What became of a Service by a change. */
export interface AppliedChange {
  readonly service: string;
  readonly action: ServiceChange['action'];
  /** specHash of what is declared of it since; null where that is nothing, or where it was not compiled before it was written. */
  readonly specHash: string | null;
}

export interface Applied {
  readonly snapshot: string;
  readonly changes: readonly AppliedChange[];
  /** Files written or deleted, relative to the source's root. */
  readonly files: readonly string[];
  /** Set when it was pushed as a branch: nothing changes before somebody merges it. */
  readonly proposed: Proposed | null;
}

/** What the sources together say of a Service now, before any pass over it. */
export type Declared =
  | {
      readonly kind: 'declared';
      readonly source: string;
      readonly file: string;
      /** Id of the Snapshot that its declaration is of, and what that commit says; null for a folder. */
      readonly snapshot: string;
      readonly commit: CommitFacts | null;
      readonly specHash: string;
      /** Name of the Revision. */
      readonly revision: string;
    }
  | { readonly kind: Exclude<Declaration['kind'], 'declared'> };

/** Which Contracts are to be locked. */
export interface LockRequest {
  /** Services of one source; empty for all of it, and then entries that no manifest declares any more go. */
  readonly services: readonly string[];
  /** Needed where there are several sources, and the Services do not tell. */
  readonly source?: string;
  /** What the declared Revision offers, or was taken back for, rather than what stable offers now. */
  readonly target: boolean;
}

/** An entry of `fairlead.lock` that would be another. */
export interface LockChange {
  readonly service: string;
  /** Hashes of what is locked, and of what is offered; null: there is no entry, or it goes. */
  readonly before: string | null;
  readonly after: string | null;
  /** Name of the Revision that offers it; null for an entry that goes. */
  readonly revision: string | null;
  /** What was locked, or else what stable was promoted with, against what would be; null where only one of them is known. */
  readonly comparison: ContractComparison | null;
}

export interface LockReport {
  /** Names these changes; `lock` with it is refused when they are others by then. */
  readonly token: string;
  readonly source: string;
  /** Sorted by name. */
  readonly changes: readonly LockChange[];
  /** Services that offer what is locked. */
  readonly same: readonly string[];
  /** Services of which nobody knows now what they offer, with why. */
  readonly skipped: readonly { readonly service: string; readonly why: string }[];
}

export interface Admin {
  /** Rejects NotFound for an unknown service, Refused when the command makes no sense now (abort without a Rollout, promote while nothing could be gone past). */
  command(service: string, kind: CommandKind, uid: number): Promise<void>;
  /** Reads sources again and passes over every service, or those of one source. */
  reconcile(source: string | null, uid: number): Promise<void>;
  suspendSource(source: string, suspended: boolean, uid: number): Promise<void>;
  plan(proposal: Proposal): Promise<PlanReport>;
  /** `unknown` also while a source that may have more to say of it cannot be read or compiled. */
  declared(service: string): Promise<Declared>;
  /**
   * Refused with the Issues in `data.issues` when the Proposal does not compile, with the token stale, or when a Service to delete was
   * changed since it was asked for; one that others deleted since is `unchanged`.
   */
  apply(proposal: Proposal, planToken: string | null, writing: Writing, uid: number): Promise<Applied>;
  /**
   * Writes the manifest of an older promoted Revision to the source; null: the one before stable. For git a commit that reverts, where one
   * does it. Refused when the Service was changed since it was asked for; `unchanged` when others went there since.
   */
  undo(service: string, toRevision: string | null, writing: Writing, uid: number): Promise<Applied>;
  /** Rejects Refused when a Service that is named offers nothing that could be locked, or `fairlead.lock` has an error in it. */
  planLock(request: LockRequest): Promise<LockReport>;
  /** Writes what Services offer to the `fairlead.lock` of their source: that is how it is approved. Refused with the token stale. */
  lock(request: LockRequest, planToken: string | null, writing: Writing, uid: number): Promise<Applied>;
  backup(path: string, uid: number): Promise<void>;
  /** Drains and stops everything; resolves when the supervisor has been told. */
  stop(uid: number): Promise<void>;
}
