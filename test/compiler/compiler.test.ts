/** The compiler over its worker thread: only what changed comes back, a file that stalls it is set aside, and asking changes nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/base/hash.ts';
import { createCompiler, type CompilerOptions } from '../../src/compiler/compiler.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import type { Compiler } from '../../src/ports/compiler.ts';

let compiler: Compiler;
const start = (options: CompilerOptions = {}) => (compiler = createCompiler(options));
afterEach(() => compiler.close());

function snapshot(texts: Readonly<Record<string, string>>): Snapshot {
  const files = Object.entries(texts).map(([path, text]) => {
    const bytes = new TextEncoder().encode(text);
    return { path, bytes, hash: sha256(bytes) };
  });
  return { source: 'folder', id: sha256(JSON.stringify(texts)), root: '/srv/manifests', takenAt: 0, files };
}

const service = (name: string, more = '') =>
  `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  run: {command: [node, ${name}.js]}\n${more}`;

const names = (services: readonly { readonly name: string }[]) => services.map(({ name }) => name).sort();

describe('compiling one Snapshot after the other', () => {
  it('answers everything first, then only what changed', async () => {
    start();
    const first = await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b') }));
    expect([names(first.changed), first.valid, first.empty]).toEqual([['a', 'b'], ['a', 'b'], false]);
    const same = await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b') }));
    expect([same.changed, same.valid]).toEqual([[], ['a', 'b']]);
    const edited = await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b', '  replicas: 2\n') }));
    expect([names(edited.changed), edited.valid]).toEqual([['b'], ['a', 'b']]);
    const removed = await compiler.compile(snapshot({ 'b.yaml': service('b', '  replicas: 2\n') }));
    expect([removed.changed, removed.valid]).toEqual([[], ['b']]);
  });

  it('answers a Lock that changed with its Service, also where it is only asked about', async () => {
    start();
    const lock = (digits: string) =>
      `apiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices: { a: { contract: "${digits.repeat(32)}" } }\n`;
    const files = { 'a.yaml': service('a'), 'b.yaml': service('b') };
    await compiler.compile(snapshot({ ...files, 'fairlead.lock': lock('a1') }));
    const asked = await compiler.preview({ 'fairlead.lock': lock('b2') });
    expect(asked.changed.map(({ name, lock: found }) => [name, found?.contract])).toEqual([['a', 'b2'.repeat(32)]]);
    const unlocked = await compiler.compile(snapshot(files));
    expect(unlocked.changed.map(({ name, lock: found }) => [name, found])).toEqual([['a', undefined]]);
    const broken = await compiler.compile(snapshot({ ...files, 'fairlead.lock': lock('soon') }));
    expect([Object.keys(broken.invalid), broken.valid]).toEqual([['a'], ['b']]);
  });

  it('calls a Service invalid, not gone, when its file can no longer be read, and changed when it is back as another', async () => {
    start();
    await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b') }));
    const broken = await compiler.compile(snapshot({ 'a.yaml': '}}}', 'b.yaml': service('b') }));
    expect(Object.keys(broken.invalid)).toEqual(['a']);
    expect(broken.valid).toEqual(['b']);
    expect(broken.doubtfulFiles).toEqual(['a.yaml']);
    const back = await compiler.compile(snapshot({ 'a.yaml': service('a', '  replicas: 3\n'), 'b.yaml': service('b') }));
    expect([names(back.changed), back.invalid]).toEqual([['a'], {}]);
  });
});

describe('a file that stalls the compiler', () => {
  const stalling = () => start({ workerUrl: new URL('./stalling-worker.ts', import.meta.url), fileDeadlineMs: 1_500 });

  it('is answered with an Issue, while all others compile', async () => {
    stalling();
    const { valid, invalid, issues } = await compiler.compile(
      snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b', '# STALL\n'), 'c.yaml': service('c') }),
    );
    expect(valid).toEqual(['a', 'c']);
    expect(Object.keys(invalid)).toEqual(['b']);
    expect(issues.map(({ code, file }) => [code, file])).toEqual([['CompileTimedOut', 'b.yaml']]);
  });

  it('is tried again once it has changed, and what did not change is not told again', async () => {
    stalling();
    await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b') }));
    const stalled = await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b', '# STALL\n') }));
    expect([stalled.changed, stalled.valid]).toEqual([[], ['a']]);
    const mended = await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b', '  replicas: 2\n') }));
    expect([names(mended.changed), mended.valid]).toEqual([['b'], ['a', 'b']]);
  });

  it('is set aside too when it ends the worker', async () => {
    stalling();
    const { valid, invalid } = await compiler.compile(snapshot({ 'a.yaml': service('a'), 'b.yaml': service('b', '# EXIT\n') }));
    expect([valid, Object.keys(invalid)]).toEqual([['a'], ['b']]);
  });

  it('does no lasting harm in a preview', async () => {
    stalling();
    await compiler.compile(snapshot({ 'a.yaml': service('a') }));
    const preview = await compiler.preview({ 'b.yaml': service('b', '# STALL\n') });
    expect([preview.valid, Object.keys(preview.invalid)]).toEqual([['a'], ['b']]);
    expect((await compiler.compile(snapshot({ 'a.yaml': service('a') }))).valid).toEqual(['a']);
  });
});

describe('asking without changing', () => {
  it('previews files written and deleted, and has forgotten them afterwards', async () => {
    start();
    const files = { 'a.yaml': service('a'), 'b.yaml': service('b') };
    await compiler.compile(snapshot(files));
    const preview = await compiler.preview({ 'a.yaml': null, 'b.yaml': service('b', '  replicas: 2\n'), 'c.yaml': service('c') });
    expect([names(preview.changed), preview.valid]).toEqual([
      ['b', 'c'],
      ['b', 'c'],
    ]);
    const after = await compiler.compile(snapshot(files));
    expect([after.changed, after.valid]).toEqual([[], ['a', 'b']]);
  });

  it('explains a field by its place', async () => {
    start();
    await compiler.compile(snapshot({ 'a.yaml': service('a', '  replicas: 2\n') }));
    expect(await compiler.explain('a', 'spec.replicas')).toEqual([
      { field: 'spec.replicas', value: 2, file: 'a.yaml', line: 6, column: 13, from: 'Service a', overrides: [] },
    ]);
    expect(await compiler.explain('nobody', null)).toEqual([]);
  });

  it('refuses after it was closed', async () => {
    start();
    await compiler.close();
    await expect(compiler.compile(snapshot({}))).rejects.toMatchObject({ code: 'Refused' });
  });
});
