/**
 * What bad manifests get, a row each: always an Issue with its place, field and code, and always a good Service beside them that
 * goes on.
 */
import { describe, expect, it } from 'vitest';
import { brief, compileTexts, service } from './compile.ts';

const head = 'apiVersion: fairlead.dev/v1alpha1\nkind: Service\n';

function utf16(text: string): Uint8Array {
  return Uint8Array.from([0xff, 0xfe, ...Buffer.from(text, 'utf16le')]);
}

/** Compiles `text` as bad.yaml beside a good Service, which must come through whatever the text is. */
function compileBeside(text: string | Uint8Array) {
  const compiled = compileTexts({ 'bad.yaml': text, 'good.yaml': service('good') });
  expect([...compiled.services.keys()]).toContain('good');
  return compiled;
}

interface Row {
  readonly what: string;
  readonly text: string | Uint8Array;
  readonly issues: readonly string[];
  /** Words that some message, expectation or suggestion must have. */
  readonly says?: readonly string[];
  /** Services of bad.yaml that are invalid rather than gone. */
  readonly invalid?: readonly string[];
}

const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
for (const [index, letter] of 'bcdefgh'.split('').entries()) {
  const before = 'abcdefgh'[index]!;
  bomb.push(`${letter}: &${letter} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`);
}

const rows: readonly Row[] = [
  { what: 'an empty file', text: '', issues: ['EmptyFile bad.yaml:1:1'] },
  { what: 'a file of comments', text: '# nothing yet\n---\n# nor here\n', issues: ['EmptyFile bad.yaml:1:1'] },
  {
    what: 'bad indentation',
    text: `${head}metadata: { name: bad }\nspec:\n  replicas: 1\n   state: Active\n`,
    issues: ['BadIndentation bad.yaml:5:13'],
    invalid: ['bad'],
  },
  {
    what: 'a key that is less indented than its sibling',
    text: `${head}metadata: { name: bad }\nspec:\n    replicas: 1\n  state: Active\n`,
    issues: ['BadIndentation bad.yaml:6:1'],
    invalid: ['bad'],
  },
  { what: 'a tab for indentation', text: `${head}metadata:\n\tname: bad\n`, issues: ['TabIndent bad.yaml:4:1'], invalid: ['bad'] },
  {
    what: 'a duplicate key, with both lines',
    text: service('bad', '  replicas: 1\n  state: Active\n  replicas: 2\n'),
    issues: ['DuplicateKey bad.yaml:8:3 spec.replicas'],
    says: ['line 6', 'line 8'],
    invalid: ['bad'],
  },
  {
    what: 'an unknown field, with the nearest known one',
    text: service('bad', '  replica: 2\n'),
    issues: ['UnknownField bad.yaml:6:3 spec.replica'],
    says: ['replicas'],
    invalid: ['bad'],
  },
  {
    what: 'a known field in the wrong place, with the right one',
    text: service('bad', '  callTimeout: 2s\n'),
    issues: ['UnknownField bad.yaml:6:3 spec.callTimeout'],
    says: ['spec.limits.callTimeout'],
    invalid: ['bad'],
  },
  {
    what: 'wrong types, all of them at once',
    text: service('bad', '  replicas: many\n  tags: one\n  limits: 3\n  exclusive: yes\n'),
    issues: [
      'InvalidValue bad.yaml:6:13 spec.replicas',
      'WrongType bad.yaml:7:9 spec.tags',
      'WrongType bad.yaml:8:11 spec.limits',
      'WrongType bad.yaml:9:14 spec.exclusive',
    ],
    says: ['true'],
    invalid: ['bad'],
  },
  {
    what: 'an environment value that is not text',
    text: service('bad', '', '{ command: [x], env: { PORT: 8080 } }'),
    issues: ['WrongType bad.yaml:5:37 spec.run.env.PORT'],
    says: ['"8080"'],
    invalid: ['bad'],
  },
  {
    what: '__proto__ and constructor as keys',
    text: service('bad', '  __proto__: { replicas: 9 }\n  session: { constructor: x }\n'),
    issues: ['ForbiddenKey bad.yaml:6:3 spec.__proto__', 'ForbiddenKey bad.yaml:7:14 spec.session.constructor'],
    invalid: ['bad'],
  },
  { what: 'an alias bomb', text: bomb.join('\n'), issues: ['AliasBomb bad.yaml:4:8 d[0]'] },
  { what: 'an alias inside what it stands for', text: 'a: &a [*a]\n', issues: ['AliasCycle bad.yaml:1:8 a[0]'] },
  { what: 'an alias of nothing', text: 'a: *b\n', issues: ['UnknownAlias bad.yaml:1:4 a'] },
  { what: 'a depth of 1,000 in brackets', text: `a: ${'['.repeat(1000)}${']'.repeat(1000)}`, issues: ['TooDeep bad.yaml:1:67'] },
  { what: 'a depth of 1,000 in dashes', text: `a:\n${'- '.repeat(1000)}x`, issues: ['TooDeep bad.yaml:2:127'] },
  { what: 'brackets without an end', text: '['.repeat(200_000), issues: ['TooDeep bad.yaml:1:65'] },
  {
    what: 'unknown tags',
    text: service('bad', '  description: !shout hello\n  tags: !!set [a]\n'),
    issues: ['UnknownTag bad.yaml:6:23 spec.description', 'UnknownTag bad.yaml:7:15 spec.tags'],
    invalid: ['bad'],
  },
  {
    what: 'a tag of JavaScript',
    text: service('bad', '  description: !!js/function "x"\n'),
    issues: ['UnknownTag bad.yaml:6:30 spec.description'],
    invalid: ['bad'],
  },
  { what: 'UTF-16', text: utf16(service('bad')), issues: ['InvalidEncoding bad.yaml:1:1'], invalid: ['bad'] },
  {
    what: 'bytes that are not UTF-8',
    text: Uint8Array.from([...Buffer.from(service('bad', '  description: caf')), 0xe9, 0x0a]),
    issues: ['InvalidEncoding bad.yaml:6:19'],
    invalid: ['bad'],
  },
  {
    what: 'a NUL character',
    text: service('bad', '  description: a\0b\n'),
    issues: ['ForbiddenCharacter bad.yaml:6:17'],
    says: ['U+0000'],
    invalid: ['bad'],
  },
  {
    what: 'a NUL character by its escape',
    text: service('bad', '  description: "a\\0b"\n'),
    issues: ['ForbiddenCharacter bad.yaml:6:16 spec.description'],
    says: ['U+0000'],
    invalid: ['bad'],
  },
  {
    what: 'a character that turns the direction of writing',
    text: service('bad', '  description: a\u202eb\n'),
    issues: ['ForbiddenCharacter bad.yaml:6:17'],
    says: ['U+202E'],
    invalid: ['bad'],
  },
  {
    what: 'an invisible character',
    text: service('bad', '  description: a\u200bb\n'),
    issues: ['ForbiddenCharacter bad.yaml:6:17'],
    says: ['U+200B'],
    invalid: ['bad'],
  },
  {
    what: 'an integer beyond 2^53',
    text: service('bad', '  params: { id: 9007199254740993 }\n'),
    issues: ['NumberOutOfRange bad.yaml:6:17 spec.params.id'],
    says: ['9007199254740993'],
    invalid: ['bad'],
  },
  {
    what: '1e999',
    text: service('bad', '  replicas: 1e999\n'),
    issues: ['NumberOutOfRange bad.yaml:6:13 spec.replicas'],
    invalid: ['bad'],
  },
  { what: '.nan', text: service('bad', '  replicas: .nan\n'), issues: ['NumberOutOfRange bad.yaml:6:13 spec.replicas'], invalid: ['bad'] },
  {
    what: '0123, which is a warning',
    text: service('bad', '  replicas: 012\n'),
    issues: ['LeadingZero bad.yaml:6:13 spec.replicas'],
    says: ['12'],
  },
  {
    what: 'durations without a unit, as number and as text',
    text: service('bad', '  limits: { callTimeout: 30, stopTimeout: "5" }\n'),
    issues: ['InvalidDuration bad.yaml:6:26 spec.limits.callTimeout', 'InvalidDuration bad.yaml:6:43 spec.limits.stopTimeout'],
    says: ['30s', '5s'],
    invalid: ['bad'],
  },
  {
    what: 'a duration of nothing',
    text: service('bad', '  limits: { callTimeout: 0s }\n'),
    issues: ['OutOfRange bad.yaml:6:26 spec.limits.callTimeout'],
    invalid: ['bad'],
  },
  {
    what: 'negative replicas',
    text: service('bad', '  replicas: -1\n'),
    issues: ['OutOfRange bad.yaml:6:13 spec.replicas'],
    invalid: ['bad'],
  },
  {
    what: 'a weight of 150',
    text: service('bad', '  migration: { strategy: canary, canary: { steps: [{ setWeight: 150 }] } }\n'),
    issues: ['OutOfRange bad.yaml:6:65 spec.migration.canary.steps[0].setWeight'],
    says: ['from 0 to 100'],
    invalid: ['bad'],
  },
  {
    what: 'an unknown apiVersion, with those there are',
    text: service('bad').replace('v1alpha1', 'v2'),
    issues: ['UnknownApiVersion bad.yaml:1:13 apiVersion'],
    says: ['fairlead.dev/v1alpha1'],
    invalid: ['bad'],
  },
  {
    what: 'no apiVersion',
    text: 'kind: Service\nmetadata: { name: bad }\n',
    issues: ['MissingField bad.yaml:1:1 apiVersion'],
    invalid: ['bad'],
  },
  {
    what: 'an unknown kind',
    text: service('bad').replace('Service', 'Servise'),
    issues: ['UnknownKind bad.yaml:2:7 kind'],
    says: ['Service'],
  },
  { what: 'a kind that comes later', text: service('bad').replace('Service', 'Secret'), issues: ['NotSupportedYet bad.yaml:2:7 kind'] },
  { what: 'a document of another tool', text: 'version: 3\nservices: {}\n', issues: ['NotAManifest bad.yaml:1:1'] },
  { what: 'a list', text: '- a\n- b\n', issues: ['NotAManifest bad.yaml:1:1'] },
  { what: 'a text', text: 'hello', issues: ['NotAManifest bad.yaml:1:1'] },
  {
    what: 'a missing name',
    text: `${head}metadata: {}\nspec: { run: { command: [x] } }\n`,
    issues: ['MissingField bad.yaml:3:11 metadata.name'],
  },
  { what: 'a name of capitals', text: service('Bad_Name'), issues: ['InvalidName bad.yaml:3:19 metadata.name'], invalid: ['Bad_Name'] },
  {
    what: 'a name of 41 characters',
    text: service('a'.repeat(41)),
    issues: ['InvalidName bad.yaml:3:19 metadata.name'],
    invalid: ['a'.repeat(41)],
  },
  {
    what: 'no way to run',
    text: service('bad', '', '{}'),
    issues: ['MissingField bad.yaml:5:8 spec.run.command'],
    says: ['url'],
    invalid: ['bad'],
  },
  {
    what: 'two ways to run',
    text: service('bad', '', '{ command: [x], url: "https://example.com/mcp" }'),
    issues: ['ConflictingFields bad.yaml:5:29 spec.run.url'],
    invalid: ['bad'],
  },
  {
    what: 'a missing secret: secrets come later',
    text: service('bad', '', '{ command: [x], env: { TOKEN: { secretRef: { name: t, key: k } } } }'),
    issues: ['NotSupportedYet bad.yaml:5:38 spec.run.env.TOKEN'],
    invalid: ['bad'],
  },
  {
    what: 'a literal secret, a warning that does not show it',
    text: service('bad', '', '{ command: [x], env: { API_TOKEN: hunter2hunter2 } }'),
    issues: ['LiteralSecret bad.yaml:5:42 spec.run.env.API_TOKEN'],
  },
  {
    what: 'a literal secret known by its looks',
    text: service('bad', '', '{ command: [x, --key, ghp_0123456789abcdefghij0123] }'),
    issues: ['LiteralSecret bad.yaml:5:30 spec.run.command[2]'],
  },
  {
    what: 'a shell line as the command',
    text: service('bad', '', '{ command: "a; b" }'),
    issues: ['ShellCommand bad.yaml:5:19 spec.run.command'],
    says: ['no shell'],
    invalid: ['bad'],
  },
  {
    what: 'a command line in one word',
    text: service('bad', '', '{ command: ["node server.js"] }'),
    issues: ['ShellCommand bad.yaml:5:20 spec.run.command[0]'],
    says: ['[node, server.js]'],
    invalid: ['bad'],
  },
  ...[
    '[npx, -y, some-server]',
    '[npx, some-server@latest]',
    '[npx, "some-server@^1.2.3"]',
    '[uvx, some-server]',
    '[pnpm, dlx, some-server]',
    '[npx, -p, some-server, run-it]',
    '[npm, exec, --, some-server]',
  ].map((command): Row => ({
    what: `an unpinned package: ${command}`,
    text: service('bad', '', `{ command: ${command} }`),
    issues: [
      `UnpinnedPackage bad.yaml:5:${/some-server/.exec(`  run: { command: ${command}`)!.index + 1 - (command.includes('"') ? 1 : 0)} spec.run.command[${command.slice(0, command.indexOf('some')).split(',').length - 1}]`,
    ],
    says: ['some-server@1.2.3'],
    invalid: ['bad'],
  })),
  {
    what: 'a pattern that is not linear',
    text: service('bad', '  health: { checks: [{ name: a, type: functional, tool: t, expect: { matches: "(a)\\\\1" } }] }\n'),
    issues: ['InvalidPattern bad.yaml:6:79 spec.health.checks[0].expect.matches'],
    invalid: ['bad'],
  },
  {
    what: 'an unknown type of check',
    text: service('bad', '  health: { checks: [{ name: a, type: basics }] }\n'),
    issues: ['UnknownValue bad.yaml:6:39 spec.health.checks[0].type'],
    says: ['basic'],
    invalid: ['bad'],
  },
  {
    what: 'a check without what its type needs',
    text: service('bad', '  health: { checks: [{ name: a, type: functional }] }\n'),
    issues: ['MissingField bad.yaml:6:22 spec.health.checks[0].tool'],
    invalid: ['bad'],
  },
  {
    what: 'two checks of one name',
    text: service('bad', '  health: { checks: [{ name: a, type: basic }, { name: a, type: basic }] }\n'),
    issues: ['DuplicateName bad.yaml:6:48 spec.health.checks[1]'],
    invalid: ['bad'],
  },
  {
    what: 'a working directory outside',
    text: service('bad', '', '{ command: [x], cwd: ../../etc }'),
    issues: ['PathOutsideSource bad.yaml:5:29 spec.run.cwd'],
    invalid: ['bad'],
  },
  {
    what: 'an address with a password',
    text: service('bad', '', '{ url: "https://u:p@example.com/mcp" }'),
    issues: ['LiteralSecret bad.yaml:5:15 spec.run.url'],
    invalid: ['bad'],
  },
  {
    what: 'a limit that nothing enforces yet',
    text: service('bad', '  limits: { memory: 512Mi, pids: 9 }\n'),
    issues: ['NotEnforcedYet bad.yaml:6:13 spec.limits.memory', 'NotEnforcedYet bad.yaml:6:28 spec.limits.pids'],
  },
  {
    what: 'a document too large',
    text: service('bad', `  description: ${'x'.repeat(256 * 1024)}\n`),
    issues: ['DocumentTooLarge bad.yaml:1:1'],
    invalid: ['bad'],
  },
];

describe('a bad manifest', () => {
  it.each(rows)('$what', ({ text, issues, says = [], invalid = [] }) => {
    const compiled = compileBeside(text);
    expect(compiled.issues.map(brief)).toEqual(issues);
    const words = JSON.stringify(compiled.issues.map(({ message, expected, suggestion }) => [message, expected, suggestion]));
    for (const word of says) expect(words).toContain(JSON.stringify(word).slice(1, -1));
    expect([...compiled.invalid.keys()]).toEqual(invalid);
  });

  it('never shows a literal secret', () => {
    const { issues } = compileBeside(service('bad', '', '{ command: [x], env: { API_TOKEN: hunter2hunter2 } }'));
    expect(JSON.stringify(issues)).not.toContain('hunter2');
  });

  it('of 40,000 keys is refused by their number, before anything reads them one by one', () => {
    const keys = Array.from({ length: 40_000 }, (_, index) => `${index.toString(36)}:`).join('\n');
    expect(compileBeside(keys).issues.map(brief)).toEqual(['TooManyNodes bad.yaml:1:1']);
  });

  it('of 4,900 keys, two of them the same, names the two', () => {
    const keys = Array.from({ length: 4_900 }, (_, index) => `k${index === 4_899 ? 0 : index}: 1`).join('\n');
    expect(compileBeside(keys).issues.map(brief)).toEqual(['DuplicateKey bad.yaml:4900:1 k0']);
  });

  it('with line ends of Windows is a good one', () => {
    const { services, issues } = compileBeside(service('windows', '  replicas: 2\n').replaceAll('\n', '\r\n'));
    expect([services.get('windows')?.replicas, issues]).toEqual([2, []]);
  });

  it('with a byte order mark is a good one', () => {
    const { services } = compileBeside(`\ufeff${service('marked')}`);
    expect(services.has('marked')).toBe(true);
  });

  it('takes only its own document with it', () => {
    const { services, invalid, issues } = compileTexts({
      'all.yaml': `${service('one')}---\n${service('two', '  - "\n')}---\n${service('three', '  replicas: x\n')}...\n---\n${service('four')}`,
    });
    expect([...services.keys()]).toEqual(['four', 'one']);
    expect([...invalid.keys()]).toEqual(['two', 'three']);
    expect(issues.map(brief)).toEqual(['BadIndentation all.yaml:12:1', 'InvalidValue all.yaml:19:13 spec.replicas']);
  });

  it('that is JSON with a mistake in it has a place too', () => {
    const text =
      '{\n\t"apiVersion": "fairlead.dev/v1alpha1",\n\t"kind": "Service",\n\t"metadata": {"name": "json"},\n\t"spec": {"run": {"command": ["x"]}, "replicas": "two"}\n}\n';
    expect(compileTexts({ 'a.json': text }).issues.map(brief)).toEqual(['InvalidValue a.json:5:50 spec.replicas']);
    expect([...compileTexts({ 'a.json': text.replace('"two"', '2') }).services.keys()]).toEqual(['json']);
  });
});
