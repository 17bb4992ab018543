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
  /** Both absolute. The server's key must be in knownHostsFile; nothing is learnt by trying. */
  | { readonly sshKeyFile: string; readonly knownHostsFile: string };

export interface GitVerification {
  /** commits: the commit itself must be signed; since it names its tree and its parents, that vouches for all of it. tag: the tag must be. */
  readonly mode: 'commits' | 'tag';
  /** File in ssh's ALLOWED SIGNERS format; absolute. */
  readonly sshAllowedSigners?: string;
  /** Files with the OpenPGP public keys that count, armoured or not; absolute. */
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
  /** https, ssh (also as user@host:path), http on loopback; with `allowLocal` an absolute path. */
  readonly url: string;
  readonly ref: GitRef;
  /**
   * Folders or files of the repository to look into, relative to its root; ['.'] is all of it. Only what is under them is
   * fetched (where the server can leave out the rest), read and laid out; relative paths in manifests are from the root all the same.
   */
  readonly paths: readonly string[];
  /** Between two polls, give or take a tenth. */
  readonly intervalMs: number;
  /** The longest that one exchange with the server may take. */
  readonly timeoutMs: number;
  /** The most that may be fetched at once, and that the files under `paths` may have together. */
  readonly maxBytes: number;
  readonly credentials: GitCredentials | null;
  readonly allowLocal: boolean;
  /** Takes a commit also when it does not follow from the one before: an older one, or a rewritten history. */
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
