/**
 * `spec` of `fairlead.yaml` to settings with every default filled in, and what is wrong with it beyond its shape. Pure:
 * files are only named, secrets only referred to, and no address is asked.
 */
import { resolve } from 'node:path';
import { parseDuration } from '../base/duration.ts';
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
  GitCredentials,
  GitRef,
  GitSettings,
  GitVerification,
  HookSettings,
  SecretReference,
  SourceSettings,
  WriteSettings,
} from '../model/source-settings.ts';
import type { Segment } from './place.ts';
import type { Finding } from './schema.ts';
import { nearest } from './suggest.ts';
import { parseSize } from './units.ts';

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
  return [...findings, ...judgeHooks(spec), ...judgePorts(spec)];
}

function judgePorts({ listeners, webhooks }: ControllerSpec): Finding[] {
  const addresses: [string | undefined, ...string[]][] = [
    [listeners?.gateway, 'listeners', 'gateway'],
    [listeners?.status, 'listeners', 'status'],
    [webhooks?.listen, 'webhooks', 'listen'],
  ];
  return addresses.flatMap(([address, ...path]) =>
    Number(address?.slice(address.lastIndexOf(':') + 1) ?? 0) <= 65_535
      ? []
      : [
          error(
            'OutOfRange',
            `There is no port ${address!.slice(address!.lastIndexOf(':') + 1)}.`,
            ['spec', ...path],
            'a port up to 65535',
          ),
        ],
  );
}

function judgeSource(source: SourceSpec, path: readonly Segment[]): Finding[] {
  const { folder, git } = source;
  if (folder !== undefined && git !== undefined)
    return [error('ConflictingFields', 'A source is a folder or a git repository, not both.', path, 'two sources')];
  if (git !== undefined) return judgeGit(git, [...path, 'git']);
  return folder === undefined ? [error('MissingField', 'The source says neither `folder` nor `git`.', path, '`folder` or `git`')] : [];
}

function judgeGit({ url, ref, credentials, verify }: GitSpec, path: readonly Segment[]): Finding[] {
  const findings: Finding[] = [];
  // The address itself is not shown: what is in it may be the secret.
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/@]*:[^/@]+@/i.test(url))
    findings.push(
      error('LiteralSecret', 'A password stands in the address.', [...path, 'url'], '`credentials`, which name it by reference'),
    );
  if (credentials !== undefined) findings.push(...judgeCredentials(credentials, [...path, 'credentials']));
  if (verify !== undefined && verify.sshAllowedSigners === undefined && verify.gpgKeys === undefined)
    findings.push(
      error('MissingField', 'Nobody may sign, as it stands.', [...path, 'verify'], '`sshAllowedSigners` or `gpgKeys` in `verify`'),
    );
  if (verify?.mode === 'tag' && ref?.tag === undefined && ref?.semver === undefined)
    findings.push(
      error('ConflictingFields', 'Mode `tag` needs a ref that is a tag.', [...path, 'verify', 'mode'], '`ref: {tag: …}` or `commits`'),
    );
  return findings;
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
    if (followed.ref?.commit === undefined) return [];
    const message = `\`${name}\` follows one commit: no push concerns it.`;
    return [{ ...error('UnusedField', message, path, 'no webhook for it'), severity: 'warning' as const, atKey: true }];
  });
}

function error(code: Finding['code'], message: string, path: readonly Segment[], expected: string): Finding {
  return { code, severity: 'error', message, path, expected };
}
