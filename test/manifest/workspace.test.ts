/** A Workspace over time: what did not change is not looked at again, and keeps its identity. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Workspace } from '../../src/manifest/workspace.ts';
import { brief, bytesOf, root, service, template } from './compile.ts';

const uses = (name: string, base: string) =>
  `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  extends: [${base}]\n`;

describe('a workspace', () => {
  let workspace: Workspace;
  let touched: string[];
  const put = (texts: Readonly<Record<string, string | null>>, snapshot = 's') => {
    touched = [];
    const files = Object.entries(texts).flatMap(([path, text]) => (text === null ? [] : [{ path, bytes: bytesOf(text) }]));
    const removed = Object.keys(texts).filter((path) => texts[path] === null);
    workspace.update(files, removed, root, (path) => touched.push(path));
    return workspace.compile(snapshot);
  };
  beforeEach(() => {
    workspace = new Workspace('folder', root);
    put(
      {
        'one.yaml': template('one', '{}', '  run: { command: [one] }\n'),
        'two.yaml': template('two', '{}', '  run: { command: [two] }\n'),
        'a.yaml': uses('a', 'one'),
        'b.yaml': uses('b', 'two'),
        'c.yaml': service('c'),
      },
      's1',
    );
  });

  it('reads no file again that has the same contents, and answers with the same Services', () => {
    const before = workspace.compile('s1');
    const after = put({ 'c.yaml': service('c') }, 's2');
    expect(touched).toEqual([]);
    expect(after).toBe(before);
  });

  it('resolves only the Service whose file changed', () => {
    const before = workspace.compile('s1').services;
    const after = put({ 'c.yaml': service('c', '  replicas: 2\n') }, 's2').services;
    expect(touched).toEqual(['c.yaml']);
    expect([...after.keys()].filter((name) => after.get(name) !== before.get(name))).toEqual(['c']);
    expect([after.get('a')!.origin.snapshot, after.get('c')!.origin.snapshot]).toEqual(['s1', 's2']);
  });

  it('resolves only the users of a template that changed', () => {
    const before = workspace.compile('s1').services;
    const after = put({ 'one.yaml': template('one', '{}', '  run: { command: [another] }\n') }).services;
    expect([...after.keys()].filter((name) => after.get(name) !== before.get(name))).toEqual(['a']);
  });

  it('keeps a Service as it was when only its comments changed', () => {
    const before = workspace.compile('s1').services.get('c');
    expect(put({ 'c.yaml': `${service('c')}# a comment\n` }, 's2').services.get('c')).toBe(before);
    expect(put({ 'c.yaml': `# a comment\n${service('c')}` }, 's3').services.get('c')).toMatchObject({
      specHash: before!.specHash,
      origin: { line: 2 },
    });
  });

  it('takes a template going and coming', () => {
    expect(put({ 'one.yaml': null }).issues.map(brief)).toEqual(['UnknownTemplate a.yaml:5:13 spec.extends[0]']);
    expect([...put({ 'one.yaml': template('one', '{}', '  run: { command: [one] }\n') }).services.keys()]).toEqual(['a', 'b', 'c']);
  });

  it('knows from before what a file declares that can no longer be read', () => {
    const broken = put({ 'c.yaml': '}' });
    expect([[...broken.invalid.keys()], broken.doubtfulFiles]).toEqual([['c'], ['c.yaml']]);
    const still = put({ 'c.yaml': '}}' });
    expect([...still.invalid.keys()]).toEqual(['c']);
    expect(put({ 'c.yaml': null }).invalid.size).toBe(0);
  });

  it('takes no Service for gone, wherever its file is cut off', () => {
    const whole = service('c');
    for (let length = 0; length < whole.length; length++) {
      const { services, invalid } = put({ 'c.yaml': whole.slice(0, length) });
      expect([length, services.has('c') || invalid.has('c')]).toEqual([length, true]);
    }
    const { services, invalid } = put({ 'c.yaml': whole });
    expect([[...services.keys()], [...invalid.keys()]]).toEqual([['a', 'b', 'c'], []]);
  });

  it.each([
    ['an unknown kind', 'apiVersion: fairlead.dev/v1alpha1\nkind: Serv\n', ['c']],
    ['another name and an error', service('other').replace('command', 'comand'), ['c', 'other']],
    ['comments only', '# gone for good\n', []],
    ['another Service, without an error', service('other'), []],
  ])('a file that came to hold %s', (_, text, invalid) => {
    expect([...put({ 'c.yaml': text }).invalid.keys()].sort()).toEqual(invalid);
  });

  it('takes a Service that moved out of a file in doubt from where it is now', () => {
    const { services, invalid } = put({ 'c.yaml': 'apiVersion: fairlead.dev/v1alpha1\nkind: Serv\n', 'd.yaml': service('c') });
    expect([services.get('c')?.origin.file, [...invalid.keys()]]).toEqual(['d.yaml', []]);
  });

  it('calls the Service of a file that may not be read invalid, not gone', () => {
    workspace.update([{ path: 'c.yaml', bytes: new Uint8Array(), hash: 'x', problem: 'EACCES: permission denied' }]);
    const { invalid, issues, services } = workspace.compile('s2');
    expect([[...invalid.keys()], issues.map(brief), [...services.keys()]]).toEqual([['c'], ['UnreadableFile c.yaml:1:1'], ['a', 'b']]);
  });

  it('lets a fork go its own way', () => {
    const before = workspace.compile('s1');
    const fork = workspace.fork();
    fork.update([{ path: 'd.yaml', bytes: bytesOf(service('d')) }], ['c.yaml']);
    expect([...fork.compile('s2').services.keys()]).toEqual(['a', 'b', 'd']);
    expect(workspace.compile('s1')).toBe(before);
  });

  it('is empty only when no file holds a manifest at all', () => {
    expect(put({ 'one.yaml': null, 'two.yaml': null, 'a.yaml': null, 'b.yaml': null }).empty).toBe(false);
    expect(put({ 'c.yaml': '# none\n' }).empty).toBe(true);
    expect(put({ 'c.yaml': 'apiVersion: fairlead.dev/v1alpha1\nkind: Controller\nspec: {}\n' }).empty).toBe(true);
    expect(put({ 'c.yaml': '}' }).empty).toBe(false);
  });
});
