/** What a git Source is told, and what is wrong with it before anything is asked of the network. Pure. */
import { validRange } from 'semver';
import type { GitCredentials, GitRef, GitSettings } from '../../model/source-settings.ts';
import { judgeAddress } from './address.ts';

/** What the Source itself is told; what becomes of its commits is others' to tell. */
export type GitSourceSettings = Omit<GitSettings, 'kind' | 'commitStatus' | 'pullRequests' | 'revertProposals'>;

export interface SettingProblem {
  readonly field: string;
  readonly message: string;
}

/** Everything that is wrong with the settings, in the order of their fields. */
export function judgeGitSettings(settings: GitSourceSettings): SettingProblem[] {
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

function verificationProblem({ verify, ref }: GitSourceSettings): string | null {
  if (verify === null) return null;
  if (verify.sshAllowedSigners === undefined && (verify.gpgKeys ?? []).length === 0)
    return 'Say who may sign, in sshAllowedSigners or gpgKeys: as it stands nobody may.';
  if (verify.mode === 'tag' && !('tag' in ref || 'semver' in ref)) return 'Mode tag needs a ref that is a tag or a range of versions.';
  return null;
}
