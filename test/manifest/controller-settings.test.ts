/** `fairlead.yaml`: what each wrong setting is told, where, and that no secret is shown. */
import { describe, expect, it } from 'vitest';
import { readManifestFile } from '../../src/manifest/manifest-file.ts';
import type { Issue } from '../../src/model/issue.ts';

function issuesOf(spec: unknown): readonly Issue[] {
  const text = JSON.stringify({ apiVersion: 'fairlead.dev/v1alpha1', kind: 'Controller', spec });
  return readManifestFile('fairlead.yaml', new TextEncoder().encode(text)).issues;
}

const told = (spec: unknown): string[] => issuesOf(spec).map(({ code, path }) => `${code} ${path}`);
const git = (more: object): object => ({ sources: [{ name: 'a', git: { url: 'https://git.example.com/a.git', ...more } }] });
const secretFrom = { env: 'S' };
const hooks = (sources: object): object => ({
  sources: [
    { name: 'a', git: { url: 'https://h/a' } },
    { name: 'here', folder: { path: '.' } },
  ],
  webhooks: { sources },
});

describe('settings that are right', () => {
  it.each([
    ['nothing', {}],
    ['a folder', { sources: [{ folder: { path: './manifests' } }] }],
    ['two', { sources: [{ folder: { path: '.' } }, { git: { url: 'https://h/a' } }] }],
    ['a password', git({ credentials: { username: 'me', passwordFrom: { file: 'p' } } })],
    ['a token with its user', git({ credentials: { username: 'oauth2', tokenFrom: secretFrom } })],
    ['a key', git({ url: 'git@h:a', credentials: { sshKeyFile: 'k', knownHostsFile: 'h' } })],
    ['a commit', git({ ref: { commit: 'a'.repeat(40) } })],
    ['a branch with slashes', git({ ref: { branch: 'release/2026-11' } })],
    ['a hook', hooks({ a: { forge: 'gitlab', secretFrom } })],
  ])('%s', (_what, spec) => expect(told(spec)).toEqual([]));
});

describe('settings that are wrong', () => {
  it.each<[string, unknown, string[]]>([
    ['no source at all', { sources: [] }, ['TooShort spec.sources']],
    ['a source that is neither', { sources: [{ name: 'a' }] }, ['MissingField spec.sources[0]']],
    ['a source that is both', { sources: [{ folder: { path: '.' }, git: { url: 'https://h/a' } }] }, ['ConflictingFields spec.sources[0]']],
    [
      'two of one name',
      { sources: [{ folder: { path: '.' } }, { name: 'folder', git: { url: 'https://h/a' } }] },
      ['DuplicateName spec.sources[1].name'],
    ],
    ['a bad name', { sources: [{ name: 'My Source', folder: { path: '.' } }] }, ['InvalidName spec.sources[0].name']],
    ['a folder without a path', { sources: [{ folder: {} }] }, ['MissingField spec.sources[0].folder.path']],
    ['git without an address', { sources: [{ git: {} }] }, ['MissingField spec.sources[0].git.url']],
    ['an unknown field', git({ branch: 'main' }), ['UnknownField spec.sources[0].git.branch']],
    ['two refs', git({ ref: { branch: 'main', tag: 'v1' } }), ['ConflictingFields spec.sources[0].git.ref']],
    ['an empty ref', git({ ref: {} }), ['MissingField spec.sources[0].git.ref']],
    ['a ref that is an option', git({ ref: { branch: '--upload-pack=x' } }), ['InvalidName spec.sources[0].git.ref.branch']],
    ['half a commit', git({ ref: { commit: 'abc123' } }), ['InvalidValue spec.sources[0].git.ref.commit']],
    ['no path', git({ paths: [] }), ['TooShort spec.sources[0].git.paths']],
    ['an interval without unit', git({ interval: '30' }), ['InvalidDuration spec.sources[0].git.interval']],
    ['a size that is none', git({ maxBytes: '10 MB' }), ['InvalidSize spec.sources[0].git.maxBytes']],
    [
      'a password without a user',
      git({ credentials: { passwordFrom: secretFrom } }),
      ['MissingField spec.sources[0].git.credentials.username'],
    ],
    ['a user alone', git({ credentials: { username: 'me' } }), ['MissingField spec.sources[0].git.credentials']],
    [
      'a password and a token',
      git({ credentials: { username: 'me', passwordFrom: secretFrom, tokenFrom: secretFrom } }),
      ['ConflictingFields spec.sources[0].git.credentials'],
    ],
    [
      'a key without known hosts',
      git({ credentials: { sshKeyFile: 'k' } }),
      ['MissingField spec.sources[0].git.credentials.knownHostsFile'],
    ],
    [
      'a key with a user',
      git({ credentials: { username: 'me', sshKeyFile: 'k', knownHostsFile: 'h' } }),
      ['ConflictingFields spec.sources[0].git.credentials.username'],
    ],
    [
      'a secret from two places',
      git({ credentials: { tokenFrom: { env: 'A', file: 'b' } } }),
      ['ConflictingFields spec.sources[0].git.credentials.tokenFrom'],
    ],
    ['a secret from nowhere', git({ credentials: { tokenFrom: {} } }), ['MissingField spec.sources[0].git.credentials.tokenFrom']],
    ['signatures of nobody', git({ verify: { mode: 'commits' } }), ['MissingField spec.sources[0].git.verify']],
    ['signed tags of a branch', git({ verify: { mode: 'tag', gpgKeys: ['k'] } }), ['ConflictingFields spec.sources[0].git.verify.mode']],
    ['an unknown mode', git({ verify: { mode: 'all', gpgKeys: ['k'] } }), ['UnknownValue spec.sources[0].git.verify.mode']],
    ['a status without a token', git({ commitStatus: { forge: 'github' } }), ['MissingField spec.sources[0].git.commitStatus.tokenFrom']],
    [
      'an unknown forge',
      git({ commitStatus: { forge: 'bitbucket', tokenFrom: secretFrom } }),
      ['UnknownValue spec.sources[0].git.commitStatus.forge'],
    ],
    ['an unknown policy', git({ drift: 'ignore' }), ['UnknownValue spec.sources[0].git.drift']],
    ['a hook of a folder', hooks({ here: { forge: 'github', secretFrom } }), ['UnknownValue spec.webhooks.sources.here']],
    ['a hook of nothing', hooks({ b: { forge: 'github', secretFrom } }), ['UnknownValue spec.webhooks.sources.b']],
    ['a hook without a secret', hooks({ a: { forge: 'github' } }), ['MissingField spec.webhooks.sources.a.secretFrom']],
    ['no hook', hooks({}), ['MissingField spec.webhooks.sources']],
    ['a port that there is not', { listeners: { gateway: '127.0.0.1:70000' } }, ['OutOfRange spec.listeners.gateway']],
    [
      'a placeholder',
      { dataDir: '${params.x}', sources: [{ name: '${params.name}', folder: { path: '.' } }] },
      ['InvalidName spec.sources[0].name'],
    ],
  ])('%s', (_what, spec, expected) => expect(told(spec)).toEqual(expected));

  it.each<[string, object, string]>([
    ['a path on this machine', { url: '/srv/services.git' }, 'MissingField url'],
    ['file://', { url: 'file:///srv/services.git', allowLocal: true }, 'InvalidUrl url'],
    ['a transport that runs commands', { url: 'ext::/tmp/run' }, 'InvalidUrl url'],
    ['http to elsewhere', { url: 'http://git.example.com/a.git' }, 'InvalidUrl url'],
    ['a user in the address', { url: 'https://me@git.example.com/a.git' }, 'InvalidUrl url'],
    ['what is no address', { url: '../services' }, 'InvalidUrl url'],
    ['a branch that leads out', { ref: { branch: 'a/../b' } }, 'InvalidName ref.branch'],
    ['a tag that git refuses', { ref: { tag: 'v1.lock' } }, 'InvalidName ref.tag'],
    ['no range of versions', { ref: { semver: 'newest' } }, 'InvalidValue ref.semver'],
    ['a path out of the repository', { paths: ['deploy', '../other'] }, 'InvalidValue paths[1]'],
    ['polls without a rest', { interval: '0s' }, 'OutOfRange interval'],
    ['no time for an exchange', { timeout: '0s' }, 'OutOfRange timeout'],
    ['ssh with whatever key there is', { url: 'git@git.example.com:acme/a.git' }, 'MissingField credentials'],
    ['a key for https', { credentials: { sshKeyFile: 'k', knownHostsFile: 'h' } }, 'ConflictingFields credentials'],
    [
      'a token for a folder',
      { url: '/srv/a.git', allowLocal: true, credentials: { tokenFrom: secretFrom } },
      'ConflictingFields credentials',
    ],
    ['a status of what is on no forge', { commitStatus: { forge: 'gitea', tokenFrom: secretFrom } }, 'ConflictingFields commitStatus'],
    ['pull requests of what is on no forge', { pullRequests: { forge: 'gitea', tokenFrom: secretFrom } }, 'ConflictingFields pullRequests'],
    [
      'a token to an API in the open',
      { url: 'https://h/o/a', commitStatus: { forge: 'gitea', tokenFrom: secretFrom, apiUrl: 'http://h/api/v1' } },
      'InvalidUrl commitStatus.apiUrl',
    ],
  ])('of a git source: %s', (_what, more, expected) => {
    const issues = issuesOf(git(more));
    expect(issues.map(({ code, path }) => `${code} ${path}`)).toEqual([expected.replace(' ', ' spec.sources[0].git.')]);
    expect(issues[0]).toMatchObject({ severity: 'error', expected: expect.stringMatching(/./) });
  });

  it.each<[string, unknown, string]>([
    ['gateway and status on one port', { listeners: { gateway: '127.0.0.1:7401' } }, 'PortConflict spec.listeners.status'],
    [
      'webhooks on the port of the gateway',
      { ...hooks({ a: { forge: 'github', secretFrom } }), listeners: { gateway: '127.0.0.1:7402' } },
      'PortConflict spec.webhooks.listen',
    ],
  ])('%s', (_what, spec, expected) => expect(told(spec)).toEqual([expected]));

  it.each<[string, unknown, string]>([
    ['a gateway that lets other machines in', { listeners: { gateway: '0.0.0.0:7400' } }, 'OpenListener spec.listeners.gateway'],
    [
      'a forge that the host is not by its name',
      git({ url: 'https://github.com/o/a', commitStatus: { forge: 'gitlab', tokenFrom: secretFrom } }),
      'UnknownValue spec.sources[0].git.commitStatus.forge',
    ],
    ['reverts of a tag', git({ ref: { tag: 'v1' }, revertProposals: true }), 'UnusedField spec.sources[0].git.revertProposals'],
  ])('%s is a warning', (_what, spec, expected) => {
    expect(issuesOf(spec).map(({ severity, code, path }) => `${severity} ${code} ${path}`)).toEqual([`warning ${expected}`]);
  });

  it('listeners on ports that the system chooses, and webhooks that other machines reach, are right', () => {
    const listeners = { gateway: '127.0.0.1:0', status: '[::1]:0' };
    const { sources, webhooks } = hooks({ a: { forge: 'github', secretFrom } }) as Record<string, object>;
    expect(told({ sources, webhooks: { ...webhooks, listen: '0.0.0.0:7402' }, listeners })).toEqual([]);
  });

  it('a hook of a source that follows one commit is a warning', () => {
    const spec = { ...git({ ref: { commit: 'a'.repeat(40) } }), webhooks: { sources: { a: { forge: 'github', secretFrom } } } };
    expect(issuesOf(spec)).toMatchObject([{ code: 'UnusedField', severity: 'warning' }]);
  });
});

describe('a secret in the wrong place', () => {
  const secret = 'hunter2-hunter2';
  it.each<[string, unknown]>([
    ['in the address', { sources: [{ git: { url: `https://me:${secret}@h/a` } }] }],
    ['for a reference', git({ credentials: { tokenFrom: secret } })],
    ['for all credentials', git({ credentials: secret })],
    ['as an environment variable', git({ credentials: { tokenFrom: { env: `${secret}!` } } })],
    ['under a name that there is not', git({ credentials: { token: secret } })],
    ['of a hook', hooks({ a: { forge: 'github', secretFrom: secret } })],
  ])('%s is refused and not shown', (_what, spec) => {
    const issues = issuesOf(spec);
    expect(issues.some(({ severity }) => severity === 'error')).toBe(true);
    expect(JSON.stringify(issues)).not.toContain(secret);
  });
});
