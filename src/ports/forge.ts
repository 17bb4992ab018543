/**
 * The forge that keeps a repository (GitHub, GitLab, Gitea or Forgejo), as far as Fairlead asks anything of it: proposals,
 * a comment, statuses of commits. Every method may be called again with the same arguments without doing a thing twice.
 * Rejections are FairleadErrors (`Forge…`); `data.retryAfterMs` says how long the forge wants to be left alone.
 */

export type ForgeKind = 'github' | 'gitlab' | 'gitea';

/** A branch that has been pushed, to be looked at and merged into `base`. */
export interface PullRequestDraft {
  readonly branch: string;
  readonly base: string;
  readonly title: string;
  /** Markdown. */
  readonly body: string;
}

export interface PullRequest {
  readonly number: number;
  readonly url: string;
  /** False when one of this branch was open already. */
  readonly created: boolean;
}

/** error: ended without a verdict, such as superseded. */
export type CommitState = 'pending' | 'success' | 'failure' | 'error';

export interface CommitStatus {
  /** The whole id. */
  readonly commit: string;
  /** Names the status among others of the commit: `fairlead/<source>` or `fairlead/<source>/<service>`. */
  readonly context: string;
  readonly state: CommitState;
  /** Made one line, and cut to what the forge takes. */
  readonly description: string;
  readonly targetUrl: string | null;
}

export interface Forge {
  readonly kind: ForgeKind;
  /** Opens a pull request, or finds the open one of this branch. */
  propose(draft: PullRequestDraft): Promise<PullRequest>;
  /** Comments on a pull request, or rewrites the comment of its own that begins with `marker`, as `body` does. */
  comment(number: number, marker: string, body: string): Promise<{ readonly created: boolean }>;
  /** The newest of a context counts. */
  setStatus(status: CommitStatus): Promise<void>;
}
