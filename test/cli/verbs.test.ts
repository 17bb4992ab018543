/** Each verb as a person runs it (those that change what is declared: changes.test.ts): what is printed, what is asked of the controller, and the exit code. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import { plain } from '../../src/cli/view/paint.ts';
import { settledText } from '../../src/cli/view/up-text.ts';
import type { Overview } from '../../src/model/resource.ts';
import { holdDataDir } from '../../src/stores/data-dir-lock.ts';
import { startAt } from '../fixtures/read-model.ts';
import { Harness } from './harness.ts';

// Times of day in golden texts.
process.env['TZ'] = 'UTC';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
});
afterEach(() => cli.stop());

const manifest = `apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata:
  name: files
spec:
  run:
    command: [node, files.js]
`;
describe('exit codes', () => {
  test.each([
    [2, ['gett', 'services']],
    [2, ['get']],
    [2, ['get', 'nothing']],
    [2, ['get', 'services', '--limit']],
    [2, ['get', 'services', '-o', 'xml']],
    [2, ['get', 'tools', '--state', 'Active']],
    [2, ['get', 'services', '--sort-by', 'colour']],
    [2, ['apply']],
    [2, ['rollout', 'undo', 'files', '--timeout', '5']],
    [2, ['rollout', 'undo', 'files', '--timeout', '5s']],
    [2, ['up', '--gateway', 'nowhere']],
    [2, ['logs', '../../etc']],
    [2, ['call', 'read_file', '--arg', 'nonsense']],
    [1, ['describe', 'service', 'nobody']],
    [1, ['get', 'services', 'nobody']],
    [1, ['rollout', 'status', 'nobody']],
    [1, ['validate', 'nowhere.yaml']],
    [1, ['call', 'no_such_tool']],
    [1, ['explain', 'files', '--field', 'spec.nothing']],
    [0, ['--help']],
    [0, ['rollout', 'undo', '--help']],
  ])('%i for %j', async (code, argv) => {
    const ran = await cli.run(...argv);
    expect([ran.code, ran.code > 0 && ran.err === '' ? 'silent' : 'told']).toEqual([code, 'told']);
  });

  test('3 when no controller answers, with what to do next', async () => {
    const ran = await cli.run('get', 'services', '--server', 'http://127.0.0.1:9');
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toMatch(/^error: .*127\.0\.0\.1:9.*\n {2}next: .*fairlead up/s);
  });

  test('3 when something else answers there', async () => {
    cli.callAnswer = { status: 200, body: { items: [] } };
    expect((await cli.run('get', 'services', '--server', cli.model.facts.gatewayUrl)).code).toBe(3);
  });

  test('3 when the admin socket is not on this machine', async () => {
    cli.model.facts = { ...cli.model.facts, adminSocket: '/nowhere/admin.sock' };
    expect(await cli.run('reconcile')).toMatchObject({ code: 3 });
  });

  test('4 when the controller refuses', async () => {
    cli.refuse = new FairleadError('Refused', 'The plan is stale.');
    cli.file('files.yaml', manifest);
    expect(await cli.run('apply', '-f', 'files.yaml', '--plan', 'old')).toMatchObject({
      code: 4,
      err: expect.stringContaining('The plan is stale.'),
    });
  });

  test('5 when time runs out', async () => {
    let now = startAt;
    const ran = await cli.runWith({ now: () => (now += 400) }, 'rollout', 'status', 'clock', '--timeout', '1s');
    expect(ran).toMatchObject({ code: 5, err: expect.stringContaining('TimedOut') });
  });

  test('2 when a manifest to apply cannot be read, which is nobody’s defect', async () => {
    cli.link('gone.yaml', 'nowhere.yaml');
    const ran = await cli.run('apply', '-f', '.');
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('gone.yaml cannot be read: ENOENT')]);
  });

  test('every verb is refused in words, never with a stack', async () => {
    const ran = await cli.run('apply', '-f', 'missing.yaml');
    expect(ran.err).not.toMatch(/\n\s+at /);
  });
});

describe('validate', () => {
  test('valid manifests are 0, and the working directory names the files', async () => {
    cli.file('files.yaml', manifest);
    expect(await cli.run('validate', '.')).toMatchObject({ code: 0, out: 'valid: 1 file, 1 valid service\n' });
  });

  test('every issue with its place; a frame on a terminal only', async () => {
    cli.file('bad.yaml', manifest.replace('run:', 'rum:'));
    const piped = await cli.run('validate', 'bad.yaml');
    expect(piped.code).toBe(1);
    expect(piped.out).toMatch(/^bad\.yaml:6:3 error .*\(UnknownField\)/m);
    expect(piped.out).not.toContain('^');
    expect((await cli.runWith({ interactive: true }, 'validate', 'bad.yaml')).out).toMatch(/> 6 \| +rum:\n +\| +\^/);
  });

  test('what cannot be read is an issue at that file, and the others are judged all the same', async () => {
    cli.file('files.yaml', manifest);
    cli.link('gone.yaml', 'nowhere.yaml');
    cli.link('folder.yaml', '.');
    cli.link('circle.yaml', 'circle.yaml');
    const ran = await cli.run('validate', '.');
    expect([ran.code, ran.err]).toEqual([1, '']);
    expect(ran.out).toMatch(/^gone\.yaml:1:1 error The file cannot be read: .*ENOENT.*\(UnreadableFile\)$/m);
    expect(ran.out).toMatch(/^folder\.yaml:1:1 error .*EISDIR.*\(UnreadableFile\)$/m);
    expect(ran.out).toMatch(/^circle\.yaml:1:1 error .*ELOOP.*\(UnreadableFile\)$/m);
    expect(ran.out).toMatch(/^invalid: 3 errors; 4 files, 1 valid service$/m);
    expect(ran.out).not.toContain(cli.folder);
  });

  test('--locked holds them to the lock, and there has to be one', async () => {
    cli.file('files.yaml', manifest);
    const none = await cli.run('validate', '.', '--locked');
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('There is no fairlead.lock in .')]);
    const lock = (name: string) => `apiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices:\n  ${name}: {contract: ${'a1'.repeat(32)}}\n`;
    cli.file('fairlead.lock', lock('files'));
    expect(await cli.run('validate', '.', '--locked')).toMatchObject({ code: 0, out: 'valid: 2 files, 1 valid service\n' });
    cli.file('fairlead.lock', lock('gone'));
    expect((await cli.run('validate', '.')).code).toBe(0);
    const held = await cli.run('validate', '.', '--locked');
    expect([held.code, held.out]).toEqual([1, expect.stringMatching(/^fairlead\.lock:4:3 error .*\(UnknownService\)/m)]);
  });

  test('stdin, JSON, GitHub and JUnit', async () => {
    const input = manifest.replace('name: files', 'name: Files');
    expect((await cli.runWith({ input }, 'validate', '-')).code).toBe(1);
    cli.file('bad.yaml', input);
    const json = JSON.parse((await cli.run('validate', 'bad.yaml', '-o', 'json')).out);
    expect(json).toMatchObject({ valid: false, errors: 1, issues: [{ file: 'bad.yaml', line: 4 }] });
    expect((await cli.run('validate', 'bad.yaml', '-o', 'github')).out).toMatch(/^::error file=bad\.yaml,line=4,col=9,title=\w+::/);
    expect((await cli.run('validate', 'bad.yaml', '-o', 'junit')).out).toMatch(
      /<testsuite name="fairlead validate" tests="1" failures="1">/,
    );
  });
});

describe('operate', () => {
  test('reconcile, suspend and resume, of services and sources', async () => {
    await cli.run('reconcile');
    await cli.run('reconcile', 'manifests');
    await cli.run('suspend', 'files');
    await cli.run('resume', 'manifests', '--source');
    await cli.run('backup', 'copy.db');
    expect(cli.asked).toEqual([
      ['reconcile', null],
      ['reconcile', 'manifests'],
      ['command', 'files', 'suspend'],
      ['suspendSource', 'manifests', false],
      ['backup', join(cli.folder, 'copy.db')],
    ]);
  });

  test('reconcile says which source could not be read, and why, and ends with 1; one that is suspended is not said to be read', async () => {
    const [manifests] = cli.model.sourceViews;
    cli.model.sourceViews = [manifests!, { ...manifests!, name: 'platform', failure: 'git.example.com does not answer.' }];
    expect(await cli.run('reconcile')).toEqual({
      code: 1,
      out: 'every service looked at\n',
      err: 'error: platform: git.example.com does not answer.\n',
    });
    expect(await cli.run('reconcile', 'platform')).toMatchObject({ code: 1, out: 'its services looked at\n' });
    expect(await cli.run('reconcile', 'manifests')).toMatchObject({ code: 0, err: '' });
    cli.model.sourceViews = [{ ...manifests!, suspended: true }];
    expect(await cli.run('reconcile', 'manifests')).toEqual({
      code: 0,
      out: 'source/manifests is suspended: it is read again after `fairlead resume manifests --source`\nits services looked at\n',
      err: '',
    });
  });

  test('down waits until run.json is gone', async () => {
    mkdirSync(join(cli.folder, '.fairlead'));
    expect(await cli.run('down')).toMatchObject({ code: 0, out: expect.stringContaining('Stopped.') });
    expect(cli.asked).toEqual([['stop']]);
  });

  test('restore says that a file is missing, and touches nothing', async () => {
    expect(await cli.run('restore', 'nothing.db', '--data-dir', 'data')).toMatchObject({ code: 1 });
    expect(existsSync(join(cli.folder, 'data'))).toBe(false);
  });

  test('restore is refused while Fairlead runs on the data directory: 4', async () => {
    mkdirSync(join(cli.folder, 'data'));
    const letGo = holdDataDir(join(cli.folder, 'data'));
    const refused = await cli.run('restore', 'copy.db', '--data-dir', 'data');
    letGo();
    expect(refused).toMatchObject({ code: 4, err: expect.stringContaining('StoreLocked') });
  });

  test('doctor finds what is wrong: 1, with what to do', async () => {
    const { code, out } = await cli.run('doctor');
    expect(code).toBe(1);
    expect(out).toMatch(/^ok +controller/m);
    expect(out).toMatch(/^bad +service +broken: .*\n +next: fairlead describe service broken/m);
  });

  test('doctor says of a source that cannot be read what to do, once, and so does up', async () => {
    const [folder, ...others] = cli.model.sourceViews;
    cli.model.sourceViews = [
      { ...folder!, name: 'platform', kind: 'git', location: 'https://git.example/platform.git', failure: 'It is down.' },
      ...others,
    ];
    const { out } = await cli.run('doctor');
    expect(out).toMatch(/^bad +source +platform: It is down\.\n +next: fairlead describe source platform$/m);
    expect(out.match(/It is down/g)).toHaveLength(1);
    const overview = { states: { Error: 1 }, total: 1, tools: 0, troubles: [{ service: 'source platform', message: 'It is down.' }] };
    const urls = { gatewayUrl: '', statusUrl: '', webhooksUrl: null };
    expect(settledText(overview as unknown as Overview, urls, 'fairlead', plain)).toContain(
      'Try next: fairlead describe source platform\n',
    );
    const empty = settledText({ ...overview, states: {}, total: 0 } as unknown as Overview, urls, 'fairlead', plain);
    const hooked = settledText(overview as unknown as Overview, { ...urls, webhooksUrl: 'http://127.0.0.1:7402/hooks' }, 'fairlead', plain);
    expect(hooked).toContain('  Webhooks      http://127.0.0.1:7402/hooks/SOURCE\n');
    expect(empty).not.toContain('Webhooks');
    expect(empty).toContain('No service is known yet.\n');
    expect(empty).toContain('Try next: fairlead describe source platform\n');
  });

  test('doctor names a path of a source that matches nothing', async () => {
    const [folder] = cli.model.sourceViews;
    const message = 'The path deplyo matches nothing in commit 1f1f1f1f1f (branch main). Did you mean deploy?';
    cli.model.sourceViews = [{ ...folder!, name: 'platform', kind: 'git', unmatchedPaths: [{ path: 'deplyo', near: 'deploy', message }] }];
    const { out } = await cli.run('doctor');
    expect(out).toContain(`platform: ${message}\n`);
    expect(out).toMatch(/^ +next: fairlead describe source platform$/m);
  });

  test('the running controller of a data directory is found upward from here', async () => {
    mkdirSync(join(cli.folder, '.fairlead'));
    writeFileSync(
      join(cli.folder, '.fairlead', 'run.json'),
      JSON.stringify({ statusUrl: cli.url, adminSocket: cli.model.facts.adminSocket }),
    );
    expect(
      (await cli.runWith({ env: { FAIRLEAD_SERVER: undefined as unknown as string } }, 'get', 'services', '-o', 'name')).out,
    ).toContain('service/files');
  });

  test('a data directory upward from here on which nothing runs is not taken for that of the controller that answers', async () => {
    const stale = join(cli.folder, 'below', '.fairlead', 'logs', 'files');
    mkdirSync(stale, { recursive: true });
    writeFileSync(join(stale, 'files-a-0-1.log'), 'of long ago\n');
    mkdirSync(join(cli.folder, 'logs', 'files'), { recursive: true });
    writeFileSync(join(cli.folder, 'logs', 'files', 'files-b-0-1.log'), 'of now\n');
    const there = { cwd: join(cli.folder, 'below') };
    expect(await cli.runWith(there, 'logs', 'files')).toMatchObject({ code: 0, out: 'of now\n' });
    const alone = { ...there, env: { FAIRLEAD_SERVER: 'http://127.0.0.1:9' } };
    expect(await cli.runWith(alone, 'logs', 'files')).toMatchObject({ code: 0, out: 'of long ago\n' });
  });

  test('a refusal of which no advice is known is not followed by words that are none', async () => {
    cli.refuse = new FairleadError('Refused', 'platform is suspended.');
    expect((await cli.run('reconcile')).err).toBe('error: platform is suspended. (Refused)\n');
    cli.refuse = new FairleadError('Refused', 'platform is suspended.', { data: { next: 'resume it' } });
    expect((await cli.run('reconcile')).err).toContain('  next: resume it\n');
  });

  test('a kind may be written in the singular or the plural', async () => {
    expect((await cli.run('get', 'service', '-o', 'name')).out).toBe((await cli.run('get', 'services', '-o', 'name')).out);
    expect(await cli.run('describe', 'services', 'files')).toMatchObject({ code: 0, out: expect.stringMatching(/^Name: +files$/m) });
    expect(await cli.run('get', 'serv')).toMatchObject({ code: 2, err: expect.stringContaining('Allowed choices are services, ') });
  });

  test('help shows a verb of one word or two, and says which it does not know', async () => {
    expect(await cli.run('help', 'apply')).toMatchObject({ code: 0, out: expect.stringMatching(/^Usage: fairlead apply /) });
    expect(await cli.run('help', 'rollout', 'undo')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Usage: fairlead rollout undo /),
    });
    expect(await cli.run('help')).toMatchObject({ code: 0, out: expect.stringMatching(/^Usage: fairlead \[options\]/) });
    expect(await cli.run('help', 'rollout', 'nope')).toMatchObject({ code: 2, out: '', err: expect.stringContaining("'rollout nope'") });
  });

  test('--version says it alone; version names both', async () => {
    expect(await cli.run('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect((await cli.run('version')).out).toMatch(/^fairlead \d.*\ncontroller 0\.1\.0\n$/);
  });
});
