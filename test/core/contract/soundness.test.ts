/**
 * The comparison against ajv: what a client could pass before and cannot pass now must be breaking; what a tool may answer now and
 * a client was told it never would, too.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareContracts } from '../../../src/core/contract/compare.ts';
import { compareSchemas, contract, tool } from './contracts.ts';
import { isObject, pairs, roots, valueOf, type Draw, type Schema } from './drawn-schemas.ts';

/** Without the names that a client was not told of, as it reads an answer. */
function asRead(value: unknown, schema: unknown, root: Schema): unknown {
  const told = isObject(schema) && typeof schema['$ref'] === 'string' ? (root['$defs'] as Schema)[schema['$ref'].slice(8)] : schema;
  if (!isObject(told)) return value;
  if (Array.isArray(value)) return value.map((item) => asRead(item, told['items'], root));
  if (!isObject(value)) return value;
  const properties = isObject(told['properties']) ? told['properties'] : {};
  const { additionalProperties: others } = told;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => Object.hasOwn(properties, name) || isObject(others) || (told['required'] as string[] | undefined)?.includes(name))
      .map(([name, item]) => [name, asRead(item, Object.hasOwn(properties, name) ? properties[name] : others, root)]),
  );
}

/** As a client holds an answer to it that reads what it was told of: limits on names it does not read go. */
function asToldToReader(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asToldToReader);
  if (!isObject(schema)) return schema;
  const kept = Object.entries(schema).filter(
    ([key, value]) => key !== 'minProperties' && key !== 'uniqueItems' && (key !== 'additionalProperties' || value !== false),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, asToldToReader(value)]));
}

function validator(schema: unknown): (value: unknown) => boolean {
  return new Ajv2020({ strict: false, validateFormats: false, meta: false, validateSchema: false }).compile(schema as Schema);
}

/** How many pairs broke a client, and how many the comparison called harmless: one that always says breaking proves nothing. */
function examine(
  kind: 'input' | 'output',
  isBroken: (pair: { from: Schema; to: Schema; values: Draw }) => unknown,
): { broken: number; calm: number } {
  let broken = 0;
  let calm = 0;
  fc.assert(
    fc.property(pairs, (pair) => {
      const { class: verdict, differences } = compareSchemas(kind, pair.from, pair.to);
      if (verdict === 'compatible') calm++;
      const value = isBroken(pair);
      if (value === undefined) return;
      broken++;
      expect(verdict, `${JSON.stringify(value)}: ${JSON.stringify(differences)}`).toBe('breaking');
    }),
    { numRuns: 800, seed: 20_261_121 },
  );
  return { broken, calm };
}

describe('a client of what was before', () => {
  test('never passes what is refused now without that being called breaking', () => {
    const { broken, calm } = examine('input', ({ from, to, values }) => {
      const [before, after] = [validator(from), validator(to)];
      return Array.from({ length: 12 }, () => valueOf(from, from, values)).find((value) => before(value) && !after(value));
    });
    expect(broken).toBeGreaterThan(40);
    expect(calm).toBeGreaterThan(20);
  });

  test('never reads what it was told could not be without that being called breaking', () => {
    const { broken, calm } = examine('output', ({ from, to, values }) => {
      const [before, after] = [validator(asToldToReader(from)), validator(to)];
      return Array.from({ length: 12 }, () => valueOf(to, to, values)).find((value) => after(value) && !before(asRead(value, from, from)));
    });
    expect(broken).toBeGreaterThan(40);
    expect(calm).toBeGreaterThan(20);
  });
});

describe('whatever the schema', () => {
  const widened = fc.tuple(roots, fc.constantFrom<unknown>(true, { type: 'string' }, { type: 'object', required: ['x'] }));
  const having = (root: Schema, name: string, schema: unknown): Schema => ({
    ...root,
    additionalProperties: true,
    properties: { ...(root['properties'] as Schema | undefined), [name]: schema },
  });

  test('an optional parameter more is compatible, and the only difference', () => {
    fc.assert(
      fc.property(widened, ([root, added]) => {
        expect(compareSchemas('input', having(root, 'y', {}), having(having(root, 'y', {}), 'z', added)).differences).toEqual([
          { class: 'compatible', kind: 'tool', name: 'add', path: '/inputSchema/properties/z', message: 'parameter z added' },
        ]);
      }),
    );
  });

  test.each<[string, unknown, unknown]>([
    ['a type more', { type: 'integer' }, { type: 'number' }],
    ['a value more', { enum: ['x'] }, { enum: ['x', 'y'] }],
    ['a bound less', { minimum: 1 }, {}],
    ['items of more types', { items: { type: 'string' } }, { items: true }],
    ['nothing required', { required: ['x'] }, {}],
  ])('%s is compatible one way and breaking the other, for output the reverse', (_what, narrow, wide) => {
    fc.assert(
      fc.property(roots, (root) => {
        const [less, more] = [having(root, 'z', narrow), having(root, 'z', wide)];
        expect([compareSchemas('input', less, more).class, compareSchemas('input', more, less).class]).toEqual(['compatible', 'breaking']);
        expect([compareSchemas('output', more, less).class, compareSchemas('output', less, more).class]).toEqual([
          'compatible',
          'breaking',
        ]);
      }),
      { numRuns: 50 },
    );
  });

  test('nothing differs from itself, whatever the hash says', () => {
    fc.assert(
      fc.property(roots, (root) => {
        const same = contract({ tools: [tool(root, { outputSchema: root })] });
        const copy = { ...structuredClone(same), hash: 'another' };
        expect(compareContracts(same, same)).toEqual({ from: same.hash, to: same.hash, class: null, differences: [], more: 0 });
        expect(compareContracts(same, copy).class).toBeNull();
      }),
    );
  });
});
