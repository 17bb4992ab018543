/** diff, plan, apply, delete and undo as a person runs them: what is printed, what is asked of the controller, `--wait`, and the exit code. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import { appliedText } from '../../src/cli/view/changes.ts';
import { plain } from '../../src/cli/view/paint.ts';
import type { Applied, Declared, Writing } from '../../src/ports/admin.ts';
import { startAt } from '../fixtures/read-model.ts';
import { breaking } from '../fixtures/rollout-views.ts';
import { appliedSnapshot, Harness } from './harness.ts';

// Times of day in golden texts.
process.env['TZ'] = 'UTC';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
});
afterEach(() => cli.stop());

/** Written to what is followed, in Fairlead's own words. */
const directly = { message: null, author: null, propose: false };
const manifest = `apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata:
  name: files
spec:
  run:
    command: [node, files.js]
`;
const change = {
  service: 'files',
  action: 'update' as const,
  before: 'spec:\n  replicas: 1\n',
  after: 'spec:\n  replicas: 2\n',
  revision: { stable: 'files-aaaaaaaa', target: 'files-bbbbbbbb', rollout: true },
  strategy: 'in-place',
  steps: ['start 1 instance of files-bbbbbbbb beside files-aaaaaaaa and make its start checks', 'all calls to files-bbbbbbbb'],
  contract: breaking,
  dependants: ['clock'],
  warnings: ['breaks a contract'],
};

const synced = (status: 'True' | 'False', reason: string) => ({
  type: 'Synced' as const,
  status,
  reason,
  message: '',
  observedGeneration: 3,
  lastTransitionAt: startAt,
});

describe('changes', () => {
  beforeEach(() => {
    cli.file('files.yaml', manifest);
    cli.report = { ...cli.report, changes: [change, { ...change, service: 'same', action: 'unchanged' }] };
  });

  test('diff is 0 when all is the same and 1 with a unified diff when not', async () => {
    expect(await cli.run('diff', '-f', 'files.yaml')).toMatchObject({
      code: 1,
      out: '--- declared/files\n+++ proposed/files\n@@ -1,2 +1,2 @@\n spec:\n-  replicas: 1\n+  replicas: 2\n',
    });
    cli.report = { ...cli.report, changes: [] };
    expect(await cli.run('diff', '-f', 'files.yaml')).toMatchObject({ code: 0, out: '' });
    expect(cli.asked[0]).toEqual(['plan', { files: { 'files.yaml': manifest }, deletions: [], prune: false }]);
  });

  test('diff is 2 when the manifests are not valid', async () => {
    cli.report = {
      ...cli.report,
      issues: [{ code: 'UnknownField', severity: 'error', message: 'No.', file: 'files.yaml', line: 1, column: 1, path: '' }],
    };
    expect(await cli.run('diff', '-f', 'files.yaml')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('UnknownField') });
  });

  test.each(['diff', 'plan'])('%s is more than 1 when it could not compare, whatever the reason', async (verb) => {
    expect(await cli.run(verb, '-f', 'nowhere.yaml')).toMatchObject({ code: 2, err: expect.stringContaining('NotFound') });
    cli.refuse = new FairleadError('Internal', 'oh');
    expect(await cli.run(verb, '-f', 'files.yaml')).toMatchObject({ code: 2, err: expect.stringContaining('oh') });
    cli.refuse = new FairleadError('Unreachable', 'nobody');
    expect(await cli.run(verb, '-f', 'files.yaml')).toMatchObject({ code: 3 });
  });

  test('two files that would get one name are refused, rather than one of them lost', async () => {
    for (const folder of ['a', 'b', 'here']) mkdirSync(join(cli.folder, folder));
    for (const folder of ['a', 'b']) cli.file(`${folder}/files.yaml`, manifest);
    const inside = { cwd: join(cli.folder, 'here') };
    expect(await cli.runWith(inside, 'apply', '-f', '../a/files.yaml', '-f', '../b/files.yaml')).toMatchObject({ code: 2 });
    expect(cli.asked).toEqual([]);
    expect(await cli.runWith(inside, 'apply', '-f', '../a/files.yaml', '-f', '../a/files.yaml')).toMatchObject({ code: 0 });
  });

  test('plan shows what would happen and the token; as Markdown too', async () => {
    const { code, out } = await cli.run('plan', '-f', 'files.yaml');
    expect(code).toBe(1);
    await expect(out).toMatchFileSnapshot('golden/plan.txt');
    await expect((await cli.run('plan', '-f', 'files.yaml', '-o', 'markdown')).out).toMatchFileSnapshot('golden/plan.md.txt');
    expect(JSON.parse((await cli.run('plan', '-f', 'files.yaml', '-o', 'json')).out)).toMatchObject({ token: 'tok-1' });
  });

  test('apply says so when nothing changed', () => {
    expect(appliedText({ snapshot: appliedSnapshot, changes: [], files: [], proposed: null }, plain)).toBe('Nothing changed.\n');
  });

  test('apply passes the token and says what changed; --dry-run applies nothing', async () => {
    expect(await cli.run('apply', '-f', 'files.yaml', '--plan', 'tok-1', '--prune')).toMatchObject({
      code: 0,
      out: 'service/files changed\n',
    });
    expect(cli.asked).toEqual([['apply', { files: { 'files.yaml': manifest }, deletions: [], prune: true }, 'tok-1', directly]]);
    await cli.run('apply', '-f', 'files.yaml', '--dry-run');
    expect(cli.asked.filter(([method]) => method === 'apply')).toHaveLength(1);
  });

  test('what the commit says, whose it is and the branch of a proposal go with it', async () => {
    const writing = { message: 'Newer files', author: { name: 'Ada', email: 'ada@example.org' }, propose: 'newer' };
    const flags = ['-m', 'Newer files', '--author', 'Ada <ada@example.org>', '--propose', '--branch', 'newer'];
    await cli.run('apply', '-f', 'files.yaml', ...flags);
    await cli.run('delete', 'service', 'files', ...flags);
    await cli.run('rollout', 'undo', 'files', ...flags);
    expect(cli.asked.map((asked) => asked.at(-1))).toEqual([writing, writing, writing]);
    await cli.run('apply', '-f', 'files.yaml', '--propose');
    expect(cli.asked.at(-1)!.at(-1)).toEqual({ ...directly, propose: true });
  });

  test('the author is who git says that the caller is; where git would have to guess, the source says it', async () => {
    const env = { PATH: process.env['PATH']!, HOME: cli.folder, GIT_CONFIG_NOSYSTEM: '1', GIT_CEILING_DIRECTORIES: cli.folder };
    await cli.runWith({ env }, 'apply', '-f', 'files.yaml');
    cli.file('.gitconfig', '[user]\nname = Grace Hopper\n');
    await cli.runWith({ env }, 'apply', '-f', 'files.yaml');
    cli.file('.gitconfig', '[user]\nname = Grace Hopper\nemail = grace@example.org\n');
    await cli.runWith({ env }, 'apply', '-f', 'files.yaml');
    expect(cli.asked.map((asked) => (asked.at(-1) as Writing).author)).toEqual([
      null,
      null,
      { name: 'Grace Hopper', email: 'grace@example.org' },
    ]);
  });

  test('a proposal says where it waits, and why nobody opened a pull request of it', async () => {
    const pullRequest = { number: 7, url: 'https://forge.example/pull/7', created: true };
    const where = { branch: 'fairlead/apply-files-1a2b3c4d', base: 'main', compareUrl: 'https://forge.example/compare' };
    const propose = async (proposed: Applied['proposed']) => {
      cli.applied = { ...cli.applied, proposed };
      return cli.run('apply', '-f', 'files.yaml', '--propose');
    };
    const head = 'service/files would be changed\nPushed branch fairlead/apply-files-1a2b3c4d, to be merged into main.\n';
    expect(await propose({ ...where, pullRequest, problem: null })).toMatchObject({
      code: 0,
      out: `${head}Pull request 7 opened: https://forge.example/pull/7\n`,
    });
    expect(await propose({ ...where, pullRequest: { ...pullRequest, created: false }, problem: null })).toMatchObject({
      out: `${head}Pull request 7 is open already: https://forge.example/pull/7\n`,
    });
    expect(await propose({ ...where, pullRequest: null, problem: 'The token is not accepted.' })).toMatchObject({
      code: 0,
      out: `${head}Open a pull request at https://forge.example/compare\n`,
      err: expect.stringContaining('no pull request was opened: The token is not accepted.'),
    });
    expect(await propose({ ...where, compareUrl: null, pullRequest: null, problem: null })).toMatchObject({ out: head });
  });

  test.each([
    [['--propose', '--wait'], 'Nothing changes before somebody merges'],
    [['--branch', 'newer'], 'add --propose'],
    [['--author', 'Ada'], 'Ada Lovelace <ada@example.com>'],
    [['--author', 'Ada <ada@example.org> and Grace <g@x>'], 'Ada Lovelace <ada@example.com>'],
    [['-m', ' '], 'empty'],
    [['--propose', '--branch', ''], 'leave --branch out'],
    [['--propose', '--branch', 'refs/heads/newer'], '--branch newer'],
  ])('%j is a usage error that says why, and nothing is asked for', async (flags, words) => {
    expect(await cli.run('apply', '-f', 'files.yaml', ...flags)).toMatchObject({ code: 2, err: expect.stringContaining(words) });
    expect(cli.asked).toEqual([]);
  });

  test('a message of more than the controller takes is a usage error too', async () => {
    const { code, err } = await cli.run('apply', '-f', 'files.yaml', '-m', 'x'.repeat(5_001));
    expect([code, err]).toEqual([2, expect.stringContaining('at most 5,000 characters')]);
    expect(cli.asked).toEqual([]);
  });

  test('--wait is 0 when the change is taken', async () => {
    cli.onApply = () => cli.model.change('files', { observedSnapshot: appliedSnapshot, conditions: [synced('True', 'Applied')] });
    expect(await cli.run('apply', '-f', 'files.yaml', '--wait')).toMatchObject({
      code: 0,
      out: expect.stringContaining('service/files is Active'),
    });
  });

  test('--wait is 1 when it is taken back, with the reason', async () => {
    const rejected = [synced('False', 'Rejected'), { ...synced('True', 'Rejected'), type: 'Stalled' as const }];
    cli.onApply = () => cli.model.change('files', { observedSnapshot: appliedSnapshot, conditions: rejected });
    expect(await cli.run('apply', '-f', 'files.yaml', '--wait')).toMatchObject({ code: 1, out: expect.stringContaining('ExitedEarly') });
  });

  test('--wait is 5 when the change is not seen in time', async () => {
    let now = startAt;
    cli.declared = { ...theirs, snapshot: appliedSnapshot };
    expect(await cli.runWith({ now: () => (now += 300) }, 'apply', '-f', 'files.yaml', '--wait', '--timeout', '1s')).toMatchObject({
      code: 5,
    });
  });

  const theirs: Extract<Declared, { kind: 'declared' }> = {
    ...{
      kind: 'declared',
      source: 'platform',
      file: 'files.yaml',
      snapshot: 'f2'.repeat(20),
      specHash: 'theirs',
      revision: 'files-f2f2f2f2',
    },
    commit: { id: 'f2'.repeat(20), parent: null, author: 'Ada', email: 'ada@example.org', subject: 'Mended\u202e files', committedAt: 1 },
  };
  const overtaking: [string, string[], Applied['changes'][0]['action'], Declared, string][] = [
    [
      'a commit',
      ['apply', '-f', 'files.yaml'],
      'update',
      theirs,
      'commit f2f2f2f2f2f2 “Mended\u{fffd} files” of Ada, which declares files-f2f2f2f2',
    ],
    ['a commit', ['rollout', 'undo', 'files'], 'update', theirs, 'commit f2f2f2f2f2f2'],
    [
      'a file',
      ['apply', '-f', 'files.yaml'],
      'update',
      { ...theirs, commit: null },
      'files.yaml of platform, which declares files-f2f2f2f2',
    ],
    ['a manifest that is not valid', ['apply', '-f', 'files.yaml'], 'update', { kind: 'invalid' }, 'a manifest that is not valid'],
    ['its deletion', ['apply', '-f', 'files.yaml'], 'update', { kind: 'absent' }, 'its deletion: no source declares it any more'],
    ['a commit that declares it again', ['delete', 'service', 'files'], 'delete', theirs, 'commit f2f2f2f2f2f2'],
  ];
  test.each(overtaking)('--wait is 1 when %s came before it was taken: %j', async (_, argv, action, declared, words) => {
    cli.applied = { ...cli.applied, changes: [{ service: 'files', action, specHash: action === 'delete' ? null : 'applied' }] };
    // It is known from the second look on.
    cli.onApply = () => void setTimeout(() => (cli.declared = declared), 50);
    const { code, out, err } = await cli.run(...argv, '--wait');
    expect([code, out]).toEqual([1, expect.stringContaining(`service/files was overtaken by ${words}`)]);
    expect(err).toMatch(/next: .*make the change again if it is still wanted/);
  });

  test('--wait sees a service that was deleted before it was ever seen', async () => {
    cli.applied = { ...cli.applied, changes: [{ service: 'fresh', action: 'create', specHash: 'applied' }] };
    cli.declared = { kind: 'absent' };
    expect(await cli.run('apply', '-f', 'files.yaml', '--wait')).toMatchObject({ code: 1, out: expect.stringContaining('its deletion') });
  });

  test('--wait is 0 when a later commit declares the same as was applied', async () => {
    cli.declared = { ...theirs, specHash: 'applied' };
    cli.onApply = () => cli.model.change('files', { observedSnapshot: 'f2'.repeat(20), conditions: [synced('True', 'Applied')] });
    expect(await cli.run('apply', '-f', 'files.yaml', '--wait')).toMatchObject({ code: 0, out: expect.stringContaining('is Active') });
  });

  const two: Applied['changes'] = ['files', 'clock'].map((service) => ({ service, action: 'update', specHash: 'applied' }));

  test('--wait follows all that changed at the same time, tells each as it ends, and is 1 when the first that failed was taken back', async () => {
    cli.applied = { ...cli.applied, changes: two };
    const good = { state: 'Active', rollout: null, conditions: [synced('True', 'Applied')] } as const;
    cli.onApply = () => cli.model.change('clock', { ...good, observedSnapshot: appliedSnapshot });
    const running = cli.follow('apply', '-f', 'files.yaml', '--wait');
    await running.says('service/clock is Active');
    expect(running.out()).not.toContain('service/files is');
    const rejected = [synced('False', 'Rejected'), { ...synced('True', 'Rejected'), type: 'Stalled' as const }];
    cli.model.change('files', { observedSnapshot: appliedSnapshot, conditions: rejected });
    expect(await running.done).toMatchObject({ code: 1, out: expect.stringContaining('service/files was not taken') });
  });

  test('--wait tells of each that does not end in time, and of what failed before that: the first decides the exit code', async () => {
    cli.applied = { ...cli.applied, changes: two };
    cli.declared = { ...theirs, snapshot: appliedSnapshot };
    const argv = ['apply', '-f', 'files.yaml', '--wait', '--timeout', '1s'];
    let now = startAt;
    const late = await cli.runWith({ now: () => (now += 300) }, ...argv);
    expect([late.code, late.err.match(/(files|clock) has not come to rest within 1 s/g)?.length]).toEqual([5, 2]);
    cli.onApply = () => cli.model.change('clock', { suspended: true });
    const both = await cli.runWith({ now: () => (now += 300) }, ...argv);
    expect(both).toMatchObject({ code: 1, out: expect.stringContaining('service/clock is suspended') });
    expect(both.err).toContain('files has not come to rest within 1 s');
  });

  test.each([
    ['apply', ['apply', '-f', 'files.yaml'], 'update'],
    ['delete', ['delete', 'service', 'files'], 'delete'],
    ['undo', ['rollout', 'undo', 'files'], 'update'],
  ] as const)('%s --wait of a suspended service is 1 at once, and says what to do', async (_verb, argv, action) => {
    cli.applied = { ...cli.applied, changes: [{ service: 'files', action, specHash: action === 'delete' ? null : 'applied' }] };
    cli.declared = action === 'delete' ? { kind: 'absent' } : { ...theirs, snapshot: appliedSnapshot, specHash: 'applied' };
    cli.model.change('files', { suspended: true });
    const { code, out, err } = await cli.run(...argv, '--wait');
    expect([code, out]).toEqual([1, expect.stringContaining('service/files is suspended: what was written is taken once it is resumed\n')]);
    expect(err).toContain('next: fairlead resume files\n');
  });

  test('delete names what goes and waits until it has gone; an unknown name is 1', async () => {
    cli.onApply = () => cli.model.change('files', null);
    cli.model.change('clock', null);
    const running = await cli.run('delete', 'service', 'nobody');
    expect([running.code, cli.asked]).toEqual([1, []]);
    expect((await cli.run('delete', 'service', 'files')).code).toBe(0);
    expect(cli.asked).toEqual([['apply', { files: {}, deletions: ['files'], prune: false }, null, directly]]);
  });

  test('undo writes an older revision', async () => {
    expect((await cli.run('rollout', 'undo', 'files', '--to-revision', 'files-aaaaaaaa')).code).toBe(0);
    expect(cli.asked).toEqual([['undo', 'files', 'files-aaaaaaaa', directly]]);
  });
});
