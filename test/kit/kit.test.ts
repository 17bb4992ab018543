/**
 * The pull-request kit: what it says to GitHub, GitLab and pre-commit is of the form that they take, and its shell steps are
 * run as they are written, in a repository of their own, against a double of the forge (see forge-double.ts).
 */
import { execFile } from 'node:child_process';
import { registerHooks } from 'node:module';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { satisfies } from 'semver';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ForgeDouble, token } from '../forges/forge-double.ts';
import { WorkingRepository } from '../fixtures/working-repository.ts';

const root = join(import.meta.dirname, '../..');
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');
const fairlead = `${process.execPath} ${join(root, 'bin/fairlead.cjs')}`;
const service = (name: string, more = ''): string =>
  `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  type: server\n  transport: stdio\n  run: {command: [node, ${name}.js]}\n${more}`;

interface Step {
  readonly id?: string;
  readonly name: string;
  readonly if?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly run: string;
}
interface Action {
  readonly inputs: Readonly<Record<string, { default?: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
}
interface Ran {
  readonly code: number;
  readonly output: string;
}

let folder: string;
let repository: WorkingRepository;
let double: ForgeDouble;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-kit-'));
  repository = new WorkingRepository();
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  repository.remove();
  await double?.stop();
});

/** Runs a script the way a runner does. */
function shell(program: readonly string[], script: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const file = join(folder, 'step.sh');
  writeFileSync(file, script);
  return new Promise((resolve) => {
    const [command, ...args] = program;
    const options = { cwd: repository.folder, env: { PATH: process.env['PATH']!, HOME: folder, ...env } };
    execFile(command!, [...args, file], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}

/** A branch with a change, merged as GitHub checks a pull request out. */
function pullRequest(change: Readonly<Record<string, string | null>>): void {
  repository.commit('First', { 'deploy/files.yaml': service('files'), 'other/else.yaml': service('elsewhere') });
  repository.git('checkout', '--quiet', '-b', 'change');
  repository.commit('Change', change);
  repository.git('checkout', '--quiet', 'main');
  repository.commit('Meanwhile', { 'deploy/meanwhile.yaml': service('meanwhile') });
  repository.git('merge', '--quiet', '--no-ff', '-m', 'Merge change', 'change');
}

describe('the GitHub action', () => {
  const action = parse(textOf('kit/github/action.yml')) as Action;

  /** Runs its steps in order until one fails, as a runner would with these inputs. */
  async function run(
    given: Readonly<Record<string, string>> = {},
  ): Promise<Ran & { outputs: Record<string, Record<string, string>>; ran: string[] }> {
    const outputs: Record<string, Record<string, string>> = {};
    const ran: string[] = [];
    const inputs = { fairlead, path: 'deploy', 'pull-request': '1', token, ...given };
    let output = '';
    for (const step of action.runs.steps) {
      const value = (expression: string): string => valueOf(expression, inputs, outputs);
      if (step.if !== undefined && !holds(step.if, value)) continue;
      ran.push(step.name);
      const outputFile = join(folder, 'output');
      writeFileSync(outputFile, '');
      const env = {
        ...Object.fromEntries(
          Object.entries(step.env).map(([name, text]) => [
            name,
            text.replaceAll(/\$\{\{ (.+?) \}\}/g, (_all, expression: string) => value(expression)),
          ]),
        ),
        GITHUB_OUTPUT: outputFile,
        GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
        RUNNER_TEMP: folder,
        GITHUB_SERVER_URL: 'https://github.com',
        GITHUB_REPOSITORY: 'acme/services',
        GITHUB_API_URL: double.url,
      };
      const { code, output: said } = await shell(['bash', '--noprofile', '--norc', '-eo', 'pipefail'], step.run, env);
      output += said;
      outputs[step.id ?? step.name] = Object.fromEntries(
        readFileSync(outputFile, 'utf8')
          .split('\n')
          .filter((line) => line.includes('='))
          .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
      if (code !== 0) return { code, output, outputs, ran };
    }
    return { code: 0, output, outputs, ran };
  }

  function valueOf(
    expression: string,
    inputs: Readonly<Record<string, string>>,
    outputs: Readonly<Record<string, Record<string, string>>>,
  ): string {
    const [context, name, , output] = expression.split('.');
    if (context === 'inputs') return inputs[name!] ?? action.inputs[name!]!.default!;
    if (context === 'steps') return outputs[name!]?.[output!] ?? '';
    return { 'github.action_path': join(root, 'kit/github'), 'github.event.pull_request.base.sha': '' }[expression]!;
  }

  /** Of the form `a == 'x' && b != ''`. */
  function holds(condition: string, value: (expression: string) => string): boolean {
    return condition.split(' && ').every((part) => {
      const [, expression, operator, text] = /^(\S+) (==|!=) '(.*)'$/.exec(part)!;
      return (value(expression!) === text) === (operator === '==');
    });
  }

  beforeEach(async () => {
    double = new ForgeDouble('github');
    double.app = true;
    await double.start();
    double.open('change', 'main');
  });

  test('and the workflow that uses it are of the form that GitHub takes', async () => {
    // GitHub's own parser imports JSON without saying so, which Node refuses.
    registerHooks({
      load: (url, context, next) => next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
    });
    const { NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');
    const { parseAction } = await import('@actions/workflow-parser/actions/action-parser');
    const trace = new NoOperationTraceWriter();
    const parsed = [
      parseAction({ name: 'action.yml', content: textOf('kit/github/action.yml') }, trace),
      parseWorkflow({ name: 'workflow.yml', content: textOf('kit/github/workflow.yml') }, trace),
    ];
    expect(parsed.map(({ context }) => context.errors.getErrors().map(({ message }) => message))).toEqual([[], []]);
    const broken = parseAction(
      { name: 'action.yml', content: textOf('kit/github/action.yml').replace('using: composite', 'using: nothing') },
      trace,
    );
    expect(broken.context.errors.getErrors()).not.toEqual([]);
  });

  test('no step puts an expression into its script: what others wrote is never run', () => {
    expect(action.runs.steps.filter(({ run: script }) => script.includes('${{'))).toEqual([]);
  });

  test('comments what merging would do, and updates its comment at the next push', async () => {
    pullRequest({ 'deploy/files.yaml': service('files', '  replicas: 2\n') });
    const first = await run();
    expect(first).toMatchObject({ code: 0, outputs: { plan: { valid: 'true', changed: 'true' } } });
    expect(double.comments).toHaveLength(1);
    const { body } = double.comments[0]!;
    expect(body).toContain('### Fairlead plan: 1 to update; 1 unchanged');
    expect(body).not.toContain('elsewhere');
    expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toBe(body);
    await run();
    expect(double.comments).toHaveLength(1);
  });

  test('fails for manifests that are not valid, after it has said where, beside the line and in the comment', async () => {
    pullRequest({ 'deploy/files.yaml': service('files', '  replicsa: 2\n') });
    const { code, output, ran } = await run();
    expect(code).toBe(1);
    expect(ran).toEqual(['Install Fairlead', 'Plan', 'Comment', 'Verdict']);
    expect(output).toContain('::error file=deploy/files.yaml,line=8,col=3,title=UnknownField::');
    expect(double.comments[0]!.body).toContain('`deploy/files.yaml:8:3` **error** UnknownField');
  });

  test('says when nothing would change', async () => {
    pullRequest({ 'README.md': 'Words\n' });
    expect(await run()).toMatchObject({ code: 0, outputs: { plan: { valid: 'true', changed: 'false' } } });
  });

  test('does not fail where the token may not comment: from a fork', async () => {
    pullRequest({ 'deploy/files.yaml': service('files', '  replicas: 2\n') });
    const { code, output } = await run({ token: 'reads-only-3n' });
    expect(code).toBe(0);
    expect(output).toContain('::warning::The plan could not be put on the pull request');
    expect(output).not.toContain('reads-only-3n');
  });

  test('compares several folders with what it is told, and without a pull request comments nothing', async () => {
    pullRequest({ 'other/else.yaml': service('elsewhere', '  replicas: 2\n') });
    const { code, ran, outputs } = await run({ path: 'deploy\nother\n', from: 'HEAD~1', 'pull-request': '' });
    expect(code).toBe(0);
    expect(ran).not.toContain('Comment');
    expect(readFileSync(outputs['plan']!['plan']!, 'utf8')).toContain('| `elsewhere` | update |');
  });

  test('without anything to compare with it says what to do', async () => {
    repository.commit('Only', { 'deploy/files.yaml': service('files') });
    expect(await run()).toMatchObject({ code: 1, output: expect.stringContaining('fetch-depth 2') });
  });

  test('installs what it came with, and nothing of that name from elsewhere', async () => {
    double.next.length = 0;
    writeFileSync(join(folder, 'npm'), `#!/bin/sh\necho "$PWD: $*" >> ${join(folder, 'npm.log')}\n`, { mode: 0o755 });
    const [install] = action.runs.steps as [Step];
    const outputFile = join(folder, 'output');
    writeFileSync(outputFile, '');
    const env = { GIVEN: '', KIT: join(root, 'kit/github'), GITHUB_OUTPUT: outputFile, PATH: `${folder}:${process.env['PATH']!}` };
    expect(await shell(['bash', '--noprofile', '--norc', '-eo', 'pipefail'], install.run, env)).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'npm.log'), 'utf8')).toBe(`${root}: ci --omit=dev --ignore-scripts --no-audit --no-fund\n`);
    expect(readFileSync(outputFile, 'utf8')).toBe(`command=node ${root}/bin/fairlead.cjs\n`);
    expect(existsSync(join(root, 'bin/fairlead.cjs'))).toBe(true);
  });
});

describe('the GitLab template', () => {
  interface Job {
    readonly stage: string;
    readonly image: { readonly name: string; readonly entrypoint: readonly string[] };
    readonly rules: readonly { readonly if: string }[];
    readonly script: readonly string[];
    readonly artifacts: { readonly when: string; readonly paths: readonly string[] };
    readonly variables: Readonly<Record<string, string>>;
  }
  const template = parse(textOf('kit/gitlab/fairlead.gitlab-ci.yml')) as { variables: Record<string, string>; 'fairlead-plan': Job };
  const job = template['fairlead-plan'];

  beforeEach(async () => {
    double = new ForgeDouble('gitlab');
    await double.start();
    double.open('change', 'main');
  });

  /** As a runner with a plain sh runs it in a merge request. */
  async function run(more: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const env = {
      ...template.variables,
      ...job.variables,
      FAIRLEAD: fairlead,
      FAIRLEAD_PATH: 'deploy other',
      FAIRLEAD_FORGE_TOKEN: token,
      CI_MERGE_REQUEST_DIFF_BASE_SHA: repository.git('rev-parse', 'HEAD~1'),
      CI_MERGE_REQUEST_IID: '1',
      CI_PROJECT_URL: 'https://gitlab.com/acme/services',
      CI_API_V4_URL: double.url,
      ...more,
    };
    return shell(['sh', '-e'], job.script.join('\n'), env);
  }

  test('has the fields that GitLab knows, and none else', () => {
    expect(Object.keys(template)).toEqual(['variables', 'fairlead-plan']);
    expect(Object.keys(job)).toEqual(['stage', 'image', 'variables', 'rules', 'script', 'artifacts']);
    expect(job.image).toEqual({ name: '$FAIRLEAD_IMAGE', entrypoint: [''] });
    expect(job.rules).toEqual([{ if: '$CI_PIPELINE_SOURCE == "merge_request_event"' }]);
    expect(job.artifacts.paths).toEqual(['fairlead-plan.md']);
  });

  test('comments what merging would do, and updates its comment', async () => {
    repository.commit('First', { 'deploy/files.yaml': service('files') });
    repository.commit('Change', { 'deploy/files.yaml': service('files', '  replicas: 2\n') });
    expect(await run()).toMatchObject({ code: 0, output: expect.stringContaining('files: would be changed') });
    expect(await run()).toMatchObject({ code: 0 });
    expect(double.comments).toEqual([
      expect.objectContaining({ author: 'fairlead', body: expect.stringContaining('### Fairlead plan: 1 to update') }),
    ]);
  });

  test('fails for what is not valid, and not for a token that may not comment', async () => {
    repository.commit('First', { 'deploy/files.yaml': service('files') });
    repository.commit('Change', { 'deploy/files.yaml': service('files', '  replicsa: 2\n') });
    expect(await run()).toMatchObject({ code: 1, output: expect.stringContaining('Manifests are not valid.') });
    expect(double.comments[0]!.body).toContain('UnknownField');
    repository.commit('Mended', { 'deploy/files.yaml': service('files', '  replicas: 2\n') });
    const refused = await run({ FAIRLEAD_FORGE_TOKEN: 'wrong-3n' });
    expect(refused).toMatchObject({ code: 0, output: expect.stringContaining('could not be put on the merge request') });
  });

  test('fails when there is no such commit', async () => {
    repository.commit('First', { 'deploy/files.yaml': service('files') });
    repository.commit('Change', { 'deploy/files.yaml': service('files', '  replicas: 2\n') });
    expect(await run({ CI_MERGE_REQUEST_DIFF_BASE_SHA: 'f'.repeat(40) })).toMatchObject({
      code: 1,
      output: expect.stringContaining('could not be made'),
    });
  });
});

describe('the pre-commit hook', () => {
  interface Hook {
    readonly entry: string;
    readonly args: readonly string[];
    readonly files: string;
    readonly pass_filenames: boolean;
    readonly language_version: string;
  }
  const [hook] = parse(textOf('.pre-commit-hooks.yaml')) as [Hook];

  test('has what pre-commit wants of a hook, and the command that it names is installed with the package', () => {
    expect(hook).toMatchObject({ id: 'fairlead-validate', name: 'fairlead validate', language: 'node', pass_filenames: false });
    const { bin, engines } = JSON.parse(textOf('package.json')) as { bin: Record<string, string>; engines: { node: string } };
    expect(Object.keys(bin)).toContain(hook.entry.split(' ')[0]);
    expect(satisfies(hook.language_version, engines.node)).toBe(true);
    expect(['deploy/files.yaml', 'a.yml', 'b.json', 'c.ts'].filter((path) => new RegExp(hook.files).test(path))).toEqual([
      'deploy/files.yaml',
      'a.yml',
      'b.json',
    ]);
  });

  // It runs `npm pack` and takes all that this prints for the name of a file.
  test('can be installed: what npm packs is named without a word of the build before it', async () => {
    const copy = join(folder, 'fairlead');
    for (const part of ['package.json', '.npmrc', 'bin', 'schemas', 'scripts', 'src'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const { stdout } = await promisify(execFile)('npm', ['pack'], { cwd: copy });
    const { name, version } = JSON.parse(textOf('package.json')) as { name: string; version: string };
    expect(stdout).toBe(`${name}-${version}.tgz\n`);
    expect(existsSync(join(copy, stdout.trimEnd()))).toBe(true);
  });

  test('stops a commit whose manifests are not valid, and lets others through', async () => {
    const command = [hook.entry.replace(/^fairlead/, fairlead), ...hook.args].join(' ');
    repository.put({ 'deploy/files.yaml': service('files') });
    expect(await shell(['sh'], command, {})).toMatchObject({ code: 0 });
    repository.put({ 'deploy/files.yaml': service('files', '  replicsa: 2\n') });
    expect(await shell(['sh'], command, {})).toMatchObject({ code: 1, output: expect.stringContaining('deploy/files.yaml:8:3') });
  });
});

test('the manifests of docs/git.md are valid, and its change is what it says', async () => {
  const blocks = [...textOf('docs/git.md').matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text!);
  const [template, files] = blocks as [string, string];
  repository.commit('The first service', { 'deploy/node-stdio.yaml': template, 'deploy/files.yaml': files });
  repository.commit('Calls may take 90 seconds', { 'deploy/node-stdio.yaml': template.replace('callTimeout: 60s', 'callTimeout: 90s') });
  const { code, output } = await shell(['sh'], `${fairlead} plan --from HEAD~1 --to HEAD --path deploy -o markdown`, {});
  expect(code).toBe(1);
  expect(output).toContain('| `files` | update | – | no rollout |');
  expect(output).toContain('+    callTimeout: 90s');
});
