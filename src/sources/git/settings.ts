/** What a git Source is told, and what is wrong with it before anything is asked of the network. Pure. */
import { validRange } from 'semver';
import type { DriftPolicy } from '../../model/drift.ts';
import type { WriteSettings } from '../../model/source-settings.ts';
import { judgeAddress } from './address.ts';

/** A secret by reference: the environment variable or the file that holds it. Read anew for each poll, so that it can be rotated. */
export type SecretReference = { readonly env: string } | { readonly file: string };

export type GitCredentials =
  | { readonly username: string; readonly password: SecretReference }
  /** `username` where the forge wants a certain one beside a token; most take any. */
  | { readonly token: SecretReference; readonly username?: string }
  /** Both absolute. The server's key must be in knownHostsFile; nothing is learnt by trying. */
  | { readonly sshKeyFile: string; readonly knownHostsFile: string };

/** Which commit: the tip of a branch, a tag, the highest tag within a range of versions (`>=1.2 <2`), or that one commit. */
export type GitRef = { readonly branch: string } | { readonly tag: string } | { readonly semver: string } | { readonly commit: string };

export interface GitVerification {
  /** commits: the commit itself must be signed; since it names its tree and its parents, that vouches for all of it. tag: the tag must be. */
  readonly mode: 'commits' | 'tag';
  /** File in ssh's ALLOWED SIGNERS format; absolute. */
  readonly sshAllowedSigners?: string;
  /** Files with the OpenPGP public keys that count, armoured or not; absolute. */
  readonly gpgKeys?: readonly string[];
}

export interface GitSettings {
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
  /** How commits of its own are made. */
  readonly writes: WriteSettings;
  /** Files that were laid out and changed by others: put back, or only told of. */
  readonly drift: DriftPolicy;
}

export interface SettingProblem {
  readonly field: string;
  readonly message: string;
}

/** Everything that is wrong with the settings, in the order of their fields. */
export function judgeGitSettings(settings: GitSettings): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const report = (field: string, message: string | null): void => {
    if (message !== null) problems.push({ field, message });
  };
  const address = judgeAddress(settings.url, settings.allowLocal);
  report('url', 'problem' in address ? address.problem : null);
  report('ref', refProblem(settings.ref));
  if (settings.paths.length === 0) report('paths', 'There must be one at least; `.` is the whole repository.');
  for (const path of settings.paths) report('paths', pathProblem(path));
  for (const field of ['intervalMs', 'timeoutMs', 'maxBytes'] as const)
    report(field, settings[field] > 0 ? null : 'It must be more than 0.');
  if (!('problem' in address)) report('credentials', credentialsProblem(settings.credentials, address.protocol));
  report('verify', verificationProblem(settings));
  return problems;
}

/** The ref as people name it: `branch main`. */
export function refWords(ref: GitRef): string {
  if ('branch' in ref) return `branch ${ref.branch}`;
  if ('tag' in ref) return `tag ${ref.tag}`;
  if ('semver' in ref) return `tags within ${ref.semver}`;
  return `commit ${ref.commit}`;
}

function refProblem(ref: GitRef): string | null {
  if ('commit' in ref)
    return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref.commit) ? null : 'A commit is named by its whole id, 40 or 64 hex digits.';
  if ('semver' in ref) return validRange(ref.semver) === null ? `${JSON.stringify(ref.semver)} is no range of versions.` : null;
  const name = 'branch' in ref ? ref.branch : ref.tag;
  return isRefName(name) ? null : `${JSON.stringify(name)} is no name that a branch or tag can have.`;
}

/** The rules of git-check-ref-format(1), and no leading `-`, which a command would take for an option. */
export function isRefName(name: string): boolean {
  return (
    name !== '' &&
    name !== '@' &&
    !name.startsWith('-') &&
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\.$|\/$|^\//.test(name) &&
    name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'))
  );
}

function pathProblem(path: string): string | null {
  if (path === '.') return null;
  const parts = path.split('/');
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  const bad = /[\u0000-\u001f\\]/.test(path) || parts.some((part) => part === '' || part === '.' || part === '..');
  return bad ? `${JSON.stringify(path)} is no path inside a repository; write it like deploy/services.` : null;
}

function credentialsProblem(credentials: GitCredentials | null, protocol: string): string | null {
  if (credentials === null)
    return protocol === 'ssh' ? 'ssh needs sshKeyFile and knownHostsFile: keys that lie about on this machine are not tried.' : null;
  const forSsh = 'sshKeyFile' in credentials;
  if (forSsh && protocol !== 'ssh') return 'A key is for ssh, which the url is not.';
  if (!forSsh && protocol !== 'https' && protocol !== 'http') return 'A password or token is for https, which the url is not.';
  return null;
}

function verificationProblem({ verify, ref }: GitSettings): string | null {
  if (verify === null) return null;
  if (verify.sshAllowedSigners === undefined && (verify.gpgKeys ?? []).length === 0)
    return 'Say who may sign, in sshAllowedSigners or gpgKeys: as it stands nobody may.';
  if (verify.mode === 'tag' && !('tag' in ref || 'semver' in ref)) return 'Mode tag needs a ref that is a tag or a range of versions.';
  return null;
}
