/** Manifests that are good each by itself and wrong together: each is told of the others, and what stands beside them goes on. */
import { describe, expect, it } from 'vitest';
import { brief, compileTexts, service } from './compile.ts';

describe('manifests that only together are wrong', () => {
  it('two Services of one name: both files named, neither taken', () => {
    const { services, invalid, issues } = compileTexts({
      'a.yaml': service('same'),
      'b.yaml': service('same'),
      'c.yaml': service('other'),
    });
    expect([...services.keys()]).toEqual(['other']);
    expect([...invalid.keys()]).toEqual(['same']);
    expect(issues.map(brief)).toEqual(['DuplicateService a.yaml:3:19 metadata.name', 'DuplicateService b.yaml:3:19 metadata.name']);
    expect(issues.map(({ message }) => message)).toEqual([expect.stringContaining('b.yaml:1'), expect.stringContaining('a.yaml:1')]);
  });

  it('a circle of dependencies: its path printed at each Service in it, those beside it untouched', () => {
    const needs = (name: string, other: string) => service(name, `  dependsOn: [{ service: ${other} }]\n`);
    const { services, issues } = compileTexts({
      'a.yaml': needs('a', 'b'),
      'b.yaml': needs('b', 'c'),
      'c.yaml': needs('c', 'a'),
      'd.yaml': needs('d', 'a'),
    });
    expect([...services.keys()]).toEqual(['d']);
    expect(issues.map(brief)).toEqual(['a', 'b', 'c'].map((name) => `DependencyCycle ${name}.yaml:6:26 spec.dependsOn[0].service`));
    expect(issues.map(({ message }) => message)).toEqual([
      expect.stringContaining('a → b → c → a'),
      expect.stringContaining('b → c → a → b'),
      expect.stringContaining('c → a → b → c'),
    ]);
  });

  it('a Service that depends on itself', () => {
    const { issues } = compileTexts({ 'a.yaml': service('a', '  dependsOn: [{ service: a }]\n') });
    expect(issues.map(brief)).toEqual(['DependencyCycle a.yaml:6:26 spec.dependsOn[0].service']);
  });

  it('a dependency that nobody declares: a warning, it waits', () => {
    const { services, issues } = compileTexts({
      'a.yaml': service('a', '  dependsOn: [{ service: fils }]\n'),
      'files.yaml': service('files'),
    });
    expect(services.has('a')).toBe(true);
    expect(issues.map((issue) => [brief(issue), issue.severity, issue.suggestion])).toEqual([
      ['UnknownDependency a.yaml:6:26 spec.dependsOn[0].service', 'warning', 'files'],
    ]);
  });

  it('two Services on one port: both named', () => {
    const fixed = (name: string) => service(name, '  transport: http\n', '{ command: [x], port: 8080 }');
    const { services, issues } = compileTexts({
      'a.yaml': fixed('a'),
      'b.yaml': fixed('b'),
      'c.yaml': service('c', '  transport: http\n'),
    });
    expect([...services.keys()]).toEqual(['c']);
    expect(issues.map(brief)).toEqual(['PortConflict a.yaml:5:30 spec.run.port', 'PortConflict b.yaml:5:30 spec.run.port']);
    expect(issues[0]!.message).toContain('`b` (b.yaml:1)');
  });

  it('two Services with one prefix', () => {
    const { issues } = compileTexts({ 'a.yaml': service('a', '  expose: { prefix: b }\n'), 'b.yaml': service('b') });
    expect(issues.map(brief)).toEqual(['PrefixConflict a.yaml:6:21 spec.expose.prefix', 'PrefixConflict b.yaml:5:3 spec.expose.prefix']);
  });
});
