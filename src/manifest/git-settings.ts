/**
 * What is wrong with the settings of a git source before anything is asked of the network or of the disk. The one judgement of
 * them: `fairlead validate`, `fairlead up` and the Source itself go by it. Pure.
 */
import { validRange } from 'semver';
import type { IssueCode } from '../model/issue-codes.ts';
import type { GitCredentials, GitRef, GitSettings } from '../model/source-settings.ts';
import { judgeAddress } from './git-address.ts';
import type { Segment } from './place.ts';

type Judged = Pick<
  GitSettings,
  'url' | 'allowLocal' | 'ref' | 'paths' | 'intervalMs' | 'timeoutMs' | 'maxBytes' | 'credentials' | 'verify'
>;

export interface SettingProblem {
  readonly code: IssueCode;
  /** In `git` of `fairlead.yaml`. */
  readonly path: readonly Segment[];
  readonly message: string;
  readonly expected: string;
}

/** Everything that is wrong with the settings, in the order of their fields. */
export function judgeGitSettings(settings: Judged): SettingProblem[] {
  const { url, allowLocal, ref, paths, intervalMs, timeoutMs, maxBytes, credentials } = settings;
  const address = judgeAddress(url, allowLocal);
  const amounts = { interval: intervalMs, timeout: timeoutMs, maxBytes };
  return [
    ...('problem' in address ? [problem(address.code, ['url'], address.problem, address.expected)] : []),
    ...judgeRef(ref),
    ...judgePaths(paths),
    ...Object.entries(amounts).flatMap(([field, amount]) =>
      amount > 0 ? [] : [problem('OutOfRange', [field], 'It must be more than 0.', 'more than 0')],
    ),
    ...('problem' in address ? [] : judgeCredentials(credentials, address.protocol)),
    ...judgeVerification(settings),
  ];
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

function judgeRef(ref: GitRef): SettingProblem[] {
  if ('commit' in ref) {
    if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref.commit)) return [];
    return [problem('InvalidValue', ['ref', 'commit'], 'A commit is named by its whole id.', '40 or 64 hex digits')];
  }
  if ('semver' in ref) {
    if (validRange(ref.semver) !== null) return [];
    const message = `${JSON.stringify(ref.semver)} is no range of versions.`;
    return [problem('InvalidValue', ['ref', 'semver'], message, "a range such as '>=1.2 <2'")];
  }
  const [kind, name] = 'branch' in ref ? ['branch', ref.branch] : ['tag', ref.tag];
  if (isRefName(name)) return [];
  const message = `${JSON.stringify(name)} is no name that a branch or tag can have.`;
  return [problem('InvalidName', ['ref', kind], message, 'a name such as main or release/2026-11')];
}

function judgePaths(paths: readonly string[]): SettingProblem[] {
  if (paths.length === 0) return [problem('TooShort', ['paths'], 'There must be one at least.', '`.` for the whole repository')];
  return paths.flatMap((path, index) => {
    if (isRepositoryPath(path)) return [];
    return [
      problem('InvalidValue', ['paths', index], `${JSON.stringify(path)} is no path inside a repository.`, 'such as deploy/services'),
    ];
  });
}

function isRepositoryPath(path: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return path === '.' || (!/[\u0000-\u001f\\]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'));
}

function judgeCredentials(credentials: GitCredentials | null, protocol: string): SettingProblem[] {
  if (credentials === null) {
    if (protocol !== 'ssh') return [];
    const message = 'ssh needs credentials: keys that lie about on this machine are not tried.';
    return [problem('MissingField', ['credentials'], message, '`credentials: {sshKeyFile: …, knownHostsFile: …}`')];
  }
  const forSsh = 'sshKeyFile' in credentials;
  if (forSsh && protocol !== 'ssh')
    return [problem('ConflictingFields', ['credentials'], 'A key is for ssh, which the url is not.', '`tokenFrom`, or an address of ssh')];
  if (!forSsh && protocol !== 'https' && protocol !== 'http')
    return [problem('ConflictingFields', ['credentials'], 'A password or token is for https, which the url is not.', httpsNot(protocol))];
  return [];
}

function httpsNot(protocol: string): string {
  return protocol === 'ssh' ? '`sshKeyFile` and `knownHostsFile`, or an address of https' : 'no `credentials`, or an address of https';
}

function judgeVerification({ verify, ref }: Judged): SettingProblem[] {
  if (verify === null) return [];
  const problems: SettingProblem[] = [];
  if (verify.sshAllowedSigners === undefined && (verify.gpgKeys ?? []).length === 0)
    problems.push(problem('MissingField', ['verify'], 'Nobody may sign, as it stands.', '`sshAllowedSigners` or `gpgKeys` in `verify`'));
  if (verify.mode === 'tag' && !('tag' in ref || 'semver' in ref))
    problems.push(
      problem('ConflictingFields', ['verify', 'mode'], 'Mode `tag` needs a ref that is a tag.', '`ref: {tag: …}` or `commits`'),
    );
  return problems;
}

function problem(code: IssueCode, path: readonly Segment[], message: string, expected: string): SettingProblem {
  return { code, path, message, expected };
}
