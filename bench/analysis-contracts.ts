/**
 * Contracts drawn at random, and changes to them of which it is known what they mean for clients: a schema that quietly takes less
 * than before, or one that takes the same and more.
 */
import { hashValue } from '../src/base/hash.ts';
import type { Contract, ContractTool } from '../src/model/contract.ts';

type Schema = Record<string, unknown>;
type Random = () => number;

/** A change to a schema of one kind of value; returns what it made of it. */
interface Change {
  readonly name: string;
  readonly of: string;
  readonly apply: (schema: Schema, random: Random) => Schema;
}

const words = ['city', 'unit', 'days', 'query', 'limit', 'path', 'depth', 'since', 'tags', 'user', 'format', 'lines'];

export function contractOf(tools: readonly ContractTool[]): Contract {
  const offered = { tools, prompts: [], resources: [], resourceTemplates: [] };
  return { hash: hashValue(offered), ...offered };
}

/** One to six tools with one to five parameters each, nested up to three deep. */
export function drawContract(random: Random): Contract {
  return contractOf(
    Array.from({ length: 1 + below(6, random) }, (_, index) => ({
      name: `tool_${index}`,
      description: 'What it does, in a sentence.',
      inputSchema: drawObject(random, 3),
    })),
  );
}

/** The Contract after one change of that kind, somewhere in one of its tools; and the change's name. */
export function change(contract: Contract, kinds: readonly Change[], random: Random): { contract: Contract; name: string } {
  for (;;) {
    const kind = pick(kinds, random);
    const index = below(contract.tools.length, random);
    const tool = contract.tools[index]!;
    const places = placesOf(tool.inputSchema as Schema).filter(({ schema }) => schema['type'] === kind.of);
    if (places.length === 0) continue;
    const { path, schema } = pick(places, random);
    const changed = kind.apply(schema, random);
    if (hashValue(changed) === hashValue(schema)) continue;
    const inputSchema = replaced(tool.inputSchema as Schema, path, changed);
    return { contract: contractOf(contract.tools.with(index, { ...tool, inputSchema })), name: kind.name };
  }
}

/** A client that worked before may fail. */
export const narrowings: readonly Change[] = [
  { name: 'enum loses a value', of: 'string', apply: (schema) => withField(schema, 'enum', (values) => (values as unknown[]).slice(1)) },
  { name: 'string becomes an enum', of: 'string', apply: (schema) => ({ enum: ['a', 'b'], ...schema }) },
  { name: 'maxLength falls', of: 'string', apply: (schema) => ({ ...schema, maxLength: lower(schema['maxLength'], 100) }) },
  { name: 'minLength rises', of: 'string', apply: (schema) => ({ ...schema, minLength: Number(schema['minLength'] ?? 0) + 1 }) },
  { name: 'pattern comes', of: 'string', apply: (schema) => ({ ...schema, pattern: '^[a-z]+$' }) },
  { name: 'string becomes a number', of: 'string', apply: () => ({ type: 'number' }) },
  { name: 'number becomes an integer', of: 'number', apply: (schema) => ({ ...schema, type: 'integer' }) },
  { name: 'maximum falls', of: 'number', apply: (schema) => ({ ...schema, maximum: lower(schema['maximum'], 1_000) }) },
  { name: 'minimum rises', of: 'number', apply: (schema) => ({ ...schema, minimum: Number(schema['minimum'] ?? -1) + 1 }) },
  { name: 'array must be shorter', of: 'array', apply: (schema) => ({ ...schema, maxItems: lower(schema['maxItems'], 10) }) },
  { name: 'array must not be empty', of: 'array', apply: (schema) => ({ ...schema, minItems: Number(schema['minItems'] ?? 0) + 1 }) },
  { name: 'items must be unique', of: 'array', apply: (schema) => ({ ...schema, uniqueItems: true }) },
  { name: 'parameter becomes required', of: 'object', apply: requireOne },
  { name: 'new parameter is required', of: 'object', apply: (schema) => requireNew(schema) },
  { name: 'parameter goes', of: 'object', apply: removeOne },
  { name: 'no other names any more', of: 'object', apply: (schema) => ({ ...schema, additionalProperties: false }) },
];

/** Nobody who worked before notices. */
export const additions: readonly Change[] = [
  { name: 'enum gains a value', of: 'string', apply: (schema) => withField(schema, 'enum', (values) => [...(values as unknown[]), 'new']) },
  { name: 'enum goes', of: 'string', apply: (schema) => without(schema, 'enum') },
  { name: 'maxLength rises', of: 'string', apply: (schema) => withField(schema, 'maxLength', (length) => Number(length) * 2) },
  { name: 'pattern goes', of: 'string', apply: (schema) => without(schema, 'pattern') },
  { name: 'maximum goes', of: 'number', apply: (schema) => without(schema, 'maximum') },
  { name: 'maximum rises', of: 'number', apply: (schema) => withField(schema, 'maximum', (maximum) => Number(maximum) + 1) },
  { name: 'null is taken too', of: 'number', apply: (schema) => ({ ...schema, type: ['number', 'null'] }) },
  { name: 'array may be longer', of: 'array', apply: (schema) => withField(schema, 'maxItems', (items) => Number(items) + 5) },
  {
    name: 'parameter becomes optional',
    of: 'object',
    apply: (schema) => withField(schema, 'required', (names) => (names as unknown[]).slice(1)),
  },
  {
    name: 'new parameter is optional',
    of: 'object',
    apply: (schema) => ({ ...schema, properties: { ...propertiesOf(schema), more: { type: 'boolean' } } }),
  },
  { name: 'other names are taken', of: 'object', apply: (schema) => without(schema, 'additionalProperties') },
];

function drawObject(random: Random, depth: number): Schema {
  const first = below(words.length - 4, random);
  const names = words.slice(first, first + 1 + below(5, random));
  const properties = Object.fromEntries(names.map((name) => [name, drawSchema(random, depth - 1)]));
  const required = names.filter(() => random() < 0.4);
  return { type: 'object', properties, ...(required.length > 0 && { required }), ...(random() < 0.3 && { additionalProperties: false }) };
}

function drawSchema(random: Random, depth: number): Schema {
  const some = (fields: Schema): Schema => Object.fromEntries(Object.entries(fields).filter(() => random() < 0.4));
  const kind = below(depth > 0 ? 5 : 3, random);
  if (kind === 0)
    return {
      type: 'string',
      ...some({ maxLength: 50 + below(50, random), description: 'A text.' }),
      ...(random() < 0.3 && { enum: ['a', 'b', 'c'] }),
    };
  if (kind === 1) return { type: 'number', ...some({ minimum: 0, maximum: 10 + below(100, random), description: 'A number.' }) };
  if (kind === 2) return { type: 'string', ...some({ pattern: '^[a-z0-9]+$', minLength: 1 }) };
  if (kind === 3) return { type: 'array', items: drawSchema(random, depth - 1), ...some({ maxItems: 5 + below(20, random) }) };
  return drawObject(random, depth);
}

interface Place {
  readonly path: readonly string[];
  readonly schema: Schema;
}

/** The schema and all within it. */
function placesOf(schema: Schema, path: readonly string[] = []): Place[] {
  const inner = Object.entries(propertiesOf(schema)).flatMap(([name, value]) => placesOf(value, [...path, 'properties', name]));
  const items = schema['items'] === undefined ? [] : placesOf(schema['items'] as Schema, [...path, 'items']);
  return [{ path, schema }, ...inner, ...items];
}

function replaced(schema: Schema, [key, ...rest]: readonly string[], by: Schema): Schema {
  return key === undefined ? by : { ...schema, [key]: replaced(schema[key] as Schema, rest, by) };
}

function propertiesOf(schema: Schema): Record<string, Schema> {
  return (schema['properties'] ?? {}) as Record<string, Schema>;
}

function requiredOf(schema: Schema): string[] {
  return (schema['required'] ?? []) as string[];
}

function requireOne(schema: Schema, random: Random): Schema {
  const optional = Object.keys(propertiesOf(schema)).filter((name) => !requiredOf(schema).includes(name));
  return optional.length === 0 ? schema : { ...schema, required: [...requiredOf(schema), pick(optional, random)] };
}

function requireNew(schema: Schema): Schema {
  return { ...schema, properties: { ...propertiesOf(schema), extra: { type: 'string' } }, required: [...requiredOf(schema), 'extra'] };
}

function removeOne(schema: Schema, random: Random): Schema {
  const gone = pick(Object.keys(propertiesOf(schema)), random);
  const required = requiredOf(schema).filter((name) => name !== gone);
  return {
    ...without(without(schema, 'required'), 'properties'),
    properties: without(propertiesOf(schema), gone),
    ...(required.length > 0 && { required }),
  };
}

/** Where there is such a field, with another value. */
function withField(schema: Schema, key: string, by: (value: unknown) => unknown): Schema {
  return schema[key] === undefined ? schema : { ...schema, [key]: by(schema[key]) };
}

function without(schema: Schema, gone: string): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== gone));
}

function lower(limit: unknown, otherwise: number): number {
  return limit === undefined ? otherwise : Number(limit) - 1;
}

function below(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[below(items.length, random)]!;
}
