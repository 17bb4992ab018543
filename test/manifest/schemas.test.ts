/** The published schemas: what editors are told is what Fairlead does. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { issueCodes } from '../../src/model/issue-codes.ts';
import { strategyBlocks } from '../../src/manifest/migration.ts';
import { compileFiles } from '../../src/manifest/workspace.ts';
import { validateDocument, type Shape } from '../../src/manifest/schema.ts';
import { staleTypes } from '../../scripts/generate-types.ts';
import { compileTexts, service } from './compile.ts';

const folder = fileURLToPath(new URL('../../schemas/', import.meta.url));
const kinds: Readonly<Record<string, Shape>> = {
  'service.schema.json': 'Service',
  'service-template.schema.json': 'ServiceTemplate',
  'controller.schema.json': 'Controller',
  'lock.schema.json': 'Lock',
};

interface Node {
  readonly $id?: string;
  readonly $ref?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly $defs?: Readonly<Record<string, Node>>;
}

const read = async (name: string) => JSON.parse(await readFile(`${folder}${name}`, 'utf8')) as Node;

describe('the schemas', () => {
  it('and the generated types say the same', async () => expect(await staleTypes()).toEqual([]));

  it.each(Object.entries(kinds))('%s has examples that are valid', async (name, kind) => {
    const { examples = [] } = await read(name);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(validateDocument(kind, example, false)).toEqual([]);
  });

  it('show editors only values that are valid where they are shown', async () => {
    const schema = await read('service.schema.json');
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    ajv.addSchema(schema);
    const wrong: string[] = [];
    let shown = 0;
    const visit = (node: unknown, pointer: string): void => {
      if (node === null || typeof node !== 'object') return;
      const { default: otherwise, examples = [] } = node as Node;
      const validate = ajv.getSchema(`${schema.$id}#${pointer}`);
      for (const value of [...(otherwise === undefined ? [] : [otherwise]), ...(Array.isArray(examples) ? examples : [])]) {
        shown += 1;
        if (validate?.(value) !== true) wrong.push(`${pointer}: ${JSON.stringify(value)} ${ajv.errorsText(validate?.errors)}`);
      }
      for (const place of ['properties', '$defs', 'oneOf'])
        for (const [name, inner] of Object.entries((node as Record<string, object>)[place] ?? {}))
          visit(inner, `${pointer}/${place}/${name}`);
      visit((node as { items?: unknown }).items, `${pointer}/items`);
    };
    visit(schema, '');
    expect(shown).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });

  it('describe every field of a Service', async () => {
    const { $defs = {} } = await read('service.schema.json');
    const bare: string[] = [];
    for (const name of [
      ...['spec', 'run', 'session', 'limits', 'security', 'expose', 'health', 'migration', 'rollback', 'contractPolicy'],
      ...['rolling', 'blueGreen', 'canary', 'canaryStep', 'analysis', 'analysisCheck', 'errorRateCheck', 'latencyCheck'],
      ...['prometheusCheck', 'httpCheck'],
    ]) {
      expect($defs, name).toHaveProperty(name);
      for (const [field, { description, $ref }] of Object.entries($defs[name]?.properties ?? {}))
        if (description === undefined && $ref === undefined) bare.push(`${name}.${field}`);
    }
    expect(bare.filter((field) => field !== 'expose.tools')).toEqual([]);
  });

  it.each(['in-place', 'rolling', 'blue-green', 'canary'])('have the defaults that a Service of strategy %s gets', async (strategy) => {
    const { $defs = {} } = await read('service.schema.json');
    const [bare] = compileTexts({ 'a.yaml': service('a', `  migration: { strategy: ${strategy} }\n`) }).services.values();
    const lines: string[] = [];
    const collect = (node: Node, path: readonly string[]): void => {
      for (const [name, field] of Object.entries(node.properties ?? {})) {
        const inner = field.$ref === undefined ? field : $defs[field.$ref.replace('#/$defs/', '')]!;
        // The examples show the defaults of two transports; stdio has neither port nor path, and no remote's fields.
        const other = ['port', 'path', 'headers', 'allowPrivate', 'network', 'runtime'].includes(name);
        const value = name === 'strategy' ? strategy : field.default;
        const reads: string = strategyBlocks[name as keyof typeof strategyBlocks] ?? strategy;
        if (reads !== strategy) continue;
        if (field.default !== undefined && !other) lines.push(`${'  '.repeat(path.length + 1)}${name}: ${JSON.stringify(value)}`);
        else if (inner.properties !== undefined && !['run'].includes(name)) {
          lines.push(`${'  '.repeat(path.length + 1)}${name}:`);
          collect(inner, [...path, name]);
        }
      }
    };
    collect($defs['spec']!, []);
    const text = service('a', `${lines.join('\n')}\n`);
    const { services, issues } = compileTexts({ 'a.yaml': text });
    // The default of prePromotion speaks of all functional checks, of which this Service has none.
    expect(issues.map(({ code }) => code)).toEqual(strategy === 'blue-green' ? ['UnknownCheck'] : []);
    expect(services.get('a')?.specHash).toBe(bare!.specHash);
  });

  it('name only codes that are in the register', async () => {
    const used = new Set<string>();
    for (const name of Object.keys(kinds))
      for (const [, code] of (await readFile(`${folder}${name}`, 'utf8')).matchAll(/"x-code": "(\w+)"/g)) used.add(code!);
    expect(used.size).toBeGreaterThan(0);
    expect([...used].filter((code) => !(code in issueCodes))).toEqual([]);
  });

  it('are schemas by the meta-schema that they name', async () => {
    const ajv = new Ajv2020({ strict: false });
    for (const name of Object.keys(kinds)) expect([name, ajv.validateSchema(await read(name))]).toEqual([name, true]);
  });

  it('know the manifests of the examples', async () => {
    const examples = fileURLToPath(new URL('../../examples/manifests/', import.meta.url));
    const names = (await readdir(examples)).filter((name) => name.endsWith('.yaml'));
    const files = await Promise.all(names.map(async (path) => ({ path, bytes: new Uint8Array(await readFile(`${examples}${path}`)) })));
    expect(names.length).toBeGreaterThan(0);
    expect(compileFiles(files, { root: examples }).issues.filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});
