/** What is proposed of a git source, and to which forge, by its settings. The forge is a double (see forge-double.ts). */
import { afterEach, expect, it } from 'vitest';
import type { GitSettings } from '../../src/model/source-settings.ts';
import { proposalsOf } from '../../src/processes/forges.ts';
import { systemClock } from '../../src/processes/clock.ts';
import { ForgeDouble, token } from '../forges/forge-double.ts';

const settings = (more: Partial<GitSettings> = {}): GitSettings => ({
  ...{ kind: 'git', name: 'platform', url: 'https://git.example.com/acme/services.git', ref: { branch: 'live' }, paths: ['.'] },
  ...{ intervalMs: 1, timeoutMs: 1, maxBytes: 1, credentials: null, allowLocal: false, allowRewind: false, verify: null },
  ...{ commitStatus: null, pullRequests: null, writes: { name: 'Fairlead', email: 'fairlead@localhost', signingKeyFile: null } },
  ...{ drift: 'correct', revertProposals: false },
  ...more,
});
const forge = (kind: 'github' | 'gitlab' | 'gitea', apiUrl: string | null = null) => ({
  forge: kind,
  token: { env: 'FORGES_TEST_TOKEN' },
  apiUrl,
});
const proposals = (more: Partial<GitSettings> = {}) => proposalsOf(settings(more), systemClock)!;

afterEach(() => {
  delete process.env['FORGES_TEST_TOKEN'];
});

it.each([
  [{}, null],
  [{ pullRequests: forge('gitea') }, 'https://git.example.com/acme/services/compare/live...fairlead/x'],
  [{ commitStatus: forge('gitea') }, 'https://git.example.com/acme/services/compare/live...fairlead/x'],
  [{ url: 'git@github.com:acme/services.git' }, 'https://github.com/acme/services/compare/live...fairlead/x?expand=1'],
  [{ url: '/srv/services.git', allowLocal: true }, null],
] as const)('the page of a pushed branch, with %j', (more, page) => {
  expect(proposals(more).base).toBe('live');
  expect(proposals(more).compareUrl('fairlead/x')).toBe(page);
});

it('without settings for it nobody opens a pull request, and nothing is reverted', () => {
  expect(proposals({ commitStatus: forge('github') })).toMatchObject({ propose: null, reverts: false });
  expect(proposals({ revertProposals: true }).reverts).toBe(true);
});

it('a pull request is opened with the token as it is at that moment', async () => {
  const double = new ForgeDouble('gitea');
  await double.start();
  try {
    const { propose } = proposals({ pullRequests: forge('gitea', double.url), revertProposals: true });
    const draft = { branch: 'fairlead/x', base: 'live', title: 'Title', body: 'Body' };
    await expect(propose!(draft)).rejects.toMatchObject({ code: 'SecretUnavailable' });
    process.env['FORGES_TEST_TOKEN'] = 'expired';
    await expect(propose!(draft)).rejects.toMatchObject({ code: 'ForgeUnauthorized' });
    process.env['FORGES_TEST_TOKEN'] = token;
    expect(await propose!(draft)).toMatchObject({ number: 1, created: true });
    expect(double.pulls).toMatchObject([draft]);
  } finally {
    await double.stop();
  }
});

it.each([{ tag: 'v1' }, { semver: '>=1' }, { commit: 'c'.repeat(40) }])('what follows %j has nothing that could be merged into', (ref) => {
  expect(proposalsOf(settings({ ref, revertProposals: true }), systemClock)).toBeNull();
});

it('the plan of a proposal compares what is declared with what is proposed: what runs may be neither', () => {
  const change = {
    service: 'files',
    action: 'update',
    before: 'a: bad\n',
    after: 'a: good\n',
    strategy: 'rolling',
    steps: [],
    contract: null,
  } as const;
  const revision = { stable: 'files-1', target: 'files-1', rollout: false };
  const text = proposals().planText({
    token: 't',
    changes: [{ ...change, revision, dependants: [], warnings: [] }],
    issues: [],
    pruneHeld: [],
  });
  expect(text).toMatch(/^--- declared\/files\n\+\+\+ proposed\/files\n@@.*\n-a: bad\n\+a: good$/m);
  expect(text).not.toContain('live');
});

it('pull requests need a repository on a forge', () => {
  expect(() => proposals({ url: '/srv/services.git', pullRequests: forge('gitea') })).toThrow(/pullRequests needs a repository on a forge/);
});
