/** `diff` and `plan` between two states of a real repository, with no controller anywhere. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WorkingRepository } from '../fixtures/working-repository.ts';
import { Harness, type Ran } from './harness.ts';

const head = 'apiVersion: fairlead.dev/v1alpha1\n';
const template = (timeout: string): string =>
  `${head}kind: ServiceTemplate\nmetadata: {name: node-stdio}\nspec:\n  type: server\n  transport: stdio\n  limits: {callTimeout: ${timeout}}\n`;
const service = (name: string, more = ''): string =>
  `${head}kind: Service\nmetadata: {name: ${name}}\nspec:\n  extends: [node-stdio]\n  run: {command: [node, ${name}.js]}\n${more}`;

const canary = '  migration: {strategy: canary, canary: {steps: [{setWeight: 10}, {pause: {duration: 1m}}, {setWeight: 50}]}}\n';
const first = {
  'README.md': '# Services\n',
  'services/template.yaml': template('60s'),
  'services/clock.yaml': service('clock'),
  'services/files.yaml': service('files', '  dependsOn: [{service: clock, condition: Ready}]\n'),
  'services/weather.yaml': service('weather', canary),
  'services/old.yaml': service('old'),
};

let cli: Harness;
let repository: WorkingRepository;
const run = (...args: string[]): Promise<Ran> => cli.runWith({ cwd: repository.folder }, ...args);

beforeEach(() => {
  cli = new Harness();
  repository = new WorkingRepository();
  repository.commit('First services', first);
});
afterEach(async () => {
  await cli.stop();
  repository.remove();
});

/** A branch with one change of each kind. */
function branch(): void {
  repository.git('checkout', '--quiet', '-b', 'change');
  repository.commit('Longer calls, a new forecast, no clock', {
    'services/template.yaml': template('90s'),
    'services/weather.yaml': service('weather', canary).replace('weather.js', 'weather.js, --forecast'),
    'services/clock.yaml': null,
    'services/maps.yaml': service('maps'),
  });
}

describe('plan between refs', () => {
  test('a template change lists every service that it touches, with what would happen to each', async () => {
    branch();
    const { code, out } = await run('plan', '--from', 'main', '--to', 'HEAD');
    expect(code).toBe(1);
    await expect(out).toMatchFileSnapshot('golden/plan-refs.txt');
  });

  test('as Markdown it reads as a comment on the pull request', async () => {
    branch();
    const { code, out } = await run('plan', '--from', 'main', '--to', 'HEAD', '-o', 'markdown');
    expect(code).toBe(1);
    expect(out.startsWith('<!-- fairlead-plan -->\n')).toBe(true);
    await expect(out).toMatchFileSnapshot('golden/plan-refs.md.txt');
  });

  test('as JSON it has both commits, every change and the token, which only other resolved states change', async () => {
    branch();
    const report = JSON.parse((await run('plan', '--from', 'main', '--to', 'HEAD', '-o', 'json')).out) as Record<string, unknown>;
    expect(report).toMatchObject({
      from: { ref: 'main', commit: repository.git('rev-parse', 'main') },
      to: { ref: 'HEAD', commit: repository.git('rev-parse', 'HEAD') },
      token: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    const actions = (report['changes'] as { service: string; action: string }[]).map(({ service: name, action }) => `${action} ${name}`);
    expect(actions).toEqual(['delete clock', 'update files', 'create maps', 'update old', 'update weather']);
    repository.commit('Words', { 'README.md': '# Better words\n', 'services/maps.yaml': `# a comment\n${service('maps')}` });
    const token = async () => (JSON.parse((await run('plan', '--from', 'main', '-o', 'json')).out) as { token: string }).token;
    expect(await token()).toBe(report['token']);
    repository.commit('Another', { 'services/maps.yaml': service('maps', '  replicas: 2\n') });
    expect(await token()).not.toBe(report['token']);
  });

  test('what is not valid is shown with its place beside the rest, and is exit code 2', async () => {
    branch();
    repository.commit('A typo', { 'services/files.yaml': `${service('files')}  replicsa: 2\n` });
    const { code, out } = await run('plan', '--from', 'main', '--to', 'HEAD', '-o', 'markdown');
    expect(code).toBe(2);
    expect(out).toContain('1 error; ');
    expect(out).toMatch(/`services\/files\.yaml:7:3` \*\*error\*\* UnknownField/);
    expect(out).toContain('| `maps` | create |');
    expect(out).not.toContain('| `files` |');
    expect((await run('plan', '--from', 'main', '--to', 'HEAD')).err).toContain('services/files.yaml:7:3');
  });

  test('-o github says the issues alone, as validate does', async () => {
    branch();
    expect(await run('plan', '--from', 'main', '--to', 'HEAD', '-o', 'github')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^::warning file=services\/files\.yaml,line=7,col=25,title=UnknownDependency::.*\n$/),
    });
    repository.commit('A typo', { 'services/files.yaml': `${service('files')}  replicsa: 2\n` });
    const { code, out } = await run('plan', '--from', 'main', '--to', 'HEAD', '-o', 'github');
    expect(code).toBe(1);
    expect(out).toContain('::error file=services/files.yaml,line=7,col=3,title=UnknownField::');
  });

  test('a manifest that breaks deletes nothing: its services are in doubt, not gone', async () => {
    repository.commit('Broken', { 'services/old.yaml': 'kind: [\n' });
    const report = JSON.parse((await run('plan', '--from', 'HEAD~1', '--to', 'HEAD', '-o', 'json')).out) as {
      changes: { action: string }[];
    };
    expect(report.changes.filter(({ action }) => action !== 'unchanged')).toEqual([]);
  });

  test('too many deletions at once are held', async () => {
    repository.commit(
      'All gone',
      Object.fromEntries(
        Object.keys(first)
          .filter((path) => path.startsWith('services/'))
          .map((path) => [path, null]),
      ),
    );
    const { code, out } = await run('plan', '--from', 'HEAD~1', '--to', 'HEAD', '-o', 'markdown');
    expect(code).toBe(1);
    expect(out).toContain('- **held**: too many deletions at once: `clock`, `files`, `old`, `weather`');
  });

  test('a service that was formerly another takes it over, and nothing is deleted', async () => {
    repository.commit('Renamed', {
      'services/old.yaml': null,
      'services/new.yaml': service('new').replace('metadata: {name: new}', 'metadata: {name: new, formerly: old}'),
    });
    const report = JSON.parse((await run('plan', '--from', 'HEAD~1', '--to', 'HEAD', '-o', 'json')).out) as { changes: object[] };
    expect(report.changes.filter((change) => (change as { action: string }).action !== 'unchanged')).toEqual([
      expect.objectContaining({ service: 'new', action: 'update', warnings: ['It takes over what runs as old.'] }),
    ]);
  });

  test('a comment stays within what forges take, and counts what it left out', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 900 }, (_, index) => [`many/m${index}.yaml`, service(`many-services-with-long-names-${index}`)]),
    );
    repository.commit('Many', many);
    const { out } = await run('plan', '--from', 'HEAD~1', '--to', 'HEAD', '-o', 'markdown');
    expect(out.length).toBeLessThanOrEqual(60_000);
    expect(out.length).toBeGreaterThan(40_000);
    expect(out).toMatch(/\*\*Left out, for the length of this comment:\*\* \d+ rows of the table, \d+ diffs\./);
    expect(out).toContain('900 to create');
  });

  test('nothing in a manifest is read as Markdown or ends a fence', async () => {
    const tricky = '  description: "</details>\\n```\\n<!-- fairlead-plan -->\\n@everyone ````` **x**"\n';
    repository.commit('Tricky', { 'services/old.yaml': service('old', `${tricky}  tags: [a]\n`) });
    const { out } = await run('plan', '--from', 'HEAD~1', '--to', 'HEAD', '-o', 'markdown');
    expect(out).toContain('\n``````diff\n');
    const outside = out.replaceAll(/\n``````diff\n[^]*?\n``````\n/g, '\n').replaceAll(/`[^`\n]*`/g, '');
    expect(outside).not.toContain('@everyone');
    expect(outside.match(/<!-- fairlead-plan -->/g)).toHaveLength(1);
    expect(outside.match(/<\/details>/g)).toHaveLength(1);
  });
});

describe('diff between refs', () => {
  test('is 0 when both come to the same, whatever the files say', async () => {
    repository.commit('Moved and commented', { 'services/old.yaml': null, 'more/old.yaml': `# moved\n${service('old')}` });
    expect(await run('diff', '--from', 'HEAD~1', '--to', 'HEAD')).toMatchObject({ code: 0, out: '' });
  });

  test('is 1 and a unified diff when they differ; unrelated services are left alone', async () => {
    repository.commit('Two', { 'services/old.yaml': service('old', '  replicas: 2\n') });
    const { code, out } = await run('diff', '--from', 'HEAD~1', '--to', 'HEAD');
    expect(code).toBe(1);
    expect(out).toBe('--- HEAD~1:old\n+++ HEAD:old\n' + out.slice(out.indexOf('@@')));
    expect(out).toContain('-  replicas: 1\n+  replicas: 2\n');
    expect(out.match(/^--- /gm)).toHaveLength(1);
  });

  test('without --to it looks at the working tree: changed, new and removed files, but not ignored ones', async () => {
    repository.put({
      '.gitignore': 'build/\n',
      'build/ignored.yaml': service('ignored'),
      'services/maps.yaml': service('maps'),
      'services/old.yaml': null,
    });
    const { code, out } = await run('diff', '--from', 'HEAD');
    expect(code).toBe(1);
    expect(out).toContain('+++ WORKTREE:maps');
    expect(out).toContain('--- HEAD:old');
    expect(out).not.toContain('ignored');
  });

  test('without --from it compares with where the branch left the default one of origin', async () => {
    branch();
    const { code, err } = await run('diff', '--to', 'HEAD');
    expect(code).toBe(2);
    expect(err).toContain('--from origin/main');
    repository.git('update-ref', 'refs/remotes/origin/main', 'main');
    repository.git('symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/main');
    expect((await run('diff', '--to', 'HEAD')).out).toContain('--- /dev/null\n+++ HEAD:maps');
  });

  test('--path looks at these folders only, and --repo from anywhere', async () => {
    repository.commit('Elsewhere', { 'other/maps.yaml': service('maps'), 'services/old.yaml': null });
    const { code, out } = await cli.run('diff', '--repo', repository.folder, '--from', 'HEAD~1', '--to', 'HEAD', '--path', 'services');
    expect(code).toBe(1);
    expect(out).toContain('--- HEAD~1:old');
    expect(out).not.toContain('maps');
  });

  test('--path that no manifest is under is warned of: nothing changes, but that may not be what was meant', async () => {
    repository.commit('Elsewhere', { 'other/maps.yaml': service('maps') });
    const compared = (...paths: string[]) => run('diff', '--from', 'HEAD~1', '--to', 'HEAD', ...paths.flatMap((path) => ['--path', path]));
    expect(await compared('service', 'services')).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^warning: there is no manifest under service, neither at HEAD~1 nor at HEAD$/m),
    });
    expect((await compared('other', 'services/old.yaml')).err).not.toContain('warning');
  });

  test('links are not followed, in a commit or in the working tree', async () => {
    const outside = join(cli.folder, 'secret.yaml');
    writeFileSync(outside, service('secret'));
    symlinkSync(outside, join(repository.folder, 'services/link.yaml'));
    const working = await run('diff', '--from', 'HEAD');
    expect(working).toMatchObject({ code: 2, out: '', err: expect.stringContaining('services/link.yaml') });
    expect(await run('diff', '--from', 'HEAD', '--to', 'HEAD')).toMatchObject({ code: 0, out: '' });
    repository.commit('The link', {});
    const { code, err } = await run('diff', '--from', 'HEAD~1', '--to', 'HEAD');
    expect(code).toBe(2);
    expect(err).toContain('symbolic link');
  });

  test.each(['--output=/tmp/x', '-x', 'a b', 'HEAD:services', ''])('%j is refused as a ref', async (ref) => {
    expect(await run('diff', `--from=${ref}`, '--to', 'HEAD')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('is no ref'),
    });
  });

  test.each([
    [['--from', 'nowhere'], 'There is no commit "nowhere"'],
    [['--from', 'HEAD', '--path', '../..'], 'is no path inside the repository'],
    [['--from', 'HEAD', '-f', 'services/old.yaml'], 'give one of them'],
    [['--from', 'HEAD', '--repo', '/'], 'is in no git repository'],
  ])('%j cannot be compared: more than 1', async (args, words) => {
    expect(await run('diff', ...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(words) });
  });
});
