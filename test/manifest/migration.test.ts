/** `spec.migration`: what each strategy's block comes to, what stands in for what is not said, and where each field comes from. */
import { readFileSync } from 'node:fs';
import { check, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import serviceSchema from '../../schemas/service.schema.json' with { type: 'json' };
import { defaultAnalysis, defaultCanarySteps } from '../../src/manifest/canary.ts';
import { readLockFile } from '../../src/manifest/lock-file.ts';
import { manifestText, specOfService } from '../../src/manifest/spec.ts';
import { parseShare, shareText } from '../../src/manifest/units.ts';
import { Workspace } from '../../src/manifest/workspace.ts';
import type { Migration, Service } from '../../src/model/service.ts';
import { brief, bytesOf, compileTexts, root, service, template } from './compile.ts';

const checks = `  health:
    checks:
      - { name: alive, type: basic }
      - { name: lists-root, type: functional, tool: list_directory }
      - { name: reads, type: functional, tool: read_file }
`;

/** The block of the design of manifests, with all that the format has. */
const whole = `  migration:
    strategy: canary
    progressDeadline: 10m
    rollback: { automatic: true, window: 3, ifUnhealthyWithin: 15m }
    contract: { breaking: block, descriptions: warn, drift: quarantine, approved: 9c1f0a42d7be }
    releaseTogether: storefront
    canary:
      steps:
        - { shadow: { for: 1m, tools: [get_*, read_file], percent: 50, maxDifferent: 5% } }
        - { setReplicas: 1 }
        - { setWeight: 10 }
        - { pause: { duration: 1m } }
        - { setWeight: 50 }
        - { analysis: { for: 2m } }
        - { pause: {} }
      analysis:
        interval: 10s
        minCalls: 30
        failureLimit: 2
        checks:
          - { errorRate: { max: 2%, versusStable: 1.5x } }
          - { protocolErrorRate: { max: 0.5% } }
          - { toolErrorRate: { versusStable: 2x } }
          - { p50: { max: 100ms } }
          - { p95: { versusStable: 1.3x } }
          - { p99: { max: 1m30s, versusStable: 3x } }
          - { prometheus: { name: orders, url: "http://prometheus:9090", query: "sum(rate(orders[1m]))", min: -1, max: 0.5, timeout: 2s } }
          - { http: { name: status, url: "https://status.example.com/x" } }
`;

const blueGreen =
  '  migration: { strategy: blue-green, blueGreen: { autoPromote: false, prePromotion: [alive, functional], keepOldFor: 0s } }\n';
const rolling = '  replicas: 4\n  migration: { strategy: rolling, rolling: { maxSurge: 25%, maxUnavailable: 2 } }\n';

function compiled(more: string): Service {
  const { services, issues } = compileTexts({ 'a.yaml': service('a', more) });
  expect(issues.filter(({ code }) => code !== 'GroupOfOne').map((issue) => `${brief(issue)} ${issue.message}`)).toEqual([]);
  return services.get('a')!;
}

const migrationIn = (more: string): Migration => compiled(more).migration;

describe('a migration', () => {
  it('that says everything comes out whole, in plain units', () => {
    expect(migrationIn(`${checks}${whole}`)).toEqual({
      strategy: 'canary',
      progressDeadlineMs: 600_000,
      rollback: { automatic: true, window: 3, ifUnhealthyWithinMs: 900_000 },
      contract: { breaking: 'block', descriptions: 'warn', drift: 'quarantine', approved: '9c1f0a42d7be' },
      releaseTogether: 'storefront',
      rolling: { maxSurge: { count: 1 }, maxUnavailable: { count: 0 } },
      blueGreen: { autoPromote: true, prePromotion: ['lists-root', 'reads'], keepOldForMs: 30_000 },
      canary: {
        steps: [
          { type: 'shadow', forMs: 60_000, tools: ['get_*', 'read_file'], percent: 50, maxDifferent: 0.05 },
          { type: 'setReplicas', replicas: 1 },
          { type: 'setWeight', weight: 10 },
          { type: 'pause', durationMs: 60_000 },
          { type: 'setWeight', weight: 50 },
          { type: 'analysis', forMs: 120_000 },
          { type: 'pause', durationMs: null },
        ],
        analysis: {
          intervalMs: 10_000,
          minCalls: 30,
          failureLimit: 2,
          checks: [
            { type: 'errorRate', name: 'errorRate', of: 'all', max: 0.02, versusStable: 1.5 },
            { type: 'errorRate', name: 'protocolErrorRate', of: 'protocol', max: 0.005, versusStable: null },
            { type: 'errorRate', name: 'toolErrorRate', of: 'tool', max: null, versusStable: 2 },
            { type: 'latency', name: 'p50', quantile: 0.5, maxMs: 100, versusStable: null },
            { type: 'latency', name: 'p95', quantile: 0.95, maxMs: null, versusStable: 1.3 },
            { type: 'latency', name: 'p99', quantile: 0.99, maxMs: 90_000, versusStable: 3 },
            {
              type: 'prometheus',
              name: 'orders',
              url: 'http://prometheus:9090',
              query: 'sum(rate(orders[1m]))',
              min: -1,
              max: 0.5,
              timeoutMs: 2_000,
            },
            { type: 'http', name: 'status', url: 'https://status.example.com/x', min: null, max: null, timeoutMs: 5_000 },
          ],
        },
      },
      stepsHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('that says nothing is in-place, blocks what is breaking, and does not return by itself after promotion', () => {
    const { strategy, rollback, contract, releaseTogether } = migrationIn('');
    expect({ strategy, rollback, contract, releaseTogether }).toEqual({
      strategy: 'in-place',
      rollback: { automatic: true, window: 3, ifUnhealthyWithinMs: 0 },
      contract: { breaking: 'block', descriptions: 'warn', drift: 'warn', approved: null },
      releaseTogether: null,
    });
  });

  it('of strategy canary alone has the default steps and analysis', () => {
    const { canary } = migrationIn('  migration: { strategy: canary }\n');
    expect(canary).toEqual({ steps: defaultCanarySteps, analysis: defaultAnalysis });
    expect(canary.steps.map(({ type }) => type)).toContain('analysis');
    expect(canary.analysis.checks.length).toBeGreaterThan(0);
  });

  it('with one field of an analysis has the others by default', () => {
    const { analysis } = migrationIn('  migration: { strategy: canary, canary: { analysis: { minCalls: 5 } } }\n').canary;
    expect(analysis).toEqual({ ...defaultAnalysis, minCalls: 5 });
  });

  it('of strategy blue-green checks what is functional through the preview route, unless told otherwise', () => {
    const asked = (words: string) =>
      migrationIn(`${checks}  migration: { strategy: blue-green${words === '' ? '' : `, blueGreen: { prePromotion: ${words} }`} }\n`)
        .blueGreen.prePromotion;
    expect([asked(''), asked('[basic]'), asked('[reads, functional]'), asked('[]')]).toEqual([
      ['lists-root', 'reads'],
      ['alive'],
      ['reads', 'lists-root'],
      [],
    ]);
  });

  it('takes a check by its name before a type of that name', () => {
    const more = `  health: { checks: [{ name: functional, type: basic }, { name: works, type: functional, tool: t }] }
  migration: { strategy: blue-green, blueGreen: { prePromotion: [functional] } }\n`;
    expect(migrationIn(more).blueGreen.prePromotion).toEqual(['functional']);
  });

  it('of strategy rolling takes counts and shares', () => {
    expect(migrationIn(rolling).rolling).toEqual({ maxSurge: { share: 0.25 }, maxUnavailable: { count: 2 } });
  });
});

describe('the hash of the steps', () => {
  const hash = (fields: string) =>
    compileTexts({ 'a.yaml': service('a', `  migration: ${fields}\n`) }).services.get('a')!.migration.stepsHash;
  const canary = '{ strategy: canary, canary: { steps: [{ setWeight: 10 }] } }';

  it.each([
    ['the limits of an analysis', '{ strategy: canary, canary: { steps: [{ setWeight: 10 }], analysis: { minCalls: 99 } } }'],
    ['the deadline', '{ strategy: canary, progressDeadline: 3m, canary: { steps: [{ setWeight: 10 }] } }'],
    ['a block that the strategy does not read', '{ strategy: canary, canary: { steps: [{ setWeight: 10 }] }, rolling: { maxSurge: 9 } }'],
    ['the contract policy', '{ strategy: canary, contract: { breaking: warn }, canary: { steps: [{ setWeight: 10 }] } }'],
  ])('is not changed by %s', (_, changed) => expect(hash(changed)).toBe(hash(canary)));

  it('is changed by another strategy, another step, another block of the strategy', () => {
    const hashes = [
      '{}',
      canary,
      '{ strategy: canary, canary: { steps: [{ setWeight: 11 }] } }',
      '{ strategy: rolling }',
      '{ strategy: rolling, rolling: { maxSurge: 2 } }',
      '{ strategy: blue-green }',
      '{ strategy: blue-green, blueGreen: { autoPromote: false } }',
    ].map(hash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('does not change what runs: another strategy is the same Revision', () => {
    expect(compiled(rolling).revision).toEqual(compiled('').revision);
  });

  it('a block that the strategy does not read changes nothing of the Service', () => {
    const { services } = compileTexts({ 'a.yaml': service('a', '  migration: { canary: { steps: [{ setWeight: 10 }] } }\n') });
    expect(services.get('a')!.specHash).toBe(compiled('').specHash);
  });
});

describe('a migration written back', () => {
  it.each([
    ['with everything', `${checks}${whole}`],
    ['of strategy blue-green', `${checks}${blueGreen}`],
    ['of strategy rolling', rolling],
    ['of strategy canary by default', '  migration: { strategy: canary }\n'],
    [
      'with placeholders that are none',
      '  migration: { strategy: canary, canary: { steps: [{ shadow: { for: 1s, tools: ["$${x}*"] } }] } }\n',
    ],
  ])('%s comes back as the same', (_, more) => {
    const before = compiled(more);
    const { services } = compileTexts({ 'b.yaml': manifestText(before, root) });
    expect(services.get('a')?.migration).toEqual(before.migration);
  });

  it('has every share of up to four decimals as it was', () => {
    const tenThousandths = nat(1_000_000);
    const outcome = check(
      property(tenThousandths, (count) => parseShare(shareText(count / 1_000_000)) === parseShare(`${count / 10_000}%`)),
    );
    expect(outcome.counterexample).toBeNull();
  });

  it('says only the block that its strategy reads', () => {
    expect(Object.keys(specOfService(compiled(rolling))['migration'] as object)).toEqual([
      'strategy',
      'progressDeadline',
      'rollback',
      'contract',
      'rolling',
    ]);
  });
});

describe('where a field of a migration comes from', () => {
  const explained = (texts: Readonly<Record<string, string>>, field: string) => {
    const workspace = new Workspace('folder', root);
    workspace.update(Object.entries(texts).map(([path, text]) => ({ path, bytes: bytesOf(text) })));
    workspace.compile('s1');
    return workspace
      .explain('a', field)
      .map(({ field: name, value, file, line, column, from }) => ({ name, value, file, line, column, from }));
  };

  it('a step of a canary, by its line', () => {
    const more = '  migration:\n    strategy: canary\n    canary:\n      steps:\n        - setWeight: 10\n        - pause: {}\n';
    expect(explained({ 'a.yaml': service('a', more) }, 'spec.migration.canary.steps')).toEqual([
      { name: 'spec.migration.canary.steps[0].setWeight', value: 10, file: 'a.yaml', line: 10, column: 22, from: 'Service a' },
      { name: 'spec.migration.canary.steps[1].pause', value: {}, file: 'a.yaml', line: 11, column: 18, from: 'Service a' },
    ]);
  });

  it('a limit that a template gives', () => {
    const text = template('careful', '{}', '  migration: { strategy: canary, canary: { analysis: { failureLimit: 0 } } }\n');
    const a = service('a', '  extends: [careful]\n');
    expect(explained({ 't.yaml': text, 'a.yaml': a }, 'migration.canary.analysis.failureLimit')).toEqual([
      {
        name: 'spec.migration.canary.analysis.failureLimit',
        value: 0,
        file: 't.yaml',
        line: 6,
        column: 70,
        from: 'ServiceTemplate careful',
      },
    ]);
  });

  it('defaults are told of the strategy at hand, and of no other', () => {
    const blocks = (more: string) => [
      ...new Set(explained({ 'a.yaml': service('a', more) }, 'migration').map(({ name }) => name.split('.')[2])),
    ];
    expect(blocks('')).toEqual(['strategy', 'progressDeadline', 'rollback', 'contract']);
    expect(blocks('  migration: { strategy: canary }\n')).toEqual(['strategy', 'progressDeadline', 'rollback', 'contract', 'canary']);
    expect(blocks('  migration: { strategy: rolling }\n')).toContain('rolling');
    expect(blocks('  migration: { strategy: blue-green }\n')).toContain('blueGreen');
  });
});

describe('the page about migrations', () => {
  const page = readFileSync(new URL('../../docs/migration.md', import.meta.url), 'utf8');
  const all = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text]) => text!);
  const blocks = all.filter((text) => !text.includes('kind: Lock'));

  it('shows manifests that are taken as they stand', () => {
    const strategies = blocks.map((text) => migrationIn(`${checks}${text.replaceAll(/^(?=.)/gm, '  ')}`).strategy);
    expect(strategies).toEqual(['canary', 'in-place', 'rolling', 'blue-green', 'canary']);
  });

  it('shows a lock that is taken as it stands', () => {
    const [text = ''] = all.filter((block) => !blocks.includes(block));
    const { locks, issues } = readLockFile('fairlead.lock', bytesOf(text));
    expect([[...locks.keys()], issues]).toEqual([['weather'], []]);
  });

  it('speaks of every field', () => {
    const { $defs } = serviceSchema;
    const { pause, analysis, shadow } = $defs.canaryStep.properties;
    const fields = [
      ...[$defs.migration, $defs.rollback, $defs.contractPolicy, $defs.rolling, $defs.blueGreen, $defs.canary, $defs.canaryStep],
      ...[pause, analysis, shadow, $defs.analysis, $defs.analysisCheck, $defs.errorRateCheck, $defs.latencyCheck],
      ...[$defs.prometheusCheck, $defs.httpCheck],
    ].flatMap(({ properties }) => Object.keys(properties));
    expect(fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(page))).toEqual([]);
  });
});
