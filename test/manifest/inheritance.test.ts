/** Templates and parameters: what a Service comes to, and where each of its fields comes from. */
import { describe, expect, it } from 'vitest';
import { defaultAnalysis, defaultCanarySteps } from '../../src/manifest/canary.ts';
import { mergeTrees } from '../../src/manifest/merge.ts';
import type { ProcessRun } from '../../src/model/revision.ts';
import { Workspace } from '../../src/manifest/workspace.ts';
import { migrationOf } from '../fixtures/migration.ts';
import { brief, bytesOf, compileTexts, root, service, template } from './compile.ts';

const uses = (templates: string, more: string) =>
  `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: user }\nspec:\n  extends: [${templates}]\n${more}`;

function compileUser(texts: Readonly<Record<string, string>>) {
  const { services, issues } = compileTexts(texts);
  const user = services.get('user');
  if (user === undefined) throw new Error(issues.map((issue) => `${brief(issue)} ${issue.message}`).join('\n'));
  return { user, run: user.revision.run as ProcessRun, issues };
}

describe('merging', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['maps deeply', { a: { x: 1, y: 1 } }, { a: { y: 2 } }, { a: { x: 1, y: 2 } }],
    ['scalars by replacing', { a: 1 }, { a: 'b' }, { a: 'b' }],
    ['a scalar over a map', { a: { x: 1 } }, { a: 1 }, { a: 1 }],
    ['plain lists by replacing', { a: [1, 2] }, { a: [3] }, { a: [3] }],
    [
      'lists of named objects by name, new ones last',
      { a: [{ name: 'x', v: 1, w: 1 }, { name: 'y' }] },
      { a: [{ name: 'z' }, { name: 'x', v: 2 }] },
      { a: [{ name: 'x', v: 2, w: 1 }, { name: 'y' }, { name: 'z' }] },
    ],
    ['an empty list over a named one by replacing', { a: [{ name: 'x' }] }, { a: [] }, { a: [] }],
    ['null by deleting', { a: { x: 1, y: 1 } }, { a: { x: null } }, { a: { y: 1 } }],
    ['null in data as a value', { arguments: { x: 1, y: 1 } }, { arguments: { x: null } }, { arguments: { x: null, y: 1 } }],
  ])('%s', (_, base, over, merged) => {
    const before = JSON.stringify(base);
    expect(mergeTrees(base, over)).toEqual(merged);
    expect(JSON.stringify(base)).toBe(before);
  });
});

describe('templates', () => {
  it('apply from left to right, parents first, and the Service last', () => {
    const { user, run } = compileUser({
      'base.yaml': template('base', '{}', '  run: { command: [base], env: { A: base, B: base, C: base, D: base } }\n'),
      'left.yaml': template('left', '{}', '  extends: [base]\n  run: { env: { B: left, C: left, D: left } }\n'),
      'right.yaml': template('right', '{}', '  run: { env: { C: right, D: right } }\n  replicas: 4\n'),
      'user.yaml': uses('left, right', '  run: { env: { D: user } }\n'),
    });
    expect([run.command, run.env, user.replicas]).toEqual([['base'], { A: 'base', B: 'left', C: 'right', D: 'user' }, 4]);
  });

  it('that share a parent do not let it undo what the first of them said', () => {
    const { run } = compileUser({
      'base.yaml': template('base', '{}', '  run: { command: [base], env: { A: base } }\n'),
      'left.yaml': template('left', '{}', '  extends: [base]\n  run: { env: { A: left } }\n'),
      'right.yaml': template('right', '{}', '  extends: [base]\n'),
      'user.yaml': uses('left, right', ''),
    });
    expect(run.env).toEqual({ A: 'left' });
  });

  it('can be taken back by null', () => {
    const { user, run } = compileUser({
      'base.yaml': template(
        'base',
        '{}',
        '  run: { command: [x], env: { A: a, B: b } }\n  health: { checks: [{ name: slow, type: performance, p95: 1s }] }\n',
      ),
      'user.yaml': uses('base', '  run: { env: { A: null } }\n  health: null\n'),
    });
    expect([run.env, user.health.checks]).toEqual([{ B: 'b' }, [{ name: 'alive', type: 'basic', timeoutMs: 10_000 }]]);
  });
});

describe('parameters', () => {
  const declared =
    '{ text: { type: string, default: d }, count: { type: integer, default: 2 }, list: { type: array, default: [p, q] }, on: { type: boolean, default: true } }';

  it('keep their type alone in a scalar, and become text inside text and wherever text belongs', () => {
    const { user, run } = compileUser({
      'base.yaml': template(
        'base',
        declared,
        '  run: { command: [x], args: "${params.list}", env: { N: "${params.count}", S: "n=${params.count},${params.on}" } }\n  replicas: ${params.count}\n  exclusive: ${params.on}\n',
      ),
      'user.yaml': uses('base', '  params: { count: 3 }\n'),
    });
    expect([run.command, run.env, user.replicas, run.exclusive]).toEqual([['x', 'p', 'q'], { N: '3', S: 'n=3,true' }, 3, true]);
  });

  it('may be made of others, of the name of the Service, and be given by a template on the way', () => {
    const { run } = compileUser({
      'base.yaml': template(
        'base',
        '{ dir: { type: string }, file: { type: string, default: "${params.dir}/${service.name}.db" } }',
        '  run: { command: [x, "${params.file}"] }\n',
      ),
      'middle.yaml': template('middle', '{}', '  extends: [base]\n  params: { dir: ./middle }\n'),
      'user.yaml': uses('middle', ''),
    });
    expect(run.command).toEqual(['x', './middle/user.db']);
  });

  it('leave what is known only at start, and literals, as they are', () => {
    const { run } = compileUser({
      'base.yaml': template(
        'base',
        declared,
        '  run: { command: [x, "${instance.port}", "$${HOME}/${params.text}", "$${instance.id}", "$5"], cwd: "${instance.dir}" }\n',
      ),
      'user.yaml': uses('base', ''),
    });
    expect([run.command, run.cwd]).toEqual([['x', '${instance.port}', '${HOME}/d', '$${instance.id}', '$5'], '${instance.dir}']);
  });

  it('reach into values that are maps', () => {
    const { run } = compileUser({
      'base.yaml': template(
        'base',
        '{ db: { type: object, default: { host: h, port: 5432 } } }',
        '  run: { command: [x, "${params.db.host}:${params.db.port}"] }\n',
      ),
      'user.yaml': uses('base', '  params: { db: { host: other, port: 5432 } }\n'),
    });
    expect(run.command[1]).toBe('other:5432');
  });
});

describe('a resolved Service', () => {
  it('of eight lines has every default', () => {
    const { services, issues } = compileTexts({ 'a.yaml': service('a') });
    expect(issues).toEqual([]);
    expect(services.get('a')).toEqual({
      name: 'a',
      labels: {},
      annotations: {},
      formerly: null,
      description: '',
      tags: [],
      type: 'server',
      state: 'Active',
      replicas: 1,
      affinity: 'session',
      limits: { startTimeoutMs: 30_000, stopTimeoutMs: 10_000, drainTimeoutMs: 30_000, callTimeoutMs: 60_000, maxConcurrentCalls: 64 },
      dependsOn: [],
      expose: { tools: { allow: ['*'], deny: [], rename: {} }, prefix: 'a' },
      health: {
        intervalMs: 30_000,
        checks: [{ name: 'alive', type: 'basic', timeoutMs: 10_000 }],
        failureThreshold: 3,
        successThreshold: 1,
      },
      migration: migrationOf({ canary: { steps: defaultCanarySteps, analysis: defaultAnalysis } }),
      revision: {
        name: expect.stringMatching(/^a-[0-9a-f]{8}$/),
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        run: {
          runtime: 'process',
          transport: 'stdio',
          command: ['node', 'a.js'],
          cwd: root,
          env: {},
          port: null,
          path: '/mcp',
          isolation: 'shared',
          sandbox: 'basic',
          exclusive: false,
          maxMessageBytes: 10 * 1024 * 1024,
        },
      },
      specHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      origin: { source: 'folder', snapshot: 's1', file: 'a.yaml', line: 1 },
    });
  });

  it('is a remote one when it has a url', () => {
    const { services } = compileTexts({ 'a.yaml': service('a', '', '{ url: "https://example.com/mcp", headers: { X-A: b } }') });
    expect([services.get('a')?.type, services.get('a')?.revision.run]).toEqual([
      'remote',
      {
        runtime: 'remote',
        transport: 'http',
        url: 'https://example.com/mcp',
        headers: { 'X-A': 'b' },
        allowPrivate: false,
        exclusive: false,
        maxMessageBytes: 10 * 1024 * 1024,
      },
    ]);
  });

  it('is exclusive when it says so or has a fixed port', () => {
    const exclusive = (more: string, run?: string) =>
      compileTexts({ 'a.yaml': service('a', more, run) }).services.get('a')?.revision.run.exclusive;
    expect(exclusive('')).toBe(false);
    expect(exclusive('  exclusive: true\n')).toBe(true);
    expect(exclusive('  transport: http\n', '{ command: [x], port: auto }')).toBe(false);
    expect(exclusive('  transport: http\n', '{ command: [x], port: 8080 }')).toBe(true);
  });

  const revisionOf = (more: string, run?: string) => compileTexts({ 'a.yaml': service('a', more, run) }).services.get('a')!.revision.hash;

  it.each([
    '  replicas: 3\n',
    '  description: other\n',
    '  limits: { callTimeout: 3s }\n',
    '  health: { interval: 5s }\n',
    '  migration: { progressDeadline: 1m }\n',
    '  state: Inactive\n',
  ])('keeps its Revision when only this changes: %j', (more) => expect(revisionOf(more)).toBe(revisionOf('')));

  it.each<[string, string?]>([
    ['', '{ command: [node, b.js] }'],
    ['', '{ command: [node, a.js], env: { A: b } }'],
    ['', '{ command: [node, a.js], cwd: sub }'],
    ['  session: { isolation: session }\n'],
    ['  security: { sandbox: none }\n'],
    ['  transport: http\n'],
    ['  exclusive: true\n'],
    ['  limits: { maxMessageBytes: 1Mi }\n'],
  ])('gets another Revision when this changes: %j %j', (more, run) => expect(revisionOf(more, run)).not.toBe(revisionOf('')));

  it('has one Revision however its arguments are split between command and args', () =>
    expect(revisionOf('', '{ command: [node], args: [a.js] }')).toBe(revisionOf('')));
});

describe('explaining a field', () => {
  const texts = {
    'base.yaml': template(
      'base',
      '{ wait: { type: string, default: 5s } }',
      '  run: { command: [x] }\n  limits: { callTimeout: "${params.wait}", stopTimeout: 1s }\n  health: { checks: [{ name: alive, type: basic }] }\n',
    ),
    'user.yaml': uses(
      'base',
      '  params: { wait: 9s }\n  limits: { stopTimeout: 2s }\n  health: { checks: [{ name: more, type: basic }, { name: alive, timeout: 3s }] }\n',
    ),
  };
  const explain = (field: string | null) => {
    const workspace = new Workspace('folder', root);
    workspace.update(Object.entries(texts).map(([path, text]) => ({ path, bytes: bytesOf(text) })));
    workspace.compile('s1');
    return workspace.explain('user', field);
  };

  it('names the place of the winning value and of those it overrode', () => {
    expect(explain('spec.limits.stopTimeout')).toEqual([
      {
        field: 'spec.limits.stopTimeout',
        value: '2s',
        file: 'user.yaml',
        line: 7,
        column: 26,
        from: 'Service user',
        overrides: [{ value: '1s', file: 'base.yaml', line: 7, column: 57, from: 'ServiceTemplate base' }],
      },
    ]);
  });

  it('shows the value that a parameter gave, at the place that used it, and the parameter with its default', () => {
    expect(explain('limits.callTimeout')).toMatchObject([{ value: '9s', file: 'base.yaml', line: 7, overrides: [] }]);
    expect(explain('params')).toMatchObject([
      { field: 'spec.params.wait', value: '9s', file: 'user.yaml', line: 6, overrides: [{ value: '5s', file: 'base.yaml', line: 4 }] },
    ]);
  });

  it('follows entries of lists merged by name', () => {
    expect(explain('health.checks[0]').map(({ field, file, value }) => [field, file, value])).toEqual([
      ['spec.health.checks[0].name', 'user.yaml', 'alive'],
      ['spec.health.checks[0].type', 'base.yaml', 'basic'],
      ['spec.health.checks[0].timeout', 'user.yaml', '3s'],
    ]);
  });

  it('says default where nobody said anything, and knows every field', () => {
    expect(explain('replicas')).toEqual([
      { field: 'spec.replicas', value: 1, file: '', line: 0, column: 0, from: 'default', overrides: [] },
    ]);
    expect(explain(null).length).toBeGreaterThan(25);
    expect(explain('nothing.of.that.name')).toEqual([]);
  });
});
