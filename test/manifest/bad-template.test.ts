/** What bad templates and parameters get: an Issue at the place where it stands, and users that are told why they are not valid. */
import { describe, expect, it } from 'vitest';
import { brief, compileTexts, service, template } from './compile.ts';

describe('a bad template', () => {
  const params = '{ root: { type: string, default: ./data } }';
  const uses = (more = '', given = '') =>
    `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: user }\nspec:\n  extends: [base]\n${given}${more}`;

  it('an undefined variable: the chain, and the nearest there is', () => {
    const { issues, invalid } = compileTexts({
      't.yaml': template('base', params, '  run: { command: [x, "${params.rot}"] }\n'),
      's.yaml': uses(),
    });
    expect(issues.map(brief)).toEqual(['UnknownVariable t.yaml:6:23 spec.run.command[1]']);
    expect([issues[0]!.message, issues[0]!.suggestion]).toEqual([
      expect.stringContaining('ServiceTemplate base → Service user'),
      '${params.root}',
    ]);
    expect([...invalid.keys()]).toEqual(['user']);
  });

  it('templates that extend each other: the circle', () => {
    const { issues } = compileTexts({
      'a.yaml': template('base', '{}', '  extends: [middle]\n'),
      'b.yaml': template('middle', '{}', '  extends: [base]\n'),
      's.yaml': uses('  run: { command: [x] }\n'),
    });
    expect(issues.map(brief)).toEqual([
      'TemplateCycle a.yaml:6:13 spec.extends[0]',
      'TemplateCycle b.yaml:6:13 spec.extends[0]',
      'TemplateCycle s.yaml:5:13 spec.extends[0]',
    ]);
    expect(issues[2]!.message).toContain('base → middle → base');
  });

  it('parameters that refer to each other: the circle', () => {
    const { issues } = compileTexts({
      't.yaml': template(
        'base',
        '{ a: { type: string, default: "${params.b}" }, b: { type: string, default: "${params.a}" } }',
        '  run: { command: [x, "${params.a}"] }\n',
      ),
      's.yaml': uses(),
    });
    expect(issues.map(({ code }) => code)).toContain('ParameterCycle');
    expect(issues.find(({ code }) => code === 'ParameterCycle')!.message).toContain('→');
  });

  it('an expansion of more than 1 MiB', () => {
    const twice = Array.from(
      { length: 24 },
      (_, index) => `p${index + 1}: { type: string, default: "\${params.p${index}}\${params.p${index}}" }`,
    );
    const { issues } = compileTexts({
      't.yaml': template(
        'base',
        `{ p0: { type: string, default: ha }, ${twice.join(', ')} }`,
        '  run: { command: [x, "${params.p24}"] }\n',
      ),
      's.yaml': uses(),
    });
    expect(issues.map(({ code }) => code)).toContain('ExpansionTooLarge');
  });

  it.each(['../../etc/passwd', 'a/../../b', '..', '--root=../x'])('a parameter that climbs out: %s', (value) => {
    const { issues } = compileTexts({
      't.yaml': template('base', params, '  run: { command: [x], args: ["./${params.root}"] }\n'),
      's.yaml': uses('', `  params: { root: "${value}" }\n`),
    });
    expect(issues.map(brief)).toEqual(['PathOutsideSource s.yaml:6:19 spec.params.root']);
  });

  it.each(['params.__proto__', 'params.root.constructor', 'constructor', 'params.prototype.x'])(
    'a look at the prototype: ${%s}',
    (expression) => {
      const { issues } = compileTexts({
        't.yaml': template('base', params, `  run: { command: [x, "\${${expression}}"] }\n`),
        's.yaml': uses(),
      });
      expect(issues.map(brief)).toEqual(['ForbiddenKey t.yaml:6:23 spec.run.command[1]']);
    },
  );

  it.each(['params.toString', 'params.root.length', 'process.env.HOME', 'params', 'instance.secret', ''])(
    'a look at what is no parameter: ${%s}',
    (expression) => {
      const { issues } = compileTexts({
        't.yaml': template('base', params, `  run: { command: [x, "\${${expression}}"] }\n`),
        's.yaml': uses(),
      });
      expect(issues.map(brief)).toEqual(['UnknownVariable t.yaml:6:23 spec.run.command[1]']);
    },
  );

  it('a parameter that is missing, of the wrong type, or declared by nobody', () => {
    const declared = '{ path: { type: string }, count: { type: integer, maximum: 9 } }';
    const { issues } = compileTexts({
      't.yaml': template('base', declared, '  run: { command: [x, "${params.path}"] }\n  replicas: ${params.count}\n'),
      's.yaml': uses('', '  params: { count: 10, conut: 2 }\n'),
    });
    expect(issues.map(brief)).toEqual([
      'MissingParameter s.yaml:6:11 spec.params.path',
      'InvalidParameter s.yaml:6:20 spec.params.count',
      'UnknownParameter s.yaml:6:24 spec.params.conut',
    ]);
    expect(issues[2]!.suggestion).toBe('count');
  });

  it('that is not valid takes its users with it, each with a pointer to it, and nobody else', () => {
    const { services, issues } = compileTexts({
      't.yaml': template('base', '{}', '  replicas: lots\n'),
      's.yaml': uses('  run: { command: [x] }\n'),
      'o.yaml': service('other'),
    });
    expect([...services.keys()]).toEqual(['other']);
    expect(issues.map(brief)).toEqual(['InvalidTemplate s.yaml:5:13 spec.extends[0]', 'InvalidValue t.yaml:6:13 spec.replicas']);
    expect(issues[0]!.message).toContain('t.yaml:6:13');
  });

  it('that does not exist, with the nearest that does', () => {
    const { issues } = compileTexts({ 't.yaml': template('bass', '{}', '  replicas: 2\n'), 's.yaml': uses('  run: { command: [x] }\n') });
    expect([issues.map(brief), issues[0]!.suggestion]).toEqual([['UnknownTemplate s.yaml:5:13 spec.extends[0]'], 'bass']);
  });

  it('a value that becomes wrong only by its parameter is told where it stands', () => {
    const { issues } = compileTexts({
      't.yaml': template('base', '{ wait: { type: string } }', '  run: { command: [x] }\n  limits: { callTimeout: "${params.wait}" }\n'),
      's.yaml': uses('', '  params: { wait: soon }\n'),
    });
    expect(issues.map(brief)).toEqual(['InvalidDuration t.yaml:7:26 spec.limits.callTimeout']);
  });

  it('a parameter inside a shell script, or one that a program would read as an option', () => {
    const shell = compileTexts({
      't.yaml': template('base', params, '  run: { command: [sh, -c, "ls ${params.root}"] }\n'),
      's.yaml': uses(),
    });
    expect(shell.issues.map(brief)).toEqual(['ShellInterpolation t.yaml:6:19 spec.run.command']);
    const option = compileTexts({
      't.yaml': template('base', params, '  run: { command: [x, "${params.root}"] }\n'),
      's.yaml': uses('', '  params: { root: --evil }\n'),
    });
    expect(option.issues.map(brief)).toEqual(['OptionInjection s.yaml:6:19 spec.params.root']);
  });

  it('a parameter never becomes other YAML, and never a placeholder', () => {
    const { services } = compileTexts({
      't.yaml': template('base', '{ text: { type: string } }', '  run: { command: [x, "${params.text}"] }\n'),
      's.yaml': uses('', '  params: { text: "]}\\nreplicas: 9 # $${service.name}" }\n'),
    });
    expect([services.get('user')!.replicas, services.get('user')!.revision.run]).toEqual([
      1,
      expect.objectContaining({ command: ['x', ']}\nreplicas: 9 # ${service.name}'] }),
    ]);
  });
});
