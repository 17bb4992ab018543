/** Generated from schemas/controller.schema.json by `npm run generate:types`. Edit the schema, not this file. */

/**
 * The tip of this branch.
 */
export type RefName = string;
/**
 * This tag.
 */
export type RefName1 = string;
/**
 * Between two polls, give or take a tenth.
 */
export type DurationText = string;
/**
 * The longest that one exchange with the server may take.
 */
export type DurationText1 = string;
/**
 * github, gitlab, or gitea (Forgejo too).
 */
export type ForgeName = 'github' | 'gitlab' | 'gitea';
/**
 * Where manifests come from. The folder that holds this file when left out.
 *
 * @minItems 1
 * @maxItems 100
 */
export type Sources = SourceSpec[];
/**
 * Where deliveries come in, as POST /hooks/<source>.
 */
export type Address = string;
/**
 * The MCP gateway.
 */
export type Address1 = string;
/**
 * The read-only status API.
 */
export type Address2 = string;

/**
 * Settings of the controller itself: the file `fairlead.yaml` given to `fairlead up -c`.
 */
export interface ControllerManifest {
  /**
   * For editors of JSON files; Fairlead does not read it.
   */
  $schema?: string;
  /**
   * Version of the manifest format.
   */
  apiVersion: 'fairlead.dev/v1alpha1';
  kind: 'Controller';
  metadata?: ControllerMetadata;
  spec: ControllerSpec;
}
export interface ControllerMetadata {
  name?: string;
}
export interface ControllerSpec {
  sources?: Sources;
  webhooks?: Webhooks;
  listeners?: Listeners;
  /**
   * Where records, logs and sockets are kept, relative to this file. `.fairlead` beside this file when left out.
   */
  dataDir?: string;
  prune?: Prune;
}
/**
 * One source: a folder, or a git repository.
 */
export interface SourceSpec {
  /**
   * Names the source in messages and commands; `folder` or `git` when left out. Services keep to the source that they came from by this name.
   */
  name?: string;
  folder?: FolderSpec;
  git?: GitSpec;
}
/**
 * Manifests in a folder and the folders below it.
 */
export interface FolderSpec {
  /**
   * The folder, relative to this file.
   */
  path: string;
}
/**
 * Manifests in a git repository. A commit is one consistent change.
 */
export interface GitSpec {
  /**
   * https://host/path, ssh://user@host/path or user@host:path; with allowLocal an absolute path.
   */
  url: string;
  ref?: GitRefSpec;
  /**
   * Folders or files of the repository to look into, relative to its root.
   *
   * @minItems 1
   * @maxItems 100
   */
  paths?: string[];
  interval?: DurationText;
  timeout?: DurationText1;
  /**
   * The most that may be fetched at once, and that the files under `paths` may have together.
   */
  maxBytes?: number | string;
  credentials?: CredentialsSpec;
  /**
   * Lets `url` be an absolute path on this machine.
   */
  allowLocal?: boolean;
  /**
   * Takes a commit also when it does not follow from the one before: an older one, or a rewritten history.
   */
  allowRewind?: boolean;
  verify?: VerifySpec;
  commitStatus?: CommitStatusSpec;
  pullRequests?: PullRequestsSpec;
  writes?: WritesSpec;
  /**
   * What is done about what differs from what is declared: corrected, or only shown.
   */
  drift?: 'correct' | 'report';
  /**
   * A commit that was rolled back opens a proposal that takes it back, where a branch is followed.
   */
  revertProposals?: boolean;
}
/**
 * Which commit is followed; branch main when left out.
 */
export interface GitRefSpec {
  branch?: RefName;
  tag?: RefName1;
  /**
   * The highest tag within this range of versions.
   */
  semver?: string;
  /**
   * This commit, whatever is pushed.
   */
  commit?: string;
}
/**
 * How the server is told who asks. A password or a token is for https, a key for ssh.
 */
export interface CredentialsSpec {
  /**
   * Goes with passwordFrom; with tokenFrom only where the forge wants a certain one.
   */
  username?: string;
  passwordFrom?: SecretReference;
  tokenFrom?: SecretReference1;
  /**
   * The private key, relative to this file.
   */
  sshKeyFile?: string;
  /**
   * Keys of servers, as ssh keeps them, relative to this file. Nothing is learnt by trying.
   */
  knownHostsFile?: string;
}
/**
 * The password.
 */
export interface SecretReference {
  /**
   * The environment variable.
   */
  env?: string;
  /**
   * The file, relative to this one. Its last line break is not part of the secret.
   */
  file?: string;
}
/**
 * An access token.
 */
export interface SecretReference1 {
  /**
   * The environment variable.
   */
  env?: string;
  /**
   * The file, relative to this one. Its last line break is not part of the secret.
   */
  file?: string;
}
/**
 * Whose signatures are asked for. What is not signed by one of them is refused, and the last good commit stays.
 */
export interface VerifySpec {
  /**
   * commits: the commit must be signed. tag: the tag that is followed must be.
   */
  mode: 'commits' | 'tag';
  /**
   * File of allowed signers, as ssh-keygen reads it, relative to this file.
   */
  sshAllowedSigners?: string;
  /**
   * Files with OpenPGP public keys, relative to this file.
   *
   * @minItems 1
   * @maxItems 100
   */
  gpgKeys?: string[];
}
/**
 * Tells the forge what became of each commit.
 */
export interface CommitStatusSpec {
  forge: ForgeName;
  tokenFrom: SecretReference2;
  /**
   * Root of the forge’s API, where the address of the repository does not tell it.
   */
  apiUrl?: string;
}
/**
 * A token that may write statuses.
 */
export interface SecretReference2 {
  /**
   * The environment variable.
   */
  env?: string;
  /**
   * The file, relative to this one. Its last line break is not part of the secret.
   */
  file?: string;
}
/**
 * Opens pull requests of the branches that `--propose` and `revertProposals` push. Without it the address of the page is printed on which a person opens one.
 */
export interface PullRequestsSpec {
  forge: ForgeName;
  tokenFrom: SecretReference3;
  /**
   * Root of the forge’s API, where the address of the repository does not tell it.
   */
  apiUrl?: string;
}
/**
 * A token that may open pull requests.
 */
export interface SecretReference3 {
  /**
   * The environment variable.
   */
  env?: string;
  /**
   * The file, relative to this one. Its last line break is not part of the secret.
   */
  file?: string;
}
/**
 * How commits are made by `apply`, `delete`, `lock`, `rollout undo` and `revertProposals`.
 */
export interface WritesSpec {
  /**
   * The committer, and the author where nobody else is.
   */
  name?: string;
  /**
   * Address of the committer.
   */
  email?: string;
  /**
   * A private ssh key without a passphrase that these commits are signed with.
   */
  signingKeyFile?: string;
}
/**
 * A listener that forges tell of pushes, so that nobody has to wait for the next poll. Off when left out.
 */
export interface Webhooks {
  listen?: Address;
  sources: Hooks;
}
/**
 * By the name of a git source: which forge tells of it, and the secret it signs with.
 */
export interface Hooks {
  [k: string]: HookSpec;
}
export interface HookSpec {
  forge: ForgeName;
  secretFrom: SecretReference4;
}
/**
 * The secret that was given to the forge: for GitLab its signing token (whsec_…) or its secret token.
 */
export interface SecretReference4 {
  /**
   * The environment variable.
   */
  env?: string;
  /**
   * The file, relative to this one. Its last line break is not part of the secret.
   */
  file?: string;
}
/**
 * Addresses to listen on, as host:port; port 0 picks a free one.
 */
export interface Listeners {
  gateway?: Address1;
  status?: Address2;
}
/**
 * What holds back mass deletion by mistake.
 */
export interface Prune {
  /**
   * More deletions than this at once are held: a number, or a share of all services (never fewer than 3). 100% turns the guard off.
   */
  maxDeletions?: number | string;
}
