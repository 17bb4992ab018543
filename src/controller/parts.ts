/** What a controller is made of, given by its composition root, and how one Source stands. */
import type { FairleadError } from '../base/error.ts';
import type { Decide } from '../core/decide.ts';
import type { DriftPolicy, FilesDrift } from '../model/drift.ts';
import type { Issue } from '../model/issue.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { PlanReport } from '../ports/admin.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compiler } from '../ports/compiler.ts';
import type { Forge, PullRequest, PullRequestDraft } from '../ports/forge.ts';
import type { HostLink } from '../ports/host-link.ts';
import type { About } from '../ports/read-model.ts';
import type { Source, SourceEvent, WritableSource } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { GuardPrune } from './declarations.ts';

/** Where branches that are pushed to a Source are proposed to be merged. */
export interface Proposals {
  /** The branch that is followed. */
  readonly base: string;
  /** The page on which a person opens the pull request of a pushed branch; null where no forge is known. */
  compareUrl(branch: string): string | null;
  /** Opens it; null when nobody gave a token for that. */
  readonly propose: ((draft: PullRequestDraft) => Promise<PullRequest>) | null;
  /** What would happen, as Markdown for the body of a pull request. */
  planText(report: PlanReport): string;
  /** A commit that was rolled back opens a proposal that takes it back. */
  readonly reverts: boolean;
}

export interface SourceParts {
  readonly source: Source | WritableSource;
  readonly kind: 'folder' | 'git';
  /** What is done about what differs from what is declared; corrected when left out. */
  readonly drift?: DriftPolicy;
  /** The folder or repository, for people. */
  readonly location: string;
  /** Where new files are written to, relative to the root of the Source; the root itself when left out. */
  readonly folder?: string;
  /** Of this source alone: what it keeps is what this source held last. */
  readonly compiler: Compiler;
  /** Told what became of its commits; null (or left out) when nobody is. */
  readonly forge?: Forge | null;
  /** null (or left out) where nothing can be proposed: a folder, or a repository that is not followed by a branch. */
  readonly proposals?: Proposals | null;
}

export interface ControllerParts {
  readonly store: Store;
  /** At least one, each with a name of its own. */
  readonly sources: readonly SourceParts[];
  readonly link: HostLink;
  readonly clock: Clock;
  readonly decide: Decide;
  readonly guardPrune: GuardPrune;
  /** What only the process knows; epoch and the Host's connection are added. */
  readonly about: () => Omit<About, 'epoch' | 'hostConnected'>;
  /** Something failed and is tried again: for the log. */
  readonly onProblem: (message: string, error: unknown) => void;
  /** Another controller has taken over; this one has stopped writing and must end. */
  readonly onFenced: (error: FairleadError) => void;
}

/** How one Source stands, as far as it concerns more than one Service; its failure and suspension are with what it declares. */
export interface SourceState {
  snapshot: Snapshot | null;
  readAt: number | null;
  /** Why the newest that there is was not taken, while that stands. */
  refused: SourceEvent | null;
  /** Files that it laid out and that are others now; unknown before it has looked. */
  drift: FilesDrift | null | 'unknown';
  /** Services that it declares, those whose manifests are not valid too. */
  services: number;
  issues: readonly Issue[];
  /** The same by the Service that each concerns. */
  issuesBySubject: ReadonlyMap<string, readonly Issue[]>;
}
