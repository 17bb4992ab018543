/**
 * What a change from one Contract to another means for clients of the first. Pure; neither throws nor takes longer than the size
 * of the two, whatever a service sends. Tools, prompts and resources are told apart by name or URI; only what a Contract's hash
 * covers is looked at, and where the hashes differ there is always at least one difference.
 */
import type { Contract, ContractClass, ContractComparison, ContractDifference, ContractTool } from '../../model/contract.ts';
import { Differences } from './differences.ts';
import { eachText, isMembers, member, pointerToken, sameJson, type Members } from './json.ts';
import { compareSchemas, Steps } from './schema.ts';
import { codePointName, hiddenCharacters, shown, shownChange } from './wording.ts';

type Kind = ContractDifference['kind'];
type Tell = (difference: ContractClass, path: string, message: string) => void;
/** Compares two entries of one name. */
type Compare = (from: Members, to: Members, tell: Tell) => void;

/** Equal hashes have no difference; names and paths are cut at 200 characters. */
export function compareContracts(from: Contract, to: Contract): ContractComparison {
  const differences = new Differences();
  if (from.hash === to.hash) return differences.comparison(from.hash, to.hash);
  const steps = new Steps();
  compareEntries('tool', byKey(from.tools, 'name'), byKey(to.tools, 'name'), (a, b, tell) => compareTools(a, b, steps, tell), differences);
  compareEntries('prompt', byKey(from.prompts, 'name'), byKey(to.prompts, 'name'), comparePrompts, differences);
  compareEntries('resource', byKey(from.resources, 'uri'), byKey(to.resources, 'uri'), compareResources, differences);
  const templates = [from, to].map(({ resourceTemplates }) => byKey(resourceTemplates, 'uriTemplate'));
  compareEntries('resourceTemplate', templates[0]!, templates[1]!, compareResources, differences);
  return differences.comparison(from.hash, to.hash);
}

/**
 * Names of the tools of `to` that are new or not what they were in `from`, in whatever way (a description too: it is what a model
 * obeys), sorted. All of them, also where the comparison lists only the worst.
 */
export function toolsThatDrifted(comparison: ContractComparison, from: Contract, to: Contract): string[] {
  if (comparison.class === null) return [];
  const before = byKey(from.tools, 'name');
  return to.tools
    .filter((tool) => !isSame(before.get(tool.name), tool as unknown as Members))
    .map(({ name }) => name)
    .sort();
}

/** `tool add: parameter b is now required` */
export function differenceText({ kind, name, message }: ContractDifference): string {
  return `${kind === 'resourceTemplate' ? 'resource template' : kind} ${shown(name)}: ${message}`;
}

function byKey(entries: readonly object[], key: string): Map<string, Members> {
  return new Map(entries.map((entry) => [String((entry as Members)[key]), entry as Members]));
}

function compareEntries(
  kind: Kind,
  from: ReadonlyMap<string, Members>,
  to: ReadonlyMap<string, Members>,
  compare: Compare,
  differences: Differences,
): void {
  const tellOf =
    (name: string): Tell =>
    (difference, path, message) =>
      differences.add({ class: difference, kind, name: name.slice(0, 200), path: path.slice(0, 200), message });
  for (const name of from.keys()) if (!to.has(name)) tellOf(name)('breaking', '', 'removed');
  for (const [name, entry] of to) {
    const before = from.get(name);
    const tell = tellOf(name);
    if (isSame(before, entry)) continue;
    const told = differences.count;
    if (before === undefined) tell('compatible', '', 'added');
    else compare(before, entry, tell);
    tellHidden(before, entry, tell);
    if (differences.count === told) tell('review', '', 'its definition changed');
  }
}

/** Same as the Contract's hash sees it: how a description is wrapped does not matter. */
function isSame(from: Members | undefined, to: Members): boolean {
  return from !== undefined && sameJson(unwrapped(from), unwrapped(to));
}

function unwrapped(entry: Members): Members {
  return { ...entry, description: unwrappedText(entry['description']) };
}

function unwrappedText(text: unknown): unknown {
  return typeof text === 'string' ? text.replace(/\s+/g, ' ').trim() : text;
}

function compareTools(from: Members, to: Members, steps: Steps, tell: Tell): void {
  compareMembers(from, to, ['title', 'description'], tell);
  compareAnnotations(from['annotations'], to['annotations'], tell);
  compareSchemas('input', argumentsOf(from as unknown as ContractTool), argumentsOf(to as unknown as ContractTool), steps, tell);
  const [before, after] = [from['outputSchema'], to['outputSchema']];
  if (before === undefined && after !== undefined) tell('compatible', '/outputSchema', 'says now what its output looks like');
  else if (before !== undefined && after === undefined) tell('breaking', '/outputSchema', 'no longer says what its output looks like');
  else compareSchemas('output', before, after, steps, tell);
}

/** Arguments are always an object, said, said elsewhere, or not. */
function argumentsOf({ inputSchema }: ContractTool): unknown {
  if (inputSchema === undefined) return { type: 'object' };
  return isMembers(inputSchema) && !Object.hasOwn(inputSchema, '$ref') ? { type: 'object', ...inputSchema } : inputSchema;
}

function compareMembers(from: Members, to: Members, keys: readonly string[], tell: Tell): void {
  for (const key of keys) {
    const [before, after] = [from[key], to[key]].map((value) => (key === 'description' ? unwrappedText(value) : value));
    if (!sameJson(before, after)) tell('review', `/${key}`, `${key} changed: ${shownChange(before, after)}`);
  }
}

function compareAnnotations(from: unknown, to: unknown, tell: Tell): void {
  const [before, after] = [from ?? {}, to ?? {}];
  if (!isMembers(before) || !isMembers(after)) {
    if (!sameJson(from, to)) tell('review', '/annotations', `annotations changed: ${shownChange(from, to)}`);
    return;
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [x, y] = [member(before, key), member(after, key)];
    if (!sameJson(x, y)) tell('review', `/annotations/${pointerToken(key)}`, `annotation ${shown(key)} changed: ${shownChange(x, y)}`);
  }
}

function comparePrompts(from: Members, to: Members, tell: Tell): void {
  compareMembers(from, to, ['description'], tell);
  const [before, after] = [argumentList(from['arguments']), argumentList(to['arguments'])];
  if (before === null || after === null) {
    if (!sameJson(from['arguments'], to['arguments'])) tell('review', '/arguments', 'its arguments cannot be compared, look at them');
    return;
  }
  for (const name of before.keys())
    if (!after.has(name)) tell('breaking', `/arguments/${pointerToken(name)}`, `argument ${shown(name)} removed`);
  for (const [name, argument] of after) comparePromptArgument(name, before.get(name), argument, tell);
}

function comparePromptArgument(name: string, from: Members | undefined, to: Members, tell: Tell): void {
  const path = `/arguments/${pointerToken(name)}`;
  const [was, is] = [from?.['required'] === true, to['required'] === true];
  if (is && !was) tell('breaking', path, `argument ${shown(name)} is now required`);
  else if (from === undefined) tell('compatible', path, `argument ${shown(name)} added`);
  else if (was && !is) tell('compatible', path, `argument ${shown(name)} is no longer required`);
  if (from === undefined) return;
  for (const key of ['title', 'description']) {
    const [before, after] = [from[key], to[key]];
    if (!sameJson(before, after))
      tell('review', `${path}/${key}`, `${key} of argument ${shown(name)} changed: ${shownChange(before, after)}`);
  }
}

/** Prompt arguments by name; null when they are not what the protocol says. */
function argumentList(value: unknown): Map<string, Members> | null {
  if (value === undefined) return new Map();
  if (!Array.isArray(value)) return null;
  const named = value.filter((item): item is Members => isMembers(item) && typeof member(item, 'name') === 'string');
  return named.length === value.length ? byKey(named, 'name') : null;
}

function compareResources(from: Members, to: Members, tell: Tell): void {
  compareMembers(from, to, ['name', 'description', 'mimeType'], tell);
}

/** Characters that nobody sees and a model obeys, where there are more of them than before. */
function tellHidden(from: Members | undefined, to: Members, tell: Tell): void {
  const found = hiddenIn(to);
  if (found.size === 0) return;
  const before = hiddenIn(from);
  for (const [character, { count, path }] of found) {
    if (count <= (before.get(character)?.count ?? 0)) continue;
    tell('review', path, `has the character ${codePointName(character)}, which nobody can see`);
  }
}

/** Each hidden character in a value's texts, how often it is there, and where it was seen last. */
function hiddenIn(value: unknown): ReadonlyMap<string, { readonly count: number; readonly path: string }> {
  const found = new Map<string, { count: number; path: string }>();
  eachText(value, (text, path) => {
    for (const character of hiddenCharacters(text)) found.set(character, { count: (found.get(character)?.count ?? 0) + 1, path });
  });
  return found;
}
