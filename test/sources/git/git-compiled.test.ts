/** What becomes of a repository's manifests: a commit leaves alone what it does not change, and a file that cannot be read deletes nothing. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCompiler } from '../../../src/compiler/compiler.ts';
import type { Compiler } from '../../../src/ports/compiler.ts';
import type { Entry } from '../../fixtures/git-repository.ts';
import { GitHarness } from './git-harness.ts';

let harness: GitHarness;
let compiler: Compiler;

const service = (name: string, args: string): string =>
  `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  transport: stdio\n  run: { command: [node, server.js, "${args}"], cwd: services }\n`;

beforeEach(async () => {
  compiler = createCompiler();
  harness = await GitHarness.make({ 'a.yaml': service('a', '1'), 'b.yaml': service('b', '1'), 'services/server.js': '1' });
  await harness.start();
});
afterEach(async () => {
  await compiler.close();
  await harness.end();
});

const compile = async () => {
  await harness.source.refresh();
  return compiler.compile(harness.witness.snapshots.at(-1)!);
};

it('a commit changes the Services whose manifests it changes, and no other', async () => {
  const first = await compile();
  expect(first.valid).toEqual(['a', 'b']);
  expect(first.changed.map(({ revision: { run } }) => 'cwd' in run && run.cwd)).toEqual([
    `${harness.tree}/services`,
    `${harness.tree}/services`,
  ]);
  await harness.put({ 'README.md': 'x', 'services/server.js': '2', 'a.yaml': service('a', '2') });
  expect((await compile()).changed.map(({ name }) => name)).toEqual(['a']);
});

it.each<[string, Entry]>([
  ['a link', { link: '/etc/passwd' }],
  ['a submodule', { submodule: '0123456789012345678901234567890123456789' }],
  ['a pointer of LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n'],
])('a manifest that becomes %s is an issue, and its Service is in doubt rather than gone', async (_what, entry) => {
  await compile();
  await harness.put({ 'a.yaml': entry });
  const second = await compile();
  expect([second.issues.map(({ code, file }) => [code, file]), Object.keys(second.invalid)]).toEqual([
    [['UnreadableFile', 'a.yaml']],
    ['a'],
  ]);
});
