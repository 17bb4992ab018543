/** Holds src/ to ARCHITECTURE.md, and proves on planted sources that each rule catches what it is for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check, floors, type Violation } from './rules.ts';

const root = join(import.meta.dirname, '../../src');

function realSources(): Map<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.ts'));
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8')];
    }),
  );
}

/** Rules broken by a small tree; every file gets the header that each file must have. */
function rulesBroken(files: Record<string, string>): Violation['rule'][] {
  return check(new Map(Object.entries(files).map(([file, text]) => [file, `/** Planted. */\n${text}\n`]))).map(
    (violation) => violation.rule,
  );
}

describe('src', () => {
  const sources = realSources();

  test('is there to be checked', () => {
    expect(sources.size).toBeGreaterThan(20);
    expect(sources.has('core/decide.ts')).toBe(true);
  });

  test('keeps every rule', () => {
    expect(check(sources).map(({ rule, file, detail }) => `${rule}: ${file}: ${detail}`)).toEqual([]);
  });

  test('has no folder without a floor', () => {
    expect([...new Set([...sources.keys()].map((file) => file.split('/')[0]!))].filter((folder) => !(folder in floors))).toEqual([]);
  });
});

describe('imports', () => {
  test('a lower floor and the own folder are allowed', () => {
    expect(
      rulesBroken({
        'base/hash.ts': `import { createHash } from 'node:crypto'; export const a = createHash;`,
        'core/decide.ts': `import { a } from '../base/hash.ts'; import { b } from './rollout/in-place.ts'; export const c = [a, b];`,
        'core/rollout/in-place.ts': `export const b = 1;`,
      }),
    ).toEqual([]);
  });

  test.each([
    ['import', `import { x } from '../controller/loop.ts'; export const y = x;`],
    ['import type', `import type { x } from '../controller/loop.ts'; export type Y = x;`],
    ['export from', `export { x } from '../controller/loop.ts';`],
    ['export all', `export * from '../controller/loop.ts';`],
    ['import() of a type', `export type Y = import('../controller/loop.ts').X;`],
    ['import() of a value', `export const y = () => import('../controller/loop.ts');`],
    ['import for its effect', `import '../controller/loop.ts';`],
  ])('an upward import is caught: %s', (_form, text) => {
    expect(rulesBroken({ 'ports/store.ts': text, 'controller/loop.ts': 'export const x = 1; export type X = 1;' })).toEqual([
      'upward-import',
    ]);
  });

  test.each([
    ['manifest', 'core'],
    ['core', 'ports'],
    ['gateway', 'upstream'],
    ['host', 'runtimes'],
    ['cli', 'status-api'],
  ])('a sibling import is caught: %s imports %s', (from, to) => {
    expect(
      rulesBroken({ [`${from}/a.ts`]: `import type { X } from '../${to}/b.ts'; export type Y = X;`, [`${to}/b.ts`]: 'export type X = 1;' }),
    ).toEqual(['sibling-import']);
  });

  test('a cycle is caught, however long, also one of types', () => {
    expect(
      rulesBroken({
        'model/a.ts': `import { b } from './b.ts'; export const a = b; export type A = 1;`,
        'model/b.ts': `import { c } from './c.ts'; export const b = c;`,
        'model/c.ts': `import type { A } from './a.ts'; export const c: A = 1;`,
      }),
    ).toEqual(['import-cycle']);
  });

  test('a part may not name the type of its whole, but in the simulator, and there no more than that', () => {
    const whole = `import { Part } from './part.ts'; export class Whole { part = new Part(this); }`;
    const part = (form: string): string =>
      `${form} { Whole } from './whole.ts'; export class Part { constructor(whole: Whole) { void whole; } }`;
    expect(rulesBroken({ 'sim/whole.ts': whole, 'sim/part.ts': part('import type') })).toEqual([]);
    expect(rulesBroken({ 'sim/whole.ts': whole, 'sim/part.ts': part('import') })).toEqual(['import-cycle']);
    for (const folder of ['core', 'controller', 'processes'])
      expect(rulesBroken({ [`${folder}/whole.ts`]: whole, [`${folder}/part.ts`]: part('import type') })).toEqual(['import-cycle']);
  });

  test('an adapter named by value outside the composition roots is caught; its types are not', () => {
    const adapter = { 'stores/sqlite.ts': 'export class SqliteStore {}' };
    const use = `import { SqliteStore } from '../stores/sqlite.ts'; export const s = new SqliteStore();`;
    expect(rulesBroken({ ...adapter, 'status-api/server.ts': use })).toEqual(['composition-root']);
    expect(rulesBroken({ ...adapter, 'processes/controller.ts': use })).toEqual([]);
  });

  test('a folder without a floor and an import of nothing are caught', () => {
    expect(rulesBroken({ 'shared/a.ts': 'export const a = 1;' })).toEqual(['unknown-folder']);
    expect(rulesBroken({ 'base/a.ts': `export { b } from './b.ts';` })).toEqual(['missing-file']);
  });
});

describe('pure floors', () => {
  test.each([
    'export const a = Date.now();',
    'export const a = new Date(0);',
    'export const a = Math.random();',
    `export const a = Math['random']();`,
    'const { random } = Math; export const a = random();',
    'export const a = process.env;',
    'export const a = globalThis.Date;',
    'setTimeout(() => 1, 1);',
    'setInterval(() => 1, 1);',
    'queueMicrotask(() => 1);',
    'console.log(1);',
    'export const a = performance.now();',
    'export const a = crypto.randomUUID();',
    'export const a = { Date };',
    `export const a = fetch('x');`,
    'export async function a() {}',
    'export const a = async () => 1;',
    'export const a = Promise.resolve(1);',
    'export const a = await 1;',
    'for await (const a of []) void a; export {};',
    `export const a = (1).toLocaleString();`,
    'export const a = import.meta.url;',
    `import { readFileSync } from 'node:fs'; export const a = readFileSync;`,
    `import { createHash } from 'node:crypto'; export const a = createHash;`,
    `import pino from 'pino'; export const a = pino();`,
    `export * from 'undici';`,
  ])('%s is caught in core, manifest and model', (text) => {
    for (const folder of ['core', 'manifest', 'model'])
      expect(new Set(rulesBroken({ [`${folder}/a.ts`]: text }))).toEqual(new Set(['impure']));
  });

  test('impurity is caught one import further down', () => {
    expect(
      rulesBroken({
        'core/a.ts': `import { now } from '../base/now.ts'; export const a = now;`,
        'base/now.ts': 'export const now = () => Date.now();',
      }),
    ).toEqual(['impure']);
  });

  test('node:crypto gives base/hash.ts createHash and nothing else', () => {
    const use = { 'core/a.ts': `import { h } from '../base/hash.ts'; export const a = h;` };
    expect(rulesBroken({ ...use, 'base/hash.ts': `import { randomBytes } from 'node:crypto'; export const h = randomBytes;` })).toEqual([
      'impure',
    ]);
    expect(rulesBroken({ ...use, 'base/hash.ts': `import { createHash } from 'node:crypto'; export const h = createHash;` })).toEqual([]);
  });

  test('a word in a comment, a string or a member name is not an impurity', () => {
    expect(
      rulesBroken({
        'core/a.ts': `// Date.now() async\nexport const a = { process: 'Date' }; export const b = a.process + 'setTimeout(1)';`,
      }),
    ).toEqual([]);
  });

  test('other floors may do all of that', () => {
    expect(
      rulesBroken({ 'host/a.ts': `import { readFileSync } from 'node:fs'; export const a = async () => [Date.now(), readFileSync];` }),
    ).toEqual([]);
  });
});

describe('files', () => {
  test('too long, badly named, without a header, unfinished or unreadable is caught', () => {
    expect(rulesBroken({ 'base/a.ts': 'export const a = 1;\n'.repeat(460) })).toContain('too-long');
    expect(rulesBroken({ 'base/string-utils.ts': 'export const a = 1;' })).toEqual(['bad-name']);
    expect(rulesBroken({ 'base/camelCase.ts': 'export const a = 1;' })).toEqual(['bad-name']);
    expect(rulesBroken({ 'base/a.ts': '// TO'.concat('DO: later\nexport const a = 1;') })).toEqual(['unfinished']);
    expect(rulesBroken({ 'base/a.ts': 'export const = ;' })).toEqual(['does-not-parse']);
    expect(check(new Map([['base/a.ts', 'export const a = 1;\n']])).map(({ rule }) => rule)).toEqual(['no-header']);
  });
});
