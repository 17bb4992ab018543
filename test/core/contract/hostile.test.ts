/** Contracts that a service made to do harm: the comparison comes to an end, and says what it could not look at. */
import { describe, expect, test } from 'vitest';
import { compareContracts, toolsThatDrifted } from '../../../src/core/contract/compare.ts';
import type { Contract, ContractTool } from '../../../src/model/contract.ts';
import { compareSchemas, told, tool } from './contracts.ts';

/** With any hash: some of these are too deep to take one of. */
function withTools(hash: string, tools: readonly ContractTool[]): Contract {
  return { hash, tools, prompts: [], resources: [], resourceTemplates: [] };
}

function compareInputs(from: unknown, to: unknown) {
  return compareContracts(withTools('a', [tool(from)]), withTools('b', [tool(to)]));
}

function nested(depth: number, innermost: unknown): unknown {
  let schema = innermost;
  for (let level = 0; level < depth; level++) schema = { properties: { a: schema } };
  return schema;
}

describe('schemas that are none', () => {
  const odd: readonly unknown[] = [
    null,
    1,
    'text',
    [],
    [{}],
    true,
    false,
    undefined,
    { type: 7 },
    { properties: [] },
    { required: 'a' },
    { items: 1 },
  ];
  test.each(odd.map((schema) => [JSON.stringify(schema) ?? 'undefined', schema]))('%s', (_text, schema) => {
    for (const other of [...odd, { type: 'object', properties: { a: schema } }]) {
      for (const [from, to] of [
        [schema, other],
        [other, schema],
      ]) {
        const comparison = compareInputs(from, to);
        // One and the same JSON is no difference; all else is at least for review, or known to be wider.
        expect(comparison.class === null).toBe(JSON.stringify(from) === JSON.stringify(to));
      }
    }
  });

  test('a parameter that is no schema is for review when it changes', () => {
    expect(told(compareSchemas('input', { properties: { a: 1 } }, { properties: { a: [] } }))).toEqual([
      'review /inputSchema/properties/a: parameter a: schema changed and cannot be compared, look at it',
    ]);
  });
});

describe('depth', () => {
  test('of ten thousand is for review when something in it changed, and nothing when not', () => {
    const [from, same, to] = [nested(10_000, { type: 'string' }), nested(10_000, { type: 'string' }), nested(10_000, { type: 'null' })];
    expect(told(compareInputs(from, to))).toEqual([
      'review /inputSchema: input is nested more than 200 deep and changed: cannot be compared, look at it',
    ]);
    expect(compareInputs(from, same).class).toBeNull();
  });

  test('of ten thousand in hints, values and prompt arguments does no harm either', () => {
    const deep = (end: string) => ({ ...tool({}), annotations: nested(10_000, end), title: nested(10_000, end) as string });
    expect(compareContracts(withTools('a', [deep('x')]), withTools('b', [deep('y')])).class).toBe('review');
    const prompts = (end: string): Contract => ({ ...withTools(end, []), prompts: [{ name: 'p', arguments: nested(10_000, end) }] });
    expect(compareContracts(prompts('x'), prompts('y')).class).toBe('review');
  });

  test('that only references make ends', () => {
    /** A ring of definitions, each with a property that leads to the next. */
    const ring = (length: number) => ({
      $ref: '#/$defs/d0',
      $defs: Object.fromEntries(
        Array.from({ length }, (_, index) => [`d${index}`, { properties: { next: { $ref: `#/$defs/d${(index + 1) % length}` } } }]),
      ),
    });
    expect(compareSchemas('input', ring(997), ring(991)).class).toBe('review');
    expect(compareSchemas('input', ring(7), ring(5)).differences).toMatchObject([{ class: 'review', message: 'its definition changed' }]);
  });
});

describe('references', () => {
  test.each([
    ['to itself', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }],
    ['in a circle', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }],
    ['to nothing', { $ref: '#/$defs/none' }],
    ['to what is no schema', { $ref: '#/$defs', $defs: [] }],
    ['that are badly encoded', { $ref: '#/$defs/%ff~2' }],
    ['into the prototype', { $ref: '#/__proto__/toString' }],
  ])('%s', (_what, schema) => {
    expect(compareSchemas('input', schema, { ...schema, properties: { a: { type: 'string' } } }).class).not.toBeNull();
  });

  test('that would multiply are followed once', () => {
    // Thirty levels of two references each are a thousand million paths.
    const doubling = (end: unknown) => ({
      $ref: '#/$defs/d0',
      $defs: Object.fromEntries([
        ...Array.from({ length: 30 }, (_, index) => {
          const next = { $ref: `#/$defs/d${index + 1}` };
          return [`d${index}`, { properties: { a: next, b: next } }];
        }),
        ['d30', end],
      ]),
    });
    expect(compareSchemas('input', doubling({ type: 'number' }), doubling({ type: 'integer' })).differences).toMatchObject([
      { class: 'breaking', message: expect.stringContaining('type number → integer') },
    ]);
  });

  test('that pair every definition with every other end in a word about size', () => {
    // 400 and 401 definitions whose every property leads to the next: 160,000 pairs.
    const fan = (length: number, type: string) => ({
      $ref: '#/$defs/d0',
      $defs: Object.fromEntries(
        Array.from({ length }, (_, index) => [
          `d${index}`,
          {
            type,
            properties: Object.fromEntries(
              Array.from({ length: 50 }, (_, step) => [`p${step}`, { $ref: `#/$defs/d${(index * 7 + step * 13 + 1) % length}` }]),
            ),
          },
        ]),
      ),
    });
    const messages = compareSchemas('input', fan(400, 'object'), fan(401, 'object')).differences.map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringContaining('too large to be compared'));
  });
});

describe('names', () => {
  test('of the language mean nothing special', () => {
    const from: unknown = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}}}');
    const to: unknown = JSON.parse(
      '{"type":"object","properties":{"toString":{}},"required":["__proto__","hasOwnProperty"],"__proto__":{"x":1}}',
    );
    expect(told(compareSchemas('input', from, to))).toEqual([
      'breaking /inputSchema/properties/__proto__: parameter __proto__ removed',
      'breaking /inputSchema/properties/constructor: parameter constructor removed',
      'breaking /inputSchema/required: parameter __proto__ is now required',
      'breaking /inputSchema/required: parameter hasOwnProperty is now required',
      'review /inputSchema/__proto__: input: __proto__ changed and cannot be compared, look at it',
      'compatible /inputSchema/properties/toString: parameter toString added',
    ]);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test('and values that are huge or hide what they say are cut and shown for what they are', () => {
    const name = `a\u202e/${'n'.repeat(100_000)}`;
    const [difference] = compareSchemas(
      'input',
      { properties: { [name]: { const: 1 } } },
      { properties: { [name]: { const: 'v'.repeat(100_000) } } },
    ).differences;
    expect(difference!.message.length).toBeLessThan(300);
    expect(difference!.path.length).toBeLessThan(300);
    expect(difference!.message).not.toMatch(/\u202e/);
  });
});

test('fifty thousand tools that all changed are counted, and each is known as drifted', () => {
  const tools = (type: string) =>
    Array.from({ length: 50_000 }, (_, index) => ({
      ...tool({ properties: { a: { type }, b: {}, c: {} }, required: ['a'] }),
      name: `t${index}`,
    }));
  const [from, to] = [withTools('a', tools('number')), withTools('b', tools('integer'))];
  const comparison = compareContracts(from, to);
  expect(comparison.class).toBe('breaking');
  expect(comparison.differences.length + comparison.more).toBe(50_000);
  expect(toolsThatDrifted(comparison, from, to)).toHaveLength(50_000);
});
