/**
 * `spec` of `fairlead.yaml` to settings with every default filled in, and what is wrong with it beyond its shape. Pure:
 * files are only named, secrets only referred to, and no address is asked.
 */
import { resolve } from 'node:path';
import { parseDuration } from '../base/duration.ts';
import { isLoopback } from '../base/loopback.ts';
import { forgeAddress, guessForge, isForgeApi } from '../model/forge-address.ts';
import type {
  CommitStatusSpec,
  ControllerSpec,
  CredentialsSpec,
  GitRefSpec,
  GitSpec,
  PullRequestsSpec,
  SecretReference as SecretSpec,
  SourceSpec,
  VerifySpec,
  WritesSpec,
} from '../model/gen/controller.ts';
import type {
  CommitStatusSettings,
  Forge,
  GitCredentials,
  GitRef,
  GitSettings,
  GitVerification,
  HookSettings,
  SecretReference,
  SourceSettings,
  WriteSettings,
} from '../model/source-settings.ts';
import { judgeGitSettings } from './git-settings.ts';
import { pathText, type Segment } from './place.ts';
import type { Finding } from './schema.ts';
import { nearest } from './suggest.ts';
import { parseSize } from './units.ts';

/** Where it listens unless told otherwise; webhooks only where they are configured. */
export const defaultListeners = { gateway: '127.0.0.1:7400', status: '127.0.0.1:7401', webhooks: '127.0.0.1:7402' } as const;
const defaultIntervalMs = 60_000;
const defaultTimeoutMs = 60_000;
const defaultMaxBytes = 256 * 1024 * 1024;

/** Sources as configured; none when the file names none. `base`: the folder, absolute, that paths are relative to. */
export function sourceSettings(spec: ControllerSpec, base: string): SourceSettings[] {
  return (spec.sources ?? []).map((source) => {
    const name = nameOf(source);
    if (source.git !== undefined) return gitSettings(name, source.git, base);
    return { kind: 'folder', name, path: resolve(base, source.folder!.path) };
  });
}

/** Hooks by the name of their Source; null when there are none. */
export function hookSettings({ webhooks }: ControllerSpec, base: string): Readonly<Record<string, HookSettings>> | null {
  if (webhooks === undefined) return null;
  return Object.fromEntries(
    Object.entries(webhooks.sources).map(([name, { forge, secretFrom }]) => [name, { forge, secret: reference(secretFrom, base) }]),
  );
}

function gitSettings(name: string, git: GitSpec, base: string): GitSettings {
  return {
    kind: 'git',
    name,
    url: git.url,
    ref: refOf(git.ref),
    paths: git.paths ?? ['.'],
    intervalMs: duration(git.interval, defaultIntervalMs),
    timeoutMs: duration(git.timeout, defaultTimeoutMs),
    maxBytes: git.maxBytes === undefined ? defaultMaxBytes : (parseSize(git.maxBytes) ?? defaultMaxBytes),
    credentials: git.credentials === undefined ? null : credentialsOf(git.credentials, base),
    allowLocal: git.allowLocal ?? false,
    allowRewind: git.allowRewind ?? false,
    verify: git.verify === undefined ? null : verificationOf(git.verify, base),
    commitStatus: git.commitStatus === undefined ? null : forgeOf(git.commitStatus, base),
    pullRequests: git.pullRequests === undefined ? null : forgeOf(git.pullRequests, base),
    writes: writesOf(git.writes, base),
    drift: git.drift ?? 'correct',
    revertProposals: git.revertProposals ?? false,
  };
}

function refOf(ref: GitRefSpec | undefined): GitRef {
  if (ref?.tag !== undefined) return { tag: ref.tag };
  if (ref?.semver !== undefined) return { semver: ref.semver };
  if (ref?.commit !== undefined) return { commit: ref.commit };
  return { branch: ref?.branch ?? 'main' };
}

function credentialsOf(spec: CredentialsSpec, base: string): GitCredentials | null {
  const { username, passwordFrom, tokenFrom, sshKeyFile, knownHostsFile } = spec;
  if (sshKeyFile !== undefined && knownHostsFile !== undefined)
    return { sshKeyFile: resolve(base, sshKeyFile), knownHostsFile: resolve(base, knownHostsFile) };
  if (tokenFrom !== undefined) return { token: reference(tokenFrom, base), ...(username === undefined ? {} : { username }) };
  return passwordFrom === undefined ? null : { username: username ?? '', password: reference(passwordFrom, base) };
}

function verificationOf({ mode, sshAllowedSigners, gpgKeys }: VerifySpec, base: string): GitVerification {
  return {
    mode,
    ...(sshAllowedSigners === undefined ? {} : { sshAllowedSigners: resolve(base, sshAllowedSigners) }),
    ...(gpgKeys === undefined ? {} : { gpgKeys: gpgKeys.map((file) => resolve(base, file)) }),
  };
}

function writesOf({ name, email, signingKeyFile }: WritesSpec = {}, base: string): WriteSettings {
  return {
    name: name ?? 'Fairlead',
    email: email ?? 'fairlead@localhost',
    signingKeyFile: signingKeyFile === undefined ? null : resolve(base, signingKeyFile),
  };
}

function forgeOf({ forge, tokenFrom, apiUrl }: CommitStatusSpec | PullRequestsSpec, base: string): CommitStatusSettings {
  return { forge, token: reference(tokenFrom, base), apiUrl: apiUrl ?? null };
}

function reference(spec: SecretSpec, base: string): SecretReference {
  return spec.env === undefined ? { file: resolve(base, spec.file ?? '') } : { env: spec.env };
}

function duration(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : (parseDuration(text) ?? otherwise);
}

function nameOf(source: SourceSpec): string {
  return source.name ?? (source.git === undefined ? 'folder' : 'git');
}

/** What the schema cannot say of a `spec` that it finds nothing wrong with. */
export function judgeController(spec: ControllerSpec): Finding[] {
  const sources = spec.sources ?? [];
  const findings = sources.flatMap((source, index) => judgeSource(source, ['spec', 'sources', index]));
  const seen = new Map<string, number>();
  for (const [index, source] of sources.entries()) {
    const name = nameOf(source);
    const before = seen.get(name);
    if (before === undefined) seen.set(name, index);
    else
      findings.push(
        error(
          'DuplicateName',
          `Two sources are called \`${name}\`.`,
          ['spec', 'sources', index, 'name'],
          'a name of its own for each source',
        ),
      );
  }
  return [...findings, ...judgeHooks(spec), ...judgeListeners(spec)];
}

/** The listeners that a file names or leaves at their defaults: where each stands, and on which host and port. */
function listenersOf({ listeners, webhooks }: ControllerSpec): { path: readonly string[]; host: string; port: number }[] {
  const addresses: [string | undefined, ...string[]][] = [
    [listeners?.gateway ?? defaultListeners.gateway, 'spec', 'listeners', 'gateway'],
    [listeners?.status ?? defaultListeners.status, 'spec', 'listeners', 'status'],
    [webhooks === undefined ? undefined : (webhooks.listen ?? defaultListeners.webhooks), 'spec', 'webhooks', 'listen'],
  ];
  return addresses.flatMap(([address, ...path]) => {
    if (address === undefined) return [];
    const colon = address.lastIndexOf(':');
    return [{ path, host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }];
  });
}

function judgeListeners(spec: ControllerSpec): Finding[] {
  const listeners = listenersOf(spec);
  return listeners.flatMap(({ path, host, port }, index): Finding[] => {
    if (port > 65_535) return [error('OutOfRange', `There is no port ${port}.`, path, 'a port up to 65535')];
    const other = listeners.slice(0, index).find((earlier) => earlier.port === port && port !== 0);
    if (other !== undefined)
      return [error('PortConflict', `\`${pathText(other.path)}\` has port ${port} already.`, path, 'a port of its own for each listener')];
    // Whoever delivers to a webhook proves by a signature who it is.
    if (isLoopback(host) || path[1] === 'webhooks') return [];
    const message = 'Other machines are let in, and nothing asks them who they are: `fairlead up` refuses it without --insecure-listen.';
    return [warning('OpenListener', message, path, '127.0.0.1, behind something that authenticates')];
  });
}

function judgeSource(source: SourceSpec, path: readonly Segment[]): Finding[] {
  const { folder, git } = source;
  if (folder !== undefined && git !== undefined)
    return [error('ConflictingFields', 'A source is a folder or a git repository, not both.', path, 'two sources')];
  if (git !== undefined) return judgeGit(nameOf(source), git, [...path, 'git']);
  return folder === undefined ? [error('MissingField', 'The source says neither `folder` nor `git`.', path, '`folder` or `git`')] : [];
}

function judgeGit(name: string, git: GitSpec, path: readonly Segment[]): Finding[] {
  const written = git.credentials === undefined ? [] : judgeCredentials(git.credentials, [...path, 'credentials']);
  const problems = judgeGitSettings(gitSettings(name, git, '/'))
    // Nothing can be said of credentials that contradict themselves.
    .filter((problem) => written.length === 0 || problem.path[0] !== 'credentials')
    .map(({ code, path: field, message, expected }) => error(code, message, [...path, ...field], expected));
  const known = problems.every((problem) => problem.path[path.length] !== 'url');
  return [...written, ...problems, ...(known ? judgeForges(git, path) : []), ...judgeProposals(git, path)];
}

/** Whether what is to be told of commits can be told to the forge that is named. */
function judgeForges({ url, commitStatus, pullRequests }: GitSpec, path: readonly Segment[]): Finding[] {
  const address = forgeAddress(url);
  return Object.entries({ commitStatus, pullRequests }).flatMap(([field, spec]): Finding[] => {
    if (spec === undefined) return [];
    const at = [...path, field];
    if (address === null) {
      const message = `\`${field}\` needs a repository on a forge, and \`url\` names none.`;
      return [error('ConflictingFields', message, at, `an address such as https://host/owner/name, or no \`${field}\``)];
    }
    if (spec.apiUrl === undefined) return judgeForge(spec.forge, address.host, [...at, 'forge']);
    if (isForgeApi(spec.apiUrl)) return [];
    return [error('InvalidUrl', 'A token would go there in the open.', [...at, 'apiUrl'], 'an https address')];
  });
}

function judgeForge(forge: Forge, host: string, path: readonly Segment[]): Finding[] {
  const guess = guessForge(host);
  if (guess === null || guess === forge) return [];
  return [{ ...warning('UnknownValue', `By its name ${host} is no ${forge}.`, path, `${guess}, or \`apiUrl\``), suggestion: guess }];
}

/** Nothing can be merged into a tag, versions or one commit. */
function judgeProposals({ ref, pullRequests, revertProposals }: GitSpec, path: readonly Segment[]): Finding[] {
  if (ref === undefined || ref.branch !== undefined) return [];
  return Object.entries({ pullRequests, revertProposals }).flatMap(([field, value]) => {
    if (value === undefined || value === false) return [];
    const message = `No branch is followed that anything could be merged into: \`${field}\` does nothing.`;
    return [{ ...warning('UnusedField', message, [...path, field], `\`ref: {branch: …}\`, or no \`${field}\``), atKey: true }];
  });
}

function judgeCredentials(credentials: CredentialsSpec, path: readonly Segment[]): Finding[] {
  const { username, passwordFrom, tokenFrom, sshKeyFile } = credentials;
  const ways = Object.entries({ passwordFrom, tokenFrom, sshKeyFile }).filter(([, way]) => way !== undefined);
  if (ways.length > 1) {
    const words = ways.map(([way]) => `\`${way}\``).join(' and ');
    return [error('ConflictingFields', `${words} are different ways to say who asks.`, path, 'one of them')];
  }
  if (ways.length === 0) return [error('MissingField', 'A user alone proves nothing.', path, '`passwordFrom` or `tokenFrom`')];
  if (sshKeyFile !== undefined && username !== undefined)
    return [error('ConflictingFields', 'The user of an ssh address stands in the address.', [...path, 'username'], 'ssh://user@host/path')];
  return [];
}

function judgeHooks({ webhooks, sources = [] }: ControllerSpec): Finding[] {
  const git = sources.filter((source) => source.git !== undefined).map(nameOf);
  return Object.keys(webhooks?.sources ?? {}).flatMap((name) => {
    const path = ['spec', 'webhooks', 'sources', name];
    const followed = sources.find((source) => nameOf(source) === name)?.git;
    if (followed === undefined) {
      const near = nearest(name, git);
      const expected = git.length === 0 ? 'a source that is a git repository' : `one of ${git.join(', ')}`;
      const finding = error('UnknownValue', `There is no git source \`${name}\` to tell of pushes.`, path, expected);
      return [{ ...finding, atKey: true, ...(near === null ? {} : { suggestion: near }) }];
    }
    const message = `\`${name}\` follows one commit: no push concerns it.`;
    if (followed.ref?.commit !== undefined) return [{ ...warning('UnusedField', message, path, 'no webhook for it'), atKey: true }];
    return [];
  });
}

function warning(code: Finding['code'], message: string, path: readonly Segment[], expected: string): Finding {
  return { ...error(code, message, path, expected), severity: 'warning' };
}

function error(code: Finding['code'], message: string, path: readonly Segment[], expected: string): Finding {
  return { code, severity: 'error', message, path, expected };
}
