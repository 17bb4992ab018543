/**
 * Compares two JSON Schemas of a tool: what they take (input) or give (output). Input that takes less than before is breaking;
 * output the other way round, for a client relies on what it was told. Decided, where the standard leaves it open:
 * - A client passes and reads what was declared: a property taken out is breaking, also where others may still be passed; one that
 *   is added is compatible. Only where any name was asked for (a map, a free-form object) it must take what any name took.
 * - Clients do not mind output they were not told of: properties added to it are compatible.
 * - Two patterns, formats or other rules that no order is known of are breaking both ways.
 * - A default that changes is for review: calls go on, but mean something else.
 * - A keyword that cannot be judged (`anyOf`, `oneOf`, `not`, `if`, a `$ref` to elsewhere …) is for review when it, or what it
 *   refers to, changed. Local `$ref`s are followed; no other is fetched.
 * Never throws. Work is bounded by steps, depth by levels; what lies beyond is for review.
 */
import type { ContractClass } from '../../model/contract.ts';
import { isDeeperThan, isMembers, member, pointerToken, sameJson, type Members } from './json.ts';
import {
  definitions,
  type Kind,
  kindsOf,
  kindsText,
  lowerBounds,
  notes,
  pointsTo,
  standsAt,
  upperBounds,
  valuesListed,
  type ValueList,
  word,
  wordsBeyondJudgement,
} from './schema-words.ts';
import { shown, shownChange, shownValue } from './wording.ts';

const maxNesting = 200;
const maxDepth = 100;
const maxHops = 16;
const references = new Set(['$ref', '$dynamicRef', '$recursiveRef']);

/** How a schema changed in what it allows; `other`: neither more nor less. */
type Change = 'narrower' | 'wider' | 'other';
const classes: Record<'input' | 'output', Record<Change, ContractClass>> = {
  input: { narrower: 'breaking', wider: 'compatible', other: 'breaking' },
  output: { narrower: 'compatible', wider: 'breaking', other: 'breaking' },
};

/** Work that may still be done: a step is a pair of schemas, a name, or some sixty characters. */
export class Steps {
  #left = 500_000;
  #ofSchema = 0;

  beginSchema(): void {
    this.#ofSchema = Math.min(20_000, this.#left);
  }

  /** False when it is too many. */
  take(count: number): boolean {
    this.#left -= count;
    this.#ofSchema -= count;
    return this.#ofSchema >= 0;
  }
}

type Tell = (difference: ContractClass, path: string, message: string) => void;

/** Where it stands: pointer, dotted name for a person (empty at the root), pairs above it. */
interface Place {
  readonly path: string;
  readonly name: string;
  readonly depth: number;
}

export function compareSchemas(direction: 'input' | 'output', from: unknown, to: unknown, steps: Steps, tell: Tell): void {
  if (sameJson(from, to)) return;
  const path = `/${direction}Schema`;
  if (isDeeperThan(maxNesting, from) || isDeeperThan(maxNesting, to)) {
    tell('review', path, `${direction} is nested more than ${maxNesting} deep and changed: cannot be compared, look at it`);
    return;
  }
  steps.beginSchema();
  new SchemaComparison(direction, from, to, steps, tell).run({ path, name: '', depth: 0 });
}

class SchemaComparison {
  readonly #direction: 'input' | 'output';
  readonly #from: unknown;
  readonly #to: unknown;
  readonly #steps: Steps;
  readonly #tell: Tell;
  /** Pairs that were or are being compared: where recursion ends. */
  readonly #met = new Map<Members, Set<Members>>();
  readonly #values = new Map<Members, ValueList>();
  /** Schemas of `to` that something led to. */
  readonly #reached = new Set<unknown>();
  #exhausted = false;

  constructor(direction: 'input' | 'output', from: unknown, to: unknown, steps: Steps, tell: Tell) {
    this.#direction = direction;
    this.#from = from;
    this.#to = to;
    this.#steps = steps;
    this.#tell = tell;
  }

  run(root: Place): void {
    this.#compare(this.#from, this.#to, root);
    this.#compareUnusedDefinitions(root);
  }

  #compare(fromSchema: unknown, toSchema: unknown, at: Place): void {
    if (!this.#take(1, at)) return;
    const [from, to] = [this.#resolve(this.#from, fromSchema), this.#resolve(this.#to, toSchema)];
    this.#compareNotes(from.notes, to.notes, at);
    const [before, after] = [asMembers(from.schema), asMembers(to.schema)];
    if (before === null || after === null) this.#compareOdd(from.schema, to.schema, at);
    else if (this.#isMet(before, after)) return;
    else if (at.depth >= maxDepth || (at.depth > 0 && (Object.hasOwn(before, '$id') || Object.hasOwn(after, '$id'))))
      this.#compareUnjudged('schema', before, after, at);
    else this.#compareLimits(before, after, at);
  }

  /** `false`, which takes nothing, and what is no schema at all. */
  #compareOdd(from: unknown, to: unknown, at: Place): void {
    if (from === to) return;
    if (to === false && asMembers(from) !== null) this.#change('narrower', at, ': no value is allowed any more');
    else if (from === false && asMembers(to) !== null) this.#change('wider', at, ': values are allowed now');
    else this.#compareUnjudged('schema', from, to, at);
  }

  #compareLimits(from: Members, to: Members, at: Place): void {
    const [before, after] = [this.#valuesOf(from), this.#valuesOf(to)];
    if (!this.#take(Object.keys(from).length + Object.keys(to).length + sizeOf(before) + sizeOf(after), at)) return;
    this.#compareTypes(kindsOf(from, before), kindsOf(to, after), at);
    this.#compareValues(before, after, below(at, Object.hasOwn(from, 'enum') || Object.hasOwn(to, 'enum') ? 'enum' : 'const'));
    this.#compareBounds(from, to, at);
    this.#compareRules(from, to, at);
    this.#compareProperties(from, to, at);
    this.#compareRequired(from, to, at);
    this.#compareAdditional(from, to, at);
    this.#compareItems(from, to, at);
    for (const key of wordsBeyondJudgement(from, to)) this.#compareUnjudged(key, member(from, key), member(to, key), below(at, key));
  }

  #compareTypes(before: ReadonlySet<Kind>, after: ReadonlySet<Kind>, at: Place): void {
    const [lost, won] = [missing(before, after).length > 0, missing(after, before).length > 0];
    if (!lost && !won) return;
    const change = lost && won ? 'other' : lost ? 'narrower' : 'wider';
    this.#change(change, below(at, 'type'), `: type ${kindsText(before)} → ${kindsText(after)}`);
  }

  #compareValues(before: ValueList, after: ValueList, at: Place): void {
    if (before === null && after === null) return;
    if (before === null) this.#change('narrower', at, `: only ${valuesText([...after!.values()])} from now on`);
    else if (after === null) this.#change('wider', at, `: no longer only ${valuesText([...before.values()])}`);
    else {
      const gone = missing(before.keys(), after).map((key) => before.get(key));
      const added = missing(after.keys(), before).map((key) => after.get(key));
      if (gone.length > 0) this.#change('narrower', at, `: no longer ${valuesText(gone)}`);
      if (added.length > 0) this.#change('wider', at, `: now also ${valuesText(added)}`);
    }
  }

  #compareBounds(from: Members, to: Members, at: Place): void {
    const compare = (key: string, missing: number, sign: 1 | -1): void => {
      const [before, after] = [word(from, key), word(to, key)] as (number | undefined)[];
      const growth = sign * Math.sign((after ?? missing) - (before ?? missing));
      if (growth === 1) this.#change('wider', below(at, key), `: ${key} ${shownChange(before, after)}`);
      else if (growth === -1) this.#change('narrower', below(at, key), `: ${key} ${shownChange(before, after)}`);
    };
    for (const key of upperBounds) compare(key, Number.MAX_VALUE, 1);
    for (const key of lowerBounds) compare(key, key.startsWith('min') && key !== 'minimum' ? 0 : -Number.MAX_VALUE, -1);
  }

  #compareRules(from: Members, to: Members, at: Place): void {
    for (const key of ['pattern', 'format', 'multipleOf', 'uniqueItems']) {
      const [before, after] = [word(from, key) || undefined, word(to, key) || undefined];
      if (before === after || !this.#take(cost(before) + cost(after), at)) continue;
      const looser = key === 'multipleOf' && Number.isInteger(before) && Number.isInteger(after) && Number(before) % Number(after) === 0;
      const change = before === undefined ? 'narrower' : after === undefined || looser ? 'wider' : 'other';
      this.#change(change, below(at, key), `: ${key} ${shownChange(before, after)}`);
    }
  }

  #compareProperties(from: Members, to: Members, at: Place): void {
    const [before, after] = [propertiesOf(from), propertiesOf(to)];
    if (!this.#take(Object.keys(before).length + Object.keys(after).length, at)) return;
    for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) this.#change('other', property(at, key), ' removed');
    const required = requiredOf(to);
    for (const [key, schema] of Object.entries(after)) {
      if (Object.hasOwn(before, key)) this.#compare(before[key], schema, property(at, key));
      else this.#compareAdded(from, schema, required.has(key), property(at, key), at);
    }
  }

  /** What is required from now on says so itself. */
  #compareAdded(parent: Members, schema: unknown, isRequired: boolean, at: Place, above: Place): void {
    const others = word(parent, 'additionalProperties') ?? true;
    const anyName = isMembers(others) || (others === true && above.depth > 0 && word(parent, 'properties') === undefined);
    if (anyName) this.#compare(others, schema, at);
    if (!isRequired) this.#say('compatible', at, ' added');
  }

  #compareRequired(from: Members, to: Members, at: Place): void {
    const [before, after] = [requiredOf(from), requiredOf(to)];
    if (!this.#take(before.size + after.size, at)) return;
    const place = (key: string): Place => ({ ...property(at, key), path: `${at.path}/required` });
    for (const key of missing(after, before)) this.#change('narrower', place(key), ' is now required');
    for (const key of missing(before, after)) {
      const isRemoved = Object.hasOwn(propertiesOf(from), key) && !Object.hasOwn(propertiesOf(to), key);
      if (!isRemoved) this.#change('wider', place(key), ' is no longer required');
    }
  }

  #compareAdditional(from: Members, to: Members, at: Place): void {
    const [before, after] = [from, to].map((schema) => word(schema, 'additionalProperties') ?? true);
    const place = { ...property(at, '*'), path: `${at.path}/additionalProperties` };
    if (before === false && after !== false) this.#say('compatible', place, ': names that are not declared are allowed now');
    else if (before === true && after === false) this.#change('narrower', place, ': names that are not declared are no longer allowed');
    else if (isMembers(before) || isMembers(after)) this.#compare(before, after, place);
  }

  #compareItems(from: Members, to: Members, at: Place): void {
    const [before, after] = [word(from, 'items') ?? true, word(to, 'items') ?? true];
    if (before === true && after === true) return;
    this.#compare(before, after, { path: `${at.path}/items`, name: `${at.name}[]`, depth: at.depth + 1 });
  }

  #compareNotes(from: Members, to: Members, at: Place): void {
    for (const key of notes) {
      const [before, after] = [from[key], to[key]];
      if (before === undefined && after === undefined) continue;
      if (!this.#isSame(before, after, at)) this.#say('review', below(at, key), `: ${key} changed: ${shownChange(before, after)}`);
    }
  }

  #compareUnjudged(key: string, from: unknown, to: unknown, at: Place): void {
    if (!this.#isSame({ [key]: from }, { [key]: to }, at))
      this.#say('review', at, `: ${shown(key)} changed and cannot be compared, look at it`);
  }

  /** Definitions that no pair led to: nothing is limited by them, but a model may read them. */
  #compareUnusedDefinitions(root: Place): void {
    if (!isMembers(this.#from) || !isMembers(this.#to)) return;
    for (const key of definitions) {
      const [before, after] = [member(this.#from, key), member(this.#to, key)];
      if (!isMembers(before) || !isMembers(after)) continue;
      for (const [name, schema] of Object.entries(after)) {
        if (!Object.hasOwn(before, name) || this.#reached.has(schema) || sameJson(before[name], schema)) continue;
        this.#say('review', below(below(root, key), name), `: definition ${shown(name)} changed, look at it`);
      }
    }
  }

  /** Where a schema that is nothing but a local `$ref` leads, and its notes, the outermost first. */
  #resolve(root: unknown, schema: unknown): { readonly schema: unknown; readonly notes: Members } {
    const found: Record<string, unknown> = {};
    let here = schema;
    for (let hops = 0; ; hops++) {
      if (!isMembers(here)) return { schema: here, notes: found };
      for (const key of notes) if (found[key] === undefined) found[key] = member(here, key);
      const next = hops < maxHops ? pointsTo(here) : undefined;
      if (next !== undefined) this.#steps.take('ref' in next ? cost(next.ref) : 1);
      const target = next === undefined || 'schema' in next ? next?.schema : standsAt(root, next.ref);
      if (target === undefined) return { schema: here, notes: found };
      if (root === this.#to) this.#reached.add(target);
      here = target;
    }
  }

  #valuesOf(schema: Members): ValueList {
    let values = this.#values.get(schema);
    if (values === undefined) this.#values.set(schema, (values = valuesListed(schema)));
    return values;
  }

  #isMet(from: Members, to: Members): boolean {
    const partners = this.#met.get(from) ?? new Set();
    if (partners.has(to)) return true;
    this.#met.set(from, partners.add(to));
    return false;
  }

  /** Equal as JSON, and so is everything that local `$ref`s in it lead to. */
  #isSame(from: unknown, to: unknown, at: Place): boolean {
    const followed = new Set<string>();
    if (!this.#take(cost(from), at)) return false;
    return sameJson(from, to, (key, value) => {
      if (!this.#take(cost(value), at)) return null;
      if (!references.has(key) || typeof value !== 'string' || followed.has(value)) return [];
      followed.add(value);
      return [[standsAt(this.#from, value), standsAt(this.#to, value)]];
    });
  }

  #take(count: number, at: Place): boolean {
    if (this.#exhausted) return false;
    if (this.#steps.take(count)) return true;
    this.#say('review', at, ' and what follows is too large to be compared, look at it');
    this.#exhausted = true;
    return false;
  }

  #change(change: Change, at: Place, message: string): void {
    this.#say(classes[this.#direction][change], at, message);
  }

  /** Once steps have run out nothing more is known. */
  #say(difference: ContractClass, at: Place, message: string): void {
    if (this.#exhausted) return;
    const kind = this.#direction === 'input' ? 'parameter' : 'output field';
    this.#tell(difference, at.path, `${at.name === '' ? this.#direction : `${kind} ${shown(at.name)}`}${message}`);
  }
}

/** A schema that can be looked into; `true` takes anything, as an empty one does. */
const anything: Members = {};
function asMembers(schema: unknown): Members | null {
  if (schema === true) return anything;
  return isMembers(schema) ? schema : null;
}

function propertiesOf(schema: Members): Members {
  return (word(schema, 'properties') as Members | undefined) ?? {};
}

function requiredOf(schema: Members): Set<string> {
  return new Set(word(schema, 'required') as readonly string[] | undefined);
}

function below(at: Place, key: string): Place {
  return { ...at, path: `${at.path}/${pointerToken(key)}` };
}

function property(at: Place, key: string): Place {
  const name = at.name === '' ? key : `${at.name}.${key}`;
  return { path: `${at.path}/properties/${pointerToken(key)}`, name: name.slice(0, 200), depth: at.depth + 1 };
}

/** Up to three of the values. */
function valuesText(values: readonly unknown[]): string {
  const more = values.length > 3 ? ` and ${values.length - 3} more` : '';
  return values.length === 0 ? 'nothing' : `${values.slice(0, 3).map(shownValue).join(', ')}${more}`;
}

function missing<Item>(of: Iterable<Item>, from: { has(item: Item): boolean }): Item[] {
  return [...of].filter((item) => !from.has(item));
}

function sizeOf(values: ValueList): number {
  return [...(values?.keys() ?? [])].reduce((sum, text) => sum + cost(text), 0);
}

function cost(value: unknown): number {
  return 1 + (typeof value === 'string' ? Math.floor(value.length / 60) : 0);
}
