/** What is configured of Sources and webhooks: `fairlead.yaml` with every default filled in, durations in ms, paths absolute. Plain JSON. */
import type { DriftPolicy } from './drift.ts';

/** A secret by reference: the environment variable or the file that holds it. Read when it is needed, so that it can be rotated. */
export type SecretReference = { readonly env: string } | { readonly file: string };

export type Forge = 'github' | 'gitlab' | 'gitea';

/** Which commit: the tip of a branch, a tag, the highest tag within a range of versions (`>=1.2 <2`), or that one commit. */
export type GitRef = { readonly branch: string } | { readonly tag: string } | { readonly semver: string } | { readonly commit: string };

export type GitCredentials =
  | { readonly username: string; readonly password: SecretReference }
  /** `username` where the forge wants a certain one beside a token; most take any. */
  | { readonly token: SecretReference; readonly username?: string }
  | { readonly sshKeyFile: string; readonly knownHostsFile: string };

export interface GitVerification {
  /** commits: the commit itself must be signed. tag: the tag must be. */
  readonly mode: 'commits' | 'tag';
  /** File in ssh's ALLOWED SIGNERS format. */
  readonly sshAllowedSigners?: string;
  /** Files with the OpenPGP public keys that count. */
  readonly gpgKeys?: readonly string[];
}

export interface CommitStatusSettings {
  readonly forge: Forge;
  readonly token: SecretReference;
  /** Root of the forge's API; null: as the address of the repository tells. */
  readonly apiUrl: string | null;
}

/** How a forge is asked to open pull requests. */
export type PullRequestSettings = CommitStatusSettings;

/** How commits of Fairlead's own are made. */
export interface WriteSettings {
  /** The committer, and the author where nobody else is. */
  readonly name: string;
  readonly email: string;
  /** A private ssh key without a passphrase that commits are signed with; null: they are not signed. */
  readonly signingKeyFile: string | null;
}

export interface FolderSettings {
  readonly kind: 'folder';
  readonly name: string;
  readonly path: string;
}

export interface GitSettings {
  readonly kind: 'git';
  readonly name: string;
  readonly url: string;
  readonly ref: GitRef;
  /** Relative to the root of the repository; ['.'] is all of it. */
  readonly paths: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly credentials: GitCredentials | null;
  readonly allowLocal: boolean;
  readonly allowRewind: boolean;
  readonly verify: GitVerification | null;
  readonly commitStatus: CommitStatusSettings | null;
  /** null: branches are pushed, and a person opens the pull request. */
  readonly pullRequests: PullRequestSettings | null;
  readonly writes: WriteSettings;
  /** What is done about what differs from the Plan: corrected, or only shown. */
  readonly drift: DriftPolicy;
  /** A commit that was rolled back opens a proposal that takes it back. */
  readonly revertProposals: boolean;
}

export type SourceSettings = FolderSettings | GitSettings;

export interface HookSettings {
  readonly forge: Forge;
  readonly secret: SecretReference;
}

export interface WebhookSettings {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** By name of the Source, each of them a git Source. */
  readonly hooks: Readonly<Record<string, HookSettings>>;
}
