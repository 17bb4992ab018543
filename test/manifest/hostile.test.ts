/** Whatever the bytes are, compiling ends, throws nothing and leaves the neighbour alone. The runner's own time-out bounds each. */
import { assert, constantFrom, nat, property, string, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brief, compileTexts, service, template } from './compile.ts';

const canary = `  migration:
    strategy: canary
    canary:
      steps: [{ setWeight: 10 }, { pause: {} }, { shadow: { for: 1s, tools: [get_*] } }]
      analysis: { checks: [{ p95: { max: 1s } }, { errorRate: { max: 1% } }, { http: { name: h, url: "http://x" } }] }
`;
const full = `${template('base', '{ root: { type: string, default: ./d }, n: { type: integer, default: 1 } }', '  run: { command: [x, "${params.root}"] }\n  replicas: ${params.n}\n')}---\n${service('a', '  extends: [base]\n  health:\n    checks:\n      - { name: f, type: functional, tool: t, arguments: { p: "${params.root}" } }\n  limits: { callTimeout: 5s }\n')}${canary}`;

/** Compiles beside a good Service, which must come through. */
function survives(text: string | Uint8Array) {
  const compiled = compileTexts({ 'bad.yaml': text, 'good.yaml': service('a-good-one') });
  expect([...compiled.services.keys()]).toContain('a-good-one');
  return compiled;
}

describe('any input', () => {
  it('of bytes', () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => void survives(bytes)),
      { numRuns: 300 },
    );
  });

  it('of the characters that YAML is made of', () => {
    const yaml = string({ unit: constantFrom(...':-[]{}#&*!|>%@`\'",?$\\~ \n\tab0.'.split('')), maxLength: 80 });
    assert(
      property(yaml, (text) => void survives(text)),
      { numRuns: 500 },
    );
  });

  it('that is a good manifest with a piece cut out, or another put in', () => {
    const position = nat(full.length);
    const piece = constantFrom(
      '',
      '${',
      '}',
      '"',
      '\n',
      ': ',
      '- ',
      '{',
      '[',
      '*x',
      '&x ',
      'null',
      '1e999',
      '__proto__: x\n',
      '---\n',
      '\t',
    );
    assert(
      property(position, nat(20), piece, (start, length, put) => void survives(full.slice(0, start) + put + full.slice(start + length))),
      { numRuns: 500 },
    );
  });

  it('is answered with places inside its files', () => {
    const position = nat(full.length);
    assert(
      property(position, nat(20), (start, length) => {
        const text = full.slice(0, start) + full.slice(start + length);
        const lines = text.split('\n').length;
        const misplaced = survives(text).issues.filter(
          ({ file, line, column }) => line < 1 || column < 1 || (file === 'bad.yaml' && line > lines),
        );
        expect(misplaced).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a quarter of a megabyte', () => {
  const size = 250_000;
  const fill = (unit: string) => unit.repeat(Math.floor(size / unit.length));
  const head = 'apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: bad }\n';

  it.each<[string, string]>([
    ['of open placeholders in a duration', `${head}spec: { run: { command: [x] }, limits: { callTimeout: "${fill('${')}" } }\n`],
    [
      'of open placeholders over lines',
      `${head}spec:\n  run: { command: [x] }\n  limits:\n    callTimeout: |\n      ${fill('${a\n      ')}\n`,
    ],
    ['of open placeholders in an argument', service('bad', '', `{ command: [x, "${fill('${')}"] }`)],
    ['of digits for a duration', `${head}spec: { run: { command: [x] }, limits: { callTimeout: ${fill('1')} } }\n`],
    ['of letters for a name', head.replace('bad', fill('a-'))],
    ['of metadata that is not YAML', `kind: Service\n}\n${fill('metadata:\n')}`],
    ['of spaces that are not YAML', `}\n${fill(' ')}kind`],
    ['of line ends that are not YAML', `}\n${fill('\n')}`],
    ['of document markers', fill('---\n')],
    ['of open brackets', fill('[')],
    ['of open maps', fill('{a: ')],
    ['of nested entries', fill('- ')],
    ['of question marks', fill('? ')],
    ['of anchors', fill('- &a x\n')],
    ['of aliases', `a: &a x\nb: [${fill('*a, ')}]`],
    ['of tags', fill('!a ')],
    ['of comments', fill('# x\n')],
    ['of escapes', `a: "${fill('\\n')}"`],
    ['of dots on the way up', service('bad', `  params: { root: "${fill('../')}" }\n`)],
    ['of a secret’s looks', service('bad', '', `{ command: [x], env: { TOKEN: "${fill('eyJ')}" } }`)],
    ['of fields that nobody knows', `${head}spec:\n${Array.from({ length: 4_000 }, (_, index) => `  field${index}: x`).join('\n')}\n`],
  ])('%s', (_, text) => {
    expect(survives(text).issues.length).toBeLessThan(110);
  });

  it('and more of it in a file of another tool is left alone', () => {
    expect(compileTexts({ 'package-lock.json': `{"a": "${'x'.repeat(400_000)}"}` }).issues.map(brief)).toEqual([
      'NotAManifest package-lock.json:1:1',
    ]);
  });
});
