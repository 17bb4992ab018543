/** What a bad `spec.migration` gets, a row each: an Issue with its place, field and code, what was expected, and what was probably meant. */
import { describe, expect, it } from 'vitest';
import { brief, compileTexts, service, template } from './compile.ts';

interface Row {
  readonly what: string;
  /** The text of `migration`, on line 6, or on the line after `more`. */
  readonly migration: string;
  /** A line of `spec` before it. */
  readonly more?: string;
  /** Code, column and path within spec.migration. */
  readonly issues: readonly string[];
  readonly says?: readonly string[];
  /** Only a warning: the Service is taken. */
  readonly taken?: true;
}

const steps = (text: string) => `{ strategy: canary, canary: { steps: ${text} } }`;
const analysis = (text: string) => `{ strategy: canary, canary: { analysis: ${text} } }`;
const check = (text: string) => analysis(`{ checks: [${text}] }`);
const rolling = (text: string) => `{ strategy: rolling, rolling: ${text} }`;
const blueGreen = (text: string) => `{ strategy: blue-green, blueGreen: ${text} }`;

const strategies: readonly Row[] = [
  { what: 'a strategy with a slip', migration: '{ strategy: bluegreen }', issues: ['UnknownValue 26 strategy'], says: ['blue-green'] },
  {
    what: 'steps beside the block they belong to',
    migration: '{ steps: [] }',
    issues: ['UnknownField 16 steps'],
    says: ['spec.migration.canary.steps'],
  },
  {
    what: 'the block of another strategy',
    migration: '{ strategy: rolling, canary: { steps: [{ setWeight: 10 }] } }',
    issues: ['UnusedField 43 canary'],
    says: ['strategy: canary'],
    taken: true,
  },
  {
    what: 'a strategy for a service of which two cannot run side by side',
    more: '  exclusive: true\n',
    migration: '{ strategy: canary }',
    issues: ['UnusedField 26 strategy'],
    says: ['swapped in place', 'in-place'],
    taken: true,
  },
  { what: 'a deadline of nothing', migration: '{ progressDeadline: 0s }', issues: ['OutOfRange 34 progressDeadline'] },
  { what: 'a name of a group in capitals', migration: '{ releaseTogether: Shop }', issues: ['InvalidName 33 releaseTogether'] },
  {
    what: 'an unknown contract policy',
    migration: '{ contract: { breaking: blok, drift: allow } }',
    issues: ['UnknownValue 38 contract.breaking', 'UnknownValue 51 contract.drift'],
    says: ['block', 'warn, quarantine'],
  },
  {
    what: 'an approved hash that YAML reads as a number',
    migration: '{ contract: { approved: 123456789012 } }',
    issues: ['WrongType 38 contract.approved'],
    says: ['"123456789012"'],
  },
  {
    what: 'an approved hash of too few digits',
    migration: '{ contract: { approved: 9c1f0a } }',
    issues: ['InvalidValue 38 contract.approved'],
    says: ['12'],
  },
  {
    what: 'no way to replace a single instance',
    migration: rolling('{ maxSurge: 0, maxUnavailable: 0 }'),
    issues: ['ConflictingFields 56 rolling.maxSurge'],
    says: ['not one instance could be replaced', 'maxSurge: 1'],
  },
  {
    what: 'a share of the replicas that comes to none',
    more: '  replicas: 3\n',
    migration: rolling('{ maxSurge: 0, maxUnavailable: 25% }'),
    issues: ['ConflictingFields 56 rolling.maxSurge'],
    says: ['3 replicas'],
  },
  {
    what: 'an amount that is neither count nor share',
    migration: rolling('{ maxSurge: 0.25, maxUnavailable: 150% }'),
    issues: ['WrongType 56 rolling.maxSurge', 'InvalidValue 78 rolling.maxUnavailable'],
    says: ['25%'],
  },
  { what: 'a negative amount', migration: rolling('{ maxSurge: -1 }'), issues: ['OutOfRange 56 rolling.maxSurge'] },
  {
    what: 'a check before promotion that does not exist',
    migration: blueGreen('{ prePromotion: [alve, functionl] }'),
    issues: ['UnknownCheck 66 blueGreen.prePromotion[0]', 'UnknownCheck 72 blueGreen.prePromotion[1]'],
    says: ['"alive"', '"functional"'],
  },
  {
    what: 'a type of checks before promotion of which there are none',
    migration: blueGreen('{ prePromotion: [functional] }'),
    issues: ['UnknownCheck 66 blueGreen.prePromotion[0]'],
    taken: true,
  },
  {
    what: 'a time to keep stable without its unit',
    migration: blueGreen('{ keepOldFor: 30 }'),
    issues: ['InvalidDuration 63 blueGreen.keepOldFor'],
    says: ['"30s"'],
  },
];

const stepRows: readonly Row[] = [
  {
    what: 'a weight of 150',
    migration: steps('[{ setWeight: 150 }]'),
    issues: ['OutOfRange 65 canary.steps[0].setWeight'],
    says: ['0 to 100'],
  },
  { what: 'a weight of -1', migration: steps('[{ setWeight: -1 }]'), issues: ['OutOfRange 65 canary.steps[0].setWeight'] },
  {
    what: 'a weight with its sign',
    migration: steps('[{ setWeight: 10% }]'),
    issues: ['InvalidPercent 65 canary.steps[0].setWeight'],
    says: ['"10"'],
  },
  {
    what: 'half a percent',
    migration: steps('[{ setWeight: 0.5 }]'),
    issues: ['InvalidPercent 65 canary.steps[0].setWeight'],
    says: ['whole number'],
  },
  {
    what: 'weights that go down',
    migration: steps('[{ setWeight: 50 }, { setWeight: 10 }]'),
    issues: ['WeightDecreases 84 canary.steps[1].setWeight'],
    says: ['50 or more'],
    taken: true,
  },
  {
    what: 'an analysis before the target has calls',
    migration: steps('[{ analysis: { for: 1m } }, { setWeight: 10 }]'),
    issues: ['NothingToAnalyse 64 canary.steps[0].analysis'],
    says: ['a setWeight above 0 before it'],
    taken: true,
  },
  {
    what: 'a step of two words',
    migration: steps('[{ setWeight: 10, pause: {} }]'),
    issues: ['ConflictingFields 52 canary.steps[0]'],
    says: ['setWeight, pause', '- setWeight: … - pause: …'],
  },
  { what: 'a step of no word', migration: steps('[{}]'), issues: ['MissingField 52 canary.steps[0]'], says: ['setWeight'] },
  {
    what: 'a step that is empty for want of braces',
    migration: steps('[{ pause: }]'),
    issues: ['MissingField 52 canary.steps[0]'],
    says: ['pause: {}'],
  },
  { what: 'a step that is a bare word', migration: steps('[pause]'), issues: ['WrongType 52 canary.steps[0]'], says: ['pause: {}'] },
  {
    what: 'an unknown step',
    migration: steps('[{ setWieght: 10 }]'),
    issues: ['UnknownField 54 canary.steps[0].setWieght'],
    says: ['"setWeight"'],
  },
  { what: 'no step', migration: steps('[]'), issues: ['TooShort 51 canary.steps'] },
  {
    what: '51 steps',
    migration: steps(`[${Array.from({ length: 51 }, () => '{ setWeight: 1 }').join(', ')}]`),
    issues: ['TooLong 51 canary.steps'],
    says: ['50 steps'],
  },
  {
    what: 'a pause of nothing',
    migration: steps('[{ pause: { duration: 0s } }]'),
    issues: ['OutOfRange 73 canary.steps[0].pause.duration'],
  },
  {
    what: 'a negative pause',
    migration: steps('[{ pause: { duration: -5s } }]'),
    issues: ['InvalidDuration 73 canary.steps[0].pause.duration'],
  },
  {
    what: 'a pause without its braces',
    migration: steps('[{ pause: 1m }]'),
    issues: ['WrongType 61 canary.steps[0].pause'],
    says: ['{ duration: 1m }'],
  },
  {
    what: 'an analysis that does not say how long',
    migration: steps('[{ analysis: {} }]'),
    issues: ['MissingField 64 canary.steps[0].analysis.for'],
  },
  {
    what: 'an analysis of no time',
    migration: steps('[{ setWeight: 10 }, { analysis: { for: 0s } }]'),
    issues: ['OutOfRange 90 canary.steps[1].analysis.for'],
  },
  {
    what: 'a shadow without tools',
    migration: steps('[{ shadow: { for: 1m } }, { shadow: { for: 1m, tools: [] } }]'),
    issues: ['MissingField 62 canary.steps[0].shadow.tools', 'TooShort 105 canary.steps[1].shadow.tools'],
    says: ['get_*'],
  },
  {
    what: 'a shadow of tools that are not published',
    more: '  expose: { tools: { allow: [read_*, get_w*], deny: [get_*] } }\n',
    migration: steps('[{ shadow: { for: 1m, tools: [list_*, get_weather] } }]'),
    issues: ['UnmatchedPattern 81 canary.steps[0].shadow.tools[0]', 'UnmatchedPattern 89 canary.steps[0].shadow.tools[1]'],
  },
  {
    what: 'a shadow of tools of which some are not published',
    more: '  expose: { tools: { allow: [read_*] } }\n',
    migration: steps('[{ shadow: { for: 1m, tools: [get_*, read_file] } }]'),
    issues: ['UnmatchedPattern 81 canary.steps[0].shadow.tools[0]'],
    taken: true,
  },
  {
    what: 'a shadow of a tool by its published name',
    more: '  expose: { tools: { allow: [own], rename: { own: shown } } }\n',
    migration: steps('[{ shadow: { for: 1m, tools: [shown] } }]'),
    issues: ['UnmatchedPattern 81 canary.steps[0].shadow.tools[0]'],
    says: ['"own"'],
  },
  {
    what: 'more instances of the target than the service has',
    more: '  replicas: 2\n',
    migration: steps('[{ setReplicas: 3 }]'),
    issues: ['OutOfRange 67 canary.steps[0].setReplicas'],
    says: ['replicas: 2'],
    taken: true,
  },
  { what: 'no instance of the target', migration: steps('[{ setReplicas: 0 }]'), issues: ['OutOfRange 67 canary.steps[0].setReplicas'] },
];

const analysisRows: readonly Row[] = [
  { what: 'no interval', migration: analysis('{ interval: 0s }'), issues: ['OutOfRange 66 canary.analysis.interval'], says: ['100ms'] },
  {
    what: 'no calls, and fewer failures than none',
    migration: analysis('{ minCalls: 0, failureLimit: -1 }'),
    issues: ['OutOfRange 66 canary.analysis.minCalls', 'OutOfRange 83 canary.analysis.failureLimit'],
  },
  { what: 'no check', migration: analysis('{ checks: [] }'), issues: ['TooShort 64 canary.analysis.checks'] },
  {
    what: 'shares without their sign',
    migration: check('{ errorRate: { max: 2 } }, { toolErrorRate: { max: 0.02 } }, { protocolErrorRate: { max: 150% } }'),
    issues: [
      'InvalidShare 85 canary.analysis.checks[0].errorRate.max',
      'InvalidShare 116 canary.analysis.checks[1].toolErrorRate.max',
      'InvalidShare 154 canary.analysis.checks[2].protocolErrorRate.max',
    ],
    says: ['"2%"'],
  },
  {
    what: 'a factor without its sign',
    migration: check('{ p95: { versusStable: 1.5 } }'),
    issues: ['InvalidFactor 88 canary.analysis.checks[0].p95.versusStable'],
    says: ['"1.5x"'],
  },
  {
    what: 'a factor that asks for better than stable',
    migration: check('{ p95: { versusStable: 0.5x } }'),
    issues: ['OutOfRange 88 canary.analysis.checks[0].p95.versusStable'],
    says: ['1x or more'],
  },
  {
    what: 'checks without a limit',
    migration: check('{ errorRate: {} }, { p99: {} }, { prometheus: { name: a, url: "http://x", query: q } }'),
    issues: [
      'MissingField 78 canary.analysis.checks[0].errorRate.max',
      'MissingField 91 canary.analysis.checks[1].p99.max',
      'MissingField 111 canary.analysis.checks[2].prometheus.max',
    ],
    says: ['versusStable', '`min`'],
  },
  {
    what: 'a check of two words, one of none, and an unknown one',
    migration: check('{ errorRate: { max: 1% }, p95: { max: 2s } }, {}, { errorRates: { max: 1% } }'),
    issues: [
      'ConflictingFields 65 canary.analysis.checks[0]',
      'MissingField 111 canary.analysis.checks[1]',
      'UnknownField 117 canary.analysis.checks[2].errorRates',
    ],
    says: ['"errorRate"'],
  },
  {
    what: 'two checks of one name',
    migration: check('{ p95: { max: 1s } }, { http: { name: p95, url: "http://x" } }'),
    issues: ['DuplicateName 87 canary.analysis.checks[1]'],
  },
  {
    what: 'addresses that cannot be asked',
    migration: check('{ http: { name: a, url: "ftp://x" } }, { prometheus: { name: b, url: "file:///x", query: q, max: 1 } }'),
    issues: ['InvalidUrl 89 canary.analysis.checks[0].http.url', 'InvalidUrl 134 canary.analysis.checks[1].prometheus.url'],
    says: ['https://'],
  },
  {
    what: 'an address with a password',
    migration: check('{ prometheus: { name: a, url: "http://u:p@x", query: q, max: 1 } }'),
    issues: ['LiteralSecret 95 canary.analysis.checks[0].prometheus.url'],
  },
  {
    what: 'a metric without a name and a query',
    migration: check('{ prometheus: { url: "http://x", max: 1 } }'),
    issues: ['MissingField 79 canary.analysis.checks[0].prometheus.name', 'MissingField 79 canary.analysis.checks[0].prometheus.query'],
  },
  {
    what: 'limits that leave nothing between them',
    migration: check('{ http: { name: a, url: "http://x", min: 2, max: 1 } }'),
    issues: ['ConflictingFields 106 canary.analysis.checks[0].http.min'],
  },
];

describe.each([
  ['a migration', strategies],
  ['the steps of a canary', stepRows],
  ['an analysis', analysisRows],
])('%s', (_, rows) => {
  it.each(rows)('with $what', ({ migration, more = '', issues, says = [], taken = false }) => {
    const compiled = compileTexts({ 'a.yaml': service('a', `${more}  migration: ${migration}\n`) });
    const line = more === '' ? 6 : 7;
    expect(compiled.issues.map(brief)).toEqual(
      issues.map((issue) => {
        const [code, column, path] = issue.split(' ');
        return `${code} a.yaml:${line}:${column} spec.migration.${path}`;
      }),
    );
    const words = compiled.issues.map(({ message, expected, suggestion }) => JSON.stringify([message, expected, suggestion])).join('\n');
    for (const word of says) expect(words.replaceAll('\\"', '"')).toContain(word);
    expect(compiled.issues.every(({ severity }) => severity === (taken ? 'warning' : 'error'))).toBe(true);
    expect(compiled.services.has('a')).toBe(taken);
  });
});

describe('a group that moves together', () => {
  const member = (name: string, group: string) => service(name, `  migration: { releaseTogether: ${group} }\n`);
  const found = (texts: Readonly<Record<string, string>>) =>
    compileTexts(texts).issues.map((issue) => [brief(issue), issue.severity, issue.suggestion]);

  it('of two is a group', () => expect(found({ 'a.yaml': member('a', 'shop'), 'b.yaml': member('b', 'shop') })).toEqual([]));

  it('of one is a warning at its name, with the group that was probably meant', () => {
    expect(found({ 'a.yaml': member('a', 'shop'), 'b.yaml': member('b', 'shop'), 'c.yaml': member('c', 'shpo') })).toEqual([
      ['GroupOfOne c.yaml:6:33 spec.migration.releaseTogether', 'warning', 'shop'],
    ]);
  });

  it('is not called lonely while its other member cannot be read', () => {
    const texts = { 'a.yaml': member('a', 'shop'), 'b.yaml': `${member('b', 'shop')}  replicas: -1\n` };
    expect(found(texts).map(([issue]) => issue)).toEqual(['OutOfRange b.yaml:7:13 spec.replicas']);
  });
});

describe('a canary of a template', () => {
  const uses = (more: string) =>
    `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: a }\nspec:\n  extends: [careful]\n  run: { command: [x] }\n${more}`;
  const careful = template(
    'careful',
    '{ first: { type: integer, default: 10 } }',
    '  migration: { strategy: canary, canary: { steps: [{ setWeight: "${params.first}" }] } }\n',
  );

  it('takes its weights from parameters', () => {
    const { services } = compileTexts({ 't.yaml': careful, 'a.yaml': uses('  params: { first: 25 }\n') });
    expect(services.get('a')!.migration.canary.steps).toEqual([{ type: 'setWeight', weight: 25 }]);
  });

  it('with a weight that is wrong only by its parameter is told where it stands', () => {
    const { issues } = compileTexts({ 't.yaml': careful, 'a.yaml': uses('  params: { first: 150 }\n') });
    expect(issues.map(brief)).toEqual(['OutOfRange t.yaml:6:65 spec.migration.canary.steps[0].setWeight']);
  });

  it('gives way to the steps of the service as a whole', () => {
    const { services } = compileTexts({ 't.yaml': careful, 'a.yaml': uses('  migration: { canary: { steps: [{ pause: {} }] } }\n') });
    expect(services.get('a')!.migration.canary.steps).toEqual([{ type: 'pause', durationMs: null }]);
  });
});
