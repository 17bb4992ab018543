/**
 * JSON Schemas drawn for tests from the keywords that can be judged, pairs of which the second is the first with parts changed (so
 * that most differ in little), and values such as a client makes from a schema.
 */
import * as fc from 'fast-check';

export type Schema = Record<string, unknown>;
export type Draw = (bound: number) => number;
const names = ['a', 'b', 'c'];
const definitionNames = ['d0', 'd1'];

const small = fc.integer({ min: -3, max: 6 });
const size = fc.integer({ min: 0, max: 3 });
const scalars = fc.constantFrom<unknown>(null, true, 0, 1, 2.5, 4, '', 'a', 'abc');
const some = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { requiredKeys: [] });
const types = fc.uniqueArray(fc.constantFrom('null', 'boolean', 'integer', 'number', 'string'), { minLength: 1, maxLength: 3 });

const leaves: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(true, {}, { type: 'boolean' }, { type: 'null' }),
  types.map((type) => ({ type })),
  types.map((all) => ({ anyOf: all.map((type) => ({ type })) })),
  fc.uniqueArray(scalars, { minLength: 1, maxLength: 4 }).map((values) => ({ enum: values })),
  scalars.map((value) => ({ const: value })),
  fc.constantFrom(...definitionNames).map((name) => ({ $ref: `#/$defs/${name}`, description: 'elsewhere' })),
  fc.tuple(some({ minLength: size, maxLength: size, pattern: fc.constantFrom('^a', 'b', 'c$') }), fc.boolean()).map(with_('string')),
  fc
    .tuple(
      some({
        minimum: small,
        maximum: small,
        exclusiveMinimum: small,
        exclusiveMaximum: small,
        multipleOf: fc.integer({ min: 1, max: 4 }),
      }),
      fc.boolean(),
    )
    .chain((parts) => fc.constantFrom('integer', 'number').map((type) => with_(type)(parts))),
);

/** Limits of one type, with or without the type. */
function with_(type: string) {
  return ([limits, named]: [Schema, boolean]): Schema => (named ? { type, ...limits } : limits);
}

function schemas(depth: number): fc.Arbitrary<unknown> {
  if (depth === 0) return leaves;
  const inner = schemas(depth - 1);
  const arrays = some({ items: inner, minItems: size, maxItems: size, uniqueItems: fc.boolean() }).map((limits) => ({
    type: 'array',
    ...limits,
  }));
  return fc.oneof({ weight: 3, arbitrary: leaves }, { weight: 1, arbitrary: arrays }, { weight: 3, arbitrary: objects(inner) });
}

function objects(inner: fc.Arbitrary<unknown>): fc.Arbitrary<Schema> {
  return some({
    properties: fc.dictionary(fc.constantFrom(...names), inner, { maxKeys: 3 }),
    required: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
    additionalProperties: fc.oneof(fc.boolean(), inner),
    minProperties: fc.constantFrom(0, 1),
    maxProperties: fc.constantFrom(2, 3),
  }).map((limits) => ({ type: 'object', ...limits }));
}

/** They may contain themselves, but not be themselves. */
const definitions = schemas(1).filter((schema) => !isObject(schema) || !('$ref' in schema));
export const roots = fc
  .tuple(objects(schemas(2)), fc.array(definitions, { minLength: 2, maxLength: 2 }))
  .map(([root, [d0, d1]]): Schema => ({ ...root, $defs: { d0, d1 } }));
const choices = fc.array(fc.nat(9_999), { minLength: 60, maxLength: 60 });

/** Numbers below a bound from a list that starts anew at its end. */
function drawFrom(numbers: readonly number[]): Draw {
  let at = 0;
  return (bound) => numbers[at++ % numbers.length]! % bound;
}

/** The first, with about one part in six taken from the second or left out. */
function changed(from: unknown, other: unknown, draw: Draw): unknown {
  if (!isObject(from) || !isObject(other)) return draw(6) === 0 ? other : from;
  const result: Schema = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(other)])) {
    const whatever = draw(12);
    if (whatever === 0) continue;
    if (key in from && key in other && whatever < 6) result[key] = changed(from[key], other[key], draw);
    else if (key in from) result[key] = from[key];
    else if (whatever === 1) result[key] = other[key];
  }
  return result;
}

export function isObject(value: unknown): value is Schema {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** A value such as a client makes from this schema: of names that are declared, or any where any is asked for. May not be valid. */
export function valueOf(schema: unknown, root: Schema, draw: Draw, depth = 0): unknown {
  const some: unknown[] = [null, true, -1, 3, 0.5, 'a', 'ab', 'cab', ['a', 1], { a: 1, c: 'x' }, {}, []];
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)]!;
  if (!isObject(schema) || depth > 6) return pick(some);
  if (typeof schema['$ref'] === 'string') return valueOf((root['$defs'] as Schema)[schema['$ref'].slice(8)], root, draw, depth + 1);
  if ('const' in schema) return schema['const'];
  if (Array.isArray(schema['enum'])) return pick(schema['enum'] as unknown[]);
  const declared = Array.isArray(schema['anyOf']) ? (schema['anyOf'] as Schema[]).map(({ type }) => type) : schema['type'];
  switch (Array.isArray(declared) ? pick(declared as string[]) : declared) {
    case 'integer':
      return draw(12) - 4;
    case 'number':
      return (draw(24) - 8) / 2;
    case 'string':
      return pick(['', 'a', 'ab', 'abc', 'cab', 'bbbb']);
    case 'boolean':
      return draw(2) === 0;
    case 'null':
      return null;
    case 'array':
      return Array.from({ length: draw(4) }, () => valueOf(schema['items'], root, draw, depth + 1));
    case 'object':
      return objectOf(schema, root, draw, depth);
    default:
      return pick(some);
  }
}

function objectOf(schema: Schema, root: Schema, draw: Draw, depth: number): Schema {
  const {
    properties,
    required,
    additionalProperties: others,
  } = schema as { properties?: Schema; required?: string[]; additionalProperties?: unknown };
  const anyName = isObject(others) || (depth > 0 && properties === undefined && others !== false);
  const value: Schema = {};
  for (const name of names) {
    const declared = properties !== undefined && name in properties;
    if (!declared && !anyName) continue;
    if (required?.includes(name) === true || draw(2) === 0)
      value[name] = valueOf(declared ? properties[name] : others, root, draw, depth + 1);
  }
  return value;
}

/** As `changed`; both definitions stay, for something may refer to them. */
function changedRoot(from: Schema, other: Schema, draw: Draw): Schema {
  const root = changed({ ...from, $defs: {} }, other, draw) as Schema;
  const definition = (name: string): unknown => changed((from['$defs'] as Schema)[name], (other['$defs'] as Schema)[name], draw);
  return { ...root, type: 'object', $defs: Object.fromEntries(definitionNames.map((name) => [name, definition(name)])) };
}

export const pairs = fc.tuple(roots, roots, choices, choices).map(([from, other, how, values]) => ({
  from,
  to: changedRoot(from, other, drawFrom(how)),
  values: drawFrom(values),
}));
