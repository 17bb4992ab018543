/**
 * What single JSON Schema keywords (2020-12, and drafts 6 and 7 as far as they agree) say of a value. A keyword whose value is not
 * what the standard says counts as one that nobody knows. Pure; expects schemas that are not nested deep.
 */
import { canonicalJson } from '../../base/hash.ts';
import { isMembers, member, type Members } from './json.ts';

const isNumber = (value: unknown): boolean => typeof value === 'number';
const isText = (value: unknown): boolean => typeof value === 'string';
const isSchema = (value: unknown): boolean => typeof value === 'boolean' || isMembers(value);
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

export const upperBounds: readonly string[] = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
export const lowerBounds: readonly string[] = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];

/** The keywords that can be judged, and what their values must be for that. */
const judged = new Map<string, (value: unknown) => boolean>([
  ['type', (value) => typesNamed(value) !== null],
  ['enum', Array.isArray],
  ['const', () => true],
  ...[...upperBounds, ...lowerBounds, 'multipleOf'].map((key) => [key, isNumber] as const),
  ['pattern', isText],
  ['format', isText],
  ['uniqueItems', (value) => typeof value === 'boolean'],
  ['properties', isMembers],
  ['required', isTexts],
  ['additionalProperties', isSchema],
  ['items', isSchema],
]);

/** Keywords that say something to a reader and forbid nothing. */
export const notes: readonly string[] = [
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
  'contentEncoding',
  'contentMediaType',
];
/** Where definitions stand: they mean nothing but through a `$ref`. */
export const definitions: readonly string[] = ['$defs', 'definitions'];
const silent = new Set([...notes, ...definitions]);

/** A keyword's value; undefined when it is not there or cannot be judged. */
export function word(schema: Members, key: string): unknown {
  const value = member(schema, key);
  return value !== undefined && judged.get(key)!(value) ? value : undefined;
}

/** The keywords of either schema that limit something in a way that cannot be judged. */
export function wordsBeyondJudgement(from: Members, to: Members): string[] {
  const beyond = (schema: Members, key: string): boolean => {
    const value = member(schema, key);
    if (value === undefined || silent.has(key)) return false;
    return key === 'anyOf' ? typesOfChoice(value) === null : judged.get(key)?.(value) !== true;
  };
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].filter((key) => beyond(from, key) || beyond(to, key));
}

/** The one thing that a schema points to and adds no limit of its own to: a `$ref`, or an `allOf` of one; undefined when it is none. */
export function pointsTo(schema: Members): { readonly ref: string } | { readonly schema: unknown } | undefined {
  const keys = Object.keys(schema).filter((key) => !silent.has(key) && key !== '$schema');
  if (keys.length !== 1) return undefined;
  const { $ref: ref, allOf } = schema;
  if (keys[0] === '$ref' && typeof ref === 'string') return { ref };
  return keys[0] === 'allOf' && Array.isArray(allOf) && allOf.length === 1 ? { schema: allOf[0] as unknown } : undefined;
}

/** What stands at a `#/…` reference (RFC 6901) in a schema; undefined when nothing does, or it leads elsewhere: that is never fetched. */
export function standsAt(root: unknown, ref: string): unknown {
  if (ref === '#') return root;
  if (!ref.startsWith('#/') || ref.length > 1_000) return undefined;
  let here = root;
  for (const token of ref.slice(2).split('/')) {
    if (here === null || typeof here !== 'object') return undefined;
    here = member(here as Members, decoded(token).replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  return here;
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** `integer` and `fraction` together are JSON Schema's `number`. */
export type Kind = 'null' | 'boolean' | 'integer' | 'fraction' | 'string' | 'array' | 'object';
const allKinds: readonly Kind[] = ['null', 'boolean', 'integer', 'fraction', 'string', 'array', 'object'];

/** The kinds of value that a schema takes, by `type`, by an `anyOf` of mere types, and by the values it lists, if any. */
export function kindsOf(schema: Members, listed: ValueList): ReadonlySet<Kind> {
  const kindsListed = listed === null ? null : new Set([...listed.values()].map(kindOf));
  const limits = [typesNamed(word(schema, 'type')), typesOfChoice(member(schema, 'anyOf')), kindsListed];
  return new Set(allKinds.filter((kind) => limits.every((limit) => limit === null || limit.has(kind))));
}

/** `string, number`; `any` for all, `nothing` for none. */
export function kindsText(kinds: ReadonlySet<Kind>): string {
  if (kinds.size === allKinds.length) return 'any';
  const number = kinds.has('integer') && kinds.has('fraction');
  const names = [...kinds]
    .filter((kind) => !(number && kind === 'integer'))
    .map((kind) => (number && kind === 'fraction' ? 'number' : kind));
  return names.length === 0 ? 'nothing' : names.join(', ');
}

function typesNamed(value: unknown): ReadonlySet<Kind> | null {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (names.length > allKinds.length) return null;
  const kinds = new Set<Kind>();
  for (const name of names) {
    if (name === 'number') kinds.add('integer').add('fraction');
    else if (name !== 'fraction' && allKinds.includes(name as Kind)) kinds.add(name as Kind);
    else return null;
  }
  return kinds;
}

/** The types of an `anyOf` whose branches say nothing but a type, as generators write what may be null; null for any other. */
function typesOfChoice(value: unknown): ReadonlySet<Kind> | null {
  if (!Array.isArray(value) || value.length > allKinds.length) return null;
  const kinds = new Set<Kind>();
  for (const branch of value as readonly unknown[]) {
    if (!isMembers(branch) || Object.keys(branch).join() !== 'type') return null;
    const named = typesNamed(branch['type']);
    if (named === null) return null;
    for (const kind of named) kinds.add(kind);
  }
  return kinds;
}

/** Values by their canonical JSON; null where any will do. */
export type ValueList = ReadonlyMap<string, unknown> | null;

/** The values that `enum` and `const` leave. */
export function valuesListed(schema: Members): ValueList {
  const [listed, only] = [word(schema, 'enum') as readonly unknown[] | undefined, word(schema, 'const')];
  if (listed === undefined && only === undefined) return null;
  const values = new Map((listed ?? [only]).map((value) => [canonicalJson(value), value]));
  if (listed === undefined || only === undefined) return values;
  const key = canonicalJson(only);
  return values.has(key) ? new Map([[key, only]]) : new Map();
}

function kindOf(value: unknown): Kind {
  if (value === null) return 'null';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'fraction';
  if (typeof value === 'object') return Array.isArray(value) ? 'array' : 'object';
  return typeof value === 'string' ? 'string' : 'boolean';
}
