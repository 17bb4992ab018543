/** Laying changes into files: what is not spoken of stays byte for byte. */
import { describe, expect, it } from 'vitest';
import { applyProposal } from '../../src/manifest/edit.ts';
import { bytesOf, compileTexts, service, template } from './compile.ts';

function edit(
  texts: Readonly<Record<string, string>>,
  { files = {}, deletions = [], prune = false }: { files?: Record<string, string>; deletions?: string[]; prune?: boolean },
) {
  const current = Object.entries(texts).map(([path, text]) => ({ path, bytes: bytesOf(text) }));
  return applyProposal(current, { files, deletions, prune });
}

const schemaLine = '# yaml-language-server: $schema=service.schema.json\n';
const three = `${schemaLine}${service('a')}---\n# about b\n${service('b')}\n# after b\n--- # c follows\n${service('c')}`;

describe('a document that is there', () => {
  it('is replaced where it stands; comments before it stay, and the documents around it', () => {
    const { files } = edit({ 'all.yaml': three }, { files: { 'x.yaml': service('b', '  replicas: 2\n') } });
    expect(files).toEqual({
      'all.yaml': `${schemaLine}${service('a')}---\n# about b\n${service('b', '  replicas: 2\n')}--- # c follows\n${service('c')}`,
    });
    expect(compileTexts({ 'all.yaml': files['all.yaml']! }).services.get('b')?.replicas).toBe(2);
  });

  it('is replaced with the comments that the new one has', () => {
    const { files } = edit({ 'a.yaml': `# old\n${service('a')}` }, { files: { 'x.yaml': `# new\n${service('a', '  replicas: 2\n')}` } });
    expect(files).toEqual({ 'a.yaml': `# new\n${service('a', '  replicas: 2\n')}` });
  });

  it('is left alone when it is the same', () => {
    expect(edit({ 'a.yaml': `\n${service('a')}\n\n` }, { files: { 'x.yaml': service('a') } })).toEqual({ files: {}, prunes: [] });
  });

  it('is replaced in a file with line ends of Windows by one with the same', () => {
    const { files } = edit({ 'a.yaml': service('a').replaceAll('\n', '\r\n') }, { files: { 'x.yaml': service('a', '  replicas: 2\n') } });
    expect(files['a.yaml']).toBe(service('a', '  replicas: 2\n').replaceAll('\n', '\r\n'));
  });

  it('is replaced in a JSON file by JSON', () => {
    const json = JSON.stringify({
      apiVersion: 'fairlead.dev/v1alpha1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec: { run: { command: ['x'] } },
    });
    const { files } = edit({ 'a.json': json }, { files: { 'x.yaml': service('a', '  replicas: 2\n') } });
    expect(JSON.parse(files['a.json']!)).toMatchObject({ metadata: { name: 'a' }, spec: { replicas: 2 } });
  });

  it('is replaced though it can no longer be read', () => {
    const { files } = edit({ 'a.yaml': service('a', '  - "\n') }, { files: { 'x.yaml': service('a') } });
    expect(files).toEqual({ 'a.yaml': service('a') });
  });

  it('is told from a template of the same name', () => {
    const { files } = edit(
      { 't.yaml': template('a', '{}', '  replicas: 1\n'), 's.yaml': service('a') },
      { files: { 'x.yaml': template('a', '{}', '  replicas: 3\n') } },
    );
    expect(Object.keys(files)).toEqual(['t.yaml']);
  });
});

describe('a document that is new', () => {
  it('gets a file of its own, each of several', () => {
    const { files } = edit({ 'a.yaml': service('a') }, { files: { 'x.yaml': `${service('b')}---\n${service('c')}` } });
    expect(files).toEqual({ 'b.yaml': service('b'), 'c.yaml': service('c') });
  });

  it('does not take the file of another', () => {
    const { files } = edit({ 'b.yaml': service('a') }, { files: { 'x.yaml': service('b') } });
    expect(Object.keys(files)).toEqual(['b-2.yaml']);
  });

  it('that cannot be told apart goes in whole under its own name, for the compiler to refuse', () => {
    const { files } = edit({}, { files: { '../somewhere/x.yaml': 'kind: Service\nmetadata: { name: ../../etc }\n' } });
    expect(Object.keys(files)).toEqual(['x.yaml']);
    expect(compileTexts(files as Record<string, string>).issues.some(({ severity }) => severity === 'error')).toBe(true);
  });
});

describe('a deletion', () => {
  it.each([
    ['a', `${service('b')}---\n${service('c')}`],
    ['b', `${service('a')}---\n${service('c')}`],
    ['c', `${service('a')}---\n${service('b')}`],
  ])('of %s among three leaves the two others', (name, rest) => {
    const { files } = edit({ 'all.yaml': [service('a'), service('b'), service('c')].join('---\n') }, { deletions: [name] });
    expect(files).toEqual({ 'all.yaml': rest });
    expect(compileTexts({ 'all.yaml': files['all.yaml']! }).issues).toEqual([]);
  });

  it('of the only one deletes the file, though comments are left', () => {
    expect(edit({ 'a.yaml': `# only this\n---\n${service('a')}`, 'b.yaml': service('b') }, { deletions: ['a'] }).files).toEqual({
      'a.yaml': null,
    });
  });

  it('of what nobody declares is an error', () => {
    expect(() => edit({ 'a.yaml': service('a') }, { deletions: ['b'] })).toThrow(expect.objectContaining({ code: 'NotFound' }));
  });

  it('by prune takes every Service that is not named, and no template', () => {
    const texts = { 'a.yaml': service('a'), 'b.yaml': service('b'), 't.yaml': template('t', '{}', '  replicas: 1\n') };
    expect(edit(texts, { files: { 'x.yaml': service('a') }, prune: true })).toEqual({ files: { 'b.yaml': null }, prunes: ['b'] });
  });
});
