/** What git's listings, commits and failures come to: no repository is needed to try these. */
import { describe, expect, it } from 'vitest';
import { parseCommit } from '../../../src/sources/git/commit.ts';
import type { Remote } from '../../../src/sources/git/environment.ts';
import { explainFailure, isDamage } from '../../../src/sources/git/failure.ts';
import { GitFailed } from '../../../src/sources/git/git.ts';
import { objectionOf } from '../../../src/sources/git/signature-words.ts';
import { isSafePath, parseChanges, parseTree, treeProblems, TreeProblems, type TreeEntry } from '../../../src/sources/git/tree.ts';
import { seeded } from '../../fixtures/seeded.ts';

const id = 'a'.repeat(40);

describe('listings', () => {
  it('of a tree give files, links and submodules, also under odd names', () => {
    const listing = `100644 blob ${id}\ta b\tc\n"ü".yaml\x00120000 blob ${id}\tl\x00160000 commit ${id}\ts\x00100755 blob ${id}\tx\x00`;
    expect(parseTree(listing).map(({ path, kind }) => [path, kind])).toEqual([
      ['a b\tc\n"ü".yaml', 'file'],
      ['l', 'link'],
      ['s', 'submodule'],
      ['x', 'executable'],
    ]);
  });

  it('of changes tell what is other and what is gone', () => {
    const zero = '0'.repeat(40);
    const listing = `:100644 100755 ${id} ${id} M\x00a\x00:100644 000000 ${id} ${zero} D\x00b\x00:000000 100644 ${zero} ${id} A\x00c d\x00:100644 120000 ${id} ${id} T\x00e\x00`;
    const { changed, removed } = parseChanges(listing);
    expect([changed.map(({ path, kind }) => [path, kind]), removed]).toEqual([
      [
        ['a', 'executable'],
        ['c d', 'file'],
        ['e', 'link'],
      ],
      ['b'],
    ]);
  });

  it('that are empty are no entries', () => {
    expect([parseTree(''), parseChanges('')]).toEqual([[], { changed: [], removed: [] }]);
  });
});

describe('paths', () => {
  it.each(['../x', 'a/../b', '.git/config', 'a/.GIT/hooks/x', 'GIT~1/x', '/etc/passwd', 'a//b', './a', 'a\\..\\b', ''])(
    '%j leads out, and is never written',
    (path) => {
      expect(isSafePath(path)).toBe(false);
    },
  );

  it.each(['a', '.gitignore', 'a/.gitkeep', '..a/b', 'git~x', 'ä b/c.yaml'])('%j is harmless', (path) => {
    expect(isSafePath(path)).toBe(true);
  });

  it('of a manifest that lead out are reported', () => {
    expect([...treeProblems([{ path: '../a.yaml', kind: 'file', id }]).keys()]).toEqual(['../a.yaml']);
  });

  it.each([1, 2, 3])('have the same problems when they are found by what changed, and when all are looked at (seed %i)', (seed) => {
    const random = seeded(seed);
    const one = <Item>(of: readonly Item[]): Item => of[Math.floor(random() * of.length)]!;
    const paths = [
      'a.yaml',
      'A.yaml',
      'a.YAML',
      '../a.yaml',
      'd/ü.json',
      'd/u\u0308.json',
      'run.sh',
      `${'x'.repeat(300)}.yaml`,
      '.git/a.yaml',
    ];
    const entries = new Map<string, TreeEntry>();
    const problems = new TreeProblems();
    const found = new Set<string>();
    for (let step = 0; step < 500; step += 1) {
      const touched = [...new Set([one(paths), one(paths), one(paths)])];
      const removed = touched.filter((path) => entries.has(path) && random() < 0.5);
      const kinds = ['file', 'executable', 'link', 'submodule'] as const;
      const changed = touched.filter((path) => !removed.includes(path)).map((path) => ({ path, kind: one(kinds), id }));
      problems.change({ changed, removed });
      for (const path of removed) entries.delete(path);
      for (const entry of changed) entries.set(entry.path, entry);
      expect(problems.all).toEqual(treeProblems(entries.values()));
      for (const words of problems.all.values()) found.add(words.slice(0, 12));
    }
    expect(found.size).toBe(5);
  });
});

describe('a commit', () => {
  it('signed and of two parents gives its own facts, not those in its message', () => {
    const text = `tree ${id}\nparent ${'b'.repeat(40)}\nparent ${'c'.repeat(40)}\nauthor Ada <a@x> 1 +0000\ncommitter Bob <b@x> 1700000000 +0200\ngpgsig -----BEGIN\n parent ${id}\n -----END\n\nMerge x\nand y\n\nauthor Eve <e@x> 2 +0000\n`;
    expect(parseCommit(id, text)).toEqual({
      id,
      parents: ['b'.repeat(40), 'c'.repeat(40)],
      parent: 'b'.repeat(40),
      author: 'Ada',
      email: 'a@x',
      subject: 'Merge x and y',
      committedAt: 1_700_000_000_000,
    });
  });

  it.each([
    ['nothing', ''],
    ['no message', `tree ${id}\nauthor <> 1 +0000\ncommitter <> 1 +0000\n\n`],
    ['a time that is none', `tree ${id}\nauthor A <a> 1 +0000\ncommitter A <a> 99999999999999999999 +0000\n\nx`],
  ])('with %s gives what it has', (_what, text) => {
    const { author, subject, committedAt } = parseCommit(id, text);
    expect([typeof author, typeof subject, Number.isSafeInteger(committedAt)]).toEqual(['string', 'string', true]);
  });

  it('with a secret in its subject does not show it', () => {
    expect(parseCommit(id, `tree ${id}\n\nUse ghp_${'a'.repeat(36)} now`).subject).toBe('Use **** now');
  });
});

describe('failures', () => {
  const remote: Remote = {
    address: { url: 'https://git.example.org/x', protocol: 'https', host: 'git.example.org' },
    login: { username: 'ada', password: 'p@ss word' },
    timeoutMs: 1_000,
  };
  const failed = (words: string): GitFailed => new GitFailed('fetch', 128, words);

  it.each([
    ["fatal: could not read Username for 'https://git.example.org': terminal prompts disabled", 'refused the credentials'],
    ["fatal: unable to access 'https://git.example.org/x/': Could not resolve host: git.example.org", 'is not known'],
    ["fatal: unable to access 'https://git.example.org/x/': Failed to connect to git.example.org port 443", 'does not accept connections'],
    ["fatal: unable to access 'https://git.example.org/x/': server certificate verification failed.", 'is not trusted'],
    ["fatal: repository 'https://git.example.org/x/' not found", 'no such repository'],
    ['git@git.example.org: Permission denied (publickey).', 'refused the key'],
    ['error: object 0123: hasDotgit: contains .git\nfatal: fsck error in packed object', 'built to mislead'],
    ['error: RPC failed\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output', 'broke off'],
    ['Error: spawn git ENOENT', 'no `git`'],
    ['prlimit: failed to execute git: No such file or directory', 'no `git`'],
    ['Error: spawn prlimit ENOENT', 'no `prlimit`'],
    ['fatal: Out of memory, malloc failed (tried to allocate 4194304 bytes)', 'more than git may hold in memory'],
  ])('%j names the host and what it means', (words, meaning) => {
    expect(explainFailure(failed(words), remote)).toContain(meaning);
  });

  it('of a server that wants a login say whether one was sent, and what the server says of it, not what git would have asked a person', () => {
    const unasked = failed("fatal: could not read Username for 'https://git.example.org': terminal prompts disabled");
    expect(explainFailure(unasked, remote)).toBe('git.example.org refused the credentials');
    expect(explainFailure(unasked, { ...remote, login: null })).toBe(
      'git.example.org wants credentials, and this source has none (`credentials`)',
    );
    const told = failed("remote: The token has expired.\nfatal: Authentication failed for 'https://git.example.org/x/'");
    expect(explainFailure(told, remote)).toBe('git.example.org refused the credentials (remote: The token has expired.)');
  });

  it('show no form of the secret', () => {
    for (const form of ['p@ss word', 'p%40ss%20word', Buffer.from('ada:p@ss word').toString('base64')])
      expect(explainFailure(failed(`fatal: strange ${form} here`), remote)).toBe('strange **** here');
  });

  it('show what a server says without its control characters, and no half of a secret at the cut', () => {
    expect(explainFailure(failed('remote: \u001b[2J\u202ehello'), remote)).toBe('remote: \ufffd[2J\ufffdhello');
    expect(explainFailure(failed(`remote: ${'x'.repeat(287)}p@ss word`), remote)).not.toContain('p@');
  });

  it('of what came in are damage, of the way are not', () => {
    expect(isDamage(failed('fatal: bad object refs/fairlead/incoming'))).toBe(true);
    expect(isDamage(failed("fatal: Unable to create '/x/shallow.lock': File exists."))).toBe(true);
    expect(isDamage(failed('fatal: early EOF\nfatal: fetch-pack: invalid index-pack output'))).toBe(false);
  });
});

describe('signatures that do not count', () => {
  it.each([
    ['', 'it is not signed'],
    ['error: no signature found', 'it is not signed'],
    ['[GNUPG:] REVKEYSIG 07D3D1272777DF59 Ada <ada@example.org>', 'revoked (07D3D1272777DF59 Ada <ada@example.org>)'],
    ['[GNUPG:] EXPSIG 07D3D1272777DF59 Ada', 'has expired (07D3D1272777DF59 Ada)'],
    ['[GNUPG:] BADSIG 07D3D1272777DF59 Ada', 'its signature is bad'],
    ['[GNUPG:] BADSIG 07D3D1272777DF59 A\u202eda', 'A\ufffdda'],
    ['gpg: something else', 'cannot be verified (gpg: something else)'],
  ])('%j', (words, objection) => {
    expect(objectionOf(words)).toContain(objection);
  });
});
