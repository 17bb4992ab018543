/** Which forge and repository a remote names, and where a person opens the pull request of a pushed branch. */
import { expect, test } from 'vitest';
import { apiUrl, compareUrl } from '../../src/forges/address.ts';
import { forgeAddress, guessForge } from '../../src/model/forge-address.ts';

test.each([
  ['https://github.com/acme/services.git', 'github.com', 'acme/services'],
  ['https://github.com/acme/services', 'github.com', 'acme/services'],
  ['https://ada:secret@gitlab.example.com:8443/group/sub/services.git', 'gitlab.example.com:8443', 'group/sub/services'],
  ['ssh://git@gitea.example.com:2222/acme/services.git', 'gitea.example.com', 'acme/services'],
  ['git@github.com:acme/services.git', 'github.com', 'acme/services'],
  ['ssh://git@ssh.github.com:443/acme/services.git', 'github.com', 'acme/services'],
  ['codeberg.org:acme/services', 'codeberg.org', 'acme/services'],
])('%s', (remote, host, path) => {
  expect(forgeAddress(remote)).toEqual({ host, path });
});

test.each([
  '/srv/git/services.git',
  '../services',
  'file:///srv/git/a/b',
  'ext::sh -c x',
  'https://github.com/',
  'https://github.com/acme/%2e%2e',
  'git@host:services',
  '',
])('%j is at no forge', (remote) => {
  expect(forgeAddress(remote)).toBeNull();
});

test('the page on which a pull request is opened', () => {
  const address = { host: 'forge.example', path: 'acme/services' };
  expect(compareUrl('github', address, 'main', 'fairlead/undo#1')).toBe(
    'https://forge.example/acme/services/compare/main...fairlead/undo%231?expand=1',
  );
  expect(compareUrl('gitea', address, 'main', 'fairlead/undo')).toBe('https://forge.example/acme/services/compare/main...fairlead/undo');
  expect(compareUrl('gitlab', address, 'main', 'fairlead/undo')).toBe(
    'https://forge.example/acme/services/-/merge_requests/new?merge_request%5Bsource_branch%5D=fairlead%2Fundo&merge_request%5Btarget_branch%5D=main',
  );
});

test('what a host says of itself, and where its API is', () => {
  expect(['github.com', 'github.acme.example', 'gitlab.com', 'codeberg.org', 'git.acme.example'].map(guessForge)).toEqual([
    'github',
    'github',
    'gitlab',
    'gitea',
    null,
  ]);
  expect([
    apiUrl('github', 'github.com'),
    apiUrl('github', 'ghe.example'),
    apiUrl('gitlab', 'gitlab.com'),
    apiUrl('gitea', 'codeberg.org'),
  ]).toEqual(['https://api.github.com', 'https://ghe.example/api/v3', 'https://gitlab.com/api/v4', 'https://codeberg.org/api/v1']);
});
