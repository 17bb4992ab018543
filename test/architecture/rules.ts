/**
 * The rules of ARCHITECTURE.md as a pure function from source texts to violations: floors, siblings, cycles, pure floors,
 * names and sizes. It reads the syntax tree, so a comment or a string never counts, and a type counts as an import too.
 */
import { posix } from 'node:path';
import { parseSync } from 'rolldown/utils';

export interface Violation {
  readonly rule:
    | 'unknown-folder'
    | 'upward-import'
    | 'sibling-import'
    | 'import-cycle'
    | 'composition-root'
    | 'missing-file'
    | 'impure'
    | 'too-long'
    | 'bad-name'
    | 'no-header'
    | 'unfinished'
    | 'does-not-parse';
  /** Relative to src/. */
  readonly file: string;
  readonly detail: string;
}

/** Folder under src/ → floor. Imports go to a lower floor or stay in the folder. */
export const floors: Readonly<Record<string, number>> = {
  base: 0,
  model: 1,
  manifest: 2,
  core: 2,
  ports: 2,
  controller: 3,
  sources: 3,
  forges: 3,
  compiler: 3,
  runtimes: 3,
  upstream: 3,
  probes: 3,
  stores: 3,
  gateway: 3,
  host: 3,
  link: 3,
  sim: 4,
  'status-api': 4,
  admin: 4,
  hooks: 4,
  cli: 4,
  processes: 5,
};

/** Folders that may name a concrete part of floor 3; all others know parts by their ports alone. */
const compositionRoots = new Set(['processes', 'cli', 'sim']);
/** Folders where a part may name the type of the whole that it belongs to. */
const namingTheirWhole = new Set(['sim']);
const pureFolders = new Set(['core', 'manifest', 'model']);
/** What a pure file may import from outside src/: packages that neither read nor wait, and node:path, which only joins text. */
const pureImports = new Set(['yaml', 'ajv', 'ajv/dist/2020.js', 're2js', 'jstat', 'semver', 'node:path', 'node:path/posix']);
/** The one file that may use node:crypto on behalf of the pure floors, for createHash. */
const hashFile = 'base/hash.ts';
const impureGlobals = new Set(
  (
    'Date process setTimeout setInterval setImmediate clearTimeout clearInterval queueMicrotask performance console crypto ' +
    'fetch globalThis global require Promise WebSocket EventSource AbortSignal AbortController MessageChannel navigator localStorage'
  ).split(' '),
);
const maxLines = 450;
const badWords = /(^|[-/])(utils?|helpers?|common|manager|misc)([-./]|$)/;

interface Module {
  readonly file: string;
  readonly folder: string;
  readonly imports: readonly { readonly specifier: string; readonly typeOnly: boolean; readonly names: readonly string[] }[];
  readonly impurities: readonly string[];
}

/** Every violation in a tree of sources: file name relative to src/ → text. */
export function check(sources: ReadonlyMap<string, string>): Violation[] {
  const violations: Violation[] = [];
  const modules = new Map<string, Module>();
  for (const [file, text] of sources) {
    violations.push(...checkText(file, text));
    const module = read(file, text);
    if (module === null) violations.push({ rule: 'does-not-parse', file, detail: 'not TypeScript' });
    else modules.set(file, module);
  }
  for (const module of modules.values()) violations.push(...checkImports(module, modules));
  violations.push(...checkCycles(modules), ...checkPurity(modules));
  return violations;
}

function checkText(file: string, text: string): Violation[] {
  const violations: Violation[] = [];
  const lines = text.split('\n').length - 1;
  const generated = file.includes('/gen/');
  if (lines > maxLines && !generated) violations.push({ rule: 'too-long', file, detail: `${lines} lines; ${maxLines} is the most` });
  if (!/^[a-z0-9/-]+(\.d)?\.ts$/.test(file) || badWords.test(file))
    violations.push({ rule: 'bad-name', file, detail: 'kebab-case, and a name that says what is in it' });
  if (!/^(#!.*\n)?(\/\*|\/\/)/.test(text))
    violations.push({ rule: 'no-header', file, detail: 'a file begins with what it is and must not do' });
  const mark = /\b(TODO|FIXME|XXX|HACK)\b/.exec(text);
  if (mark) violations.push({ rule: 'unfinished', file, detail: mark[0] });
  return violations;
}

function checkImports(module: Module, modules: ReadonlyMap<string, Module>): Violation[] {
  const { file, folder } = module;
  const violations: Violation[] = [];
  const from = floors[folder];
  if (from === undefined) return [{ rule: 'unknown-folder', file, detail: `${folder} has no floor` }];
  for (const { specifier, typeOnly } of module.imports) {
    const to = resolve(file, specifier);
    if (to === null || to.startsWith('../')) continue;
    if (!modules.has(to)) violations.push({ rule: 'missing-file', file, detail: to });
    const toFolder = to.split('/')[0]!;
    const toFloor = floors[toFolder];
    if (toFloor === undefined || toFolder === folder) continue;
    if (toFloor > from) violations.push({ rule: 'upward-import', file, detail: `floor ${from} imports ${to} of floor ${toFloor}` });
    else if (toFloor === from) violations.push({ rule: 'sibling-import', file, detail: `${folder} imports its sibling ${to}` });
    else if (toFloor === 3 && !typeOnly && !compositionRoots.has(folder))
      violations.push({ rule: 'composition-root', file, detail: `${to} may be constructed by composition roots only` });
  }
  return violations;
}

/**
 * Cycles between files: strongly connected components (Tarjan) of more than one file. A type closes one too,
 * but in the simulator: its parts name the type of the world that they belong to, which is nothing at run time.
 */
function checkCycles(modules: ReadonlyMap<string, Module>): Violation[] {
  const violations: Violation[] = [];
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    low.set(file, order.get(file)!);
    stack.push(file);
    const { folder, imports } = modules.get(file)!;
    for (const { specifier, typeOnly } of imports) {
      const to = resolve(file, specifier);
      if (to === null || !modules.has(to) || (typeOnly && namingTheirWhole.has(folder))) continue;
      if (to === file) violations.push({ rule: 'import-cycle', file, detail: 'imports itself' });
      if (!order.has(to)) visit(to);
      if (stack.includes(to)) low.set(file, Math.min(low.get(file)!, low.get(to)!));
    }
    if (low.get(file) !== order.get(file)) return;
    const component = stack.splice(stack.indexOf(file));
    if (component.length > 1) violations.push({ rule: 'import-cycle', file, detail: component.sort().join(' ↔ ') });
  };
  for (const file of modules.keys()) if (!order.has(file)) visit(file);
  return violations;
}

/** The pure folders, and whatever of src/ they pull in at run time, must be pure. */
function checkPurity(modules: ReadonlyMap<string, Module>): Violation[] {
  const violations: Violation[] = [];
  const waiting = [...modules.values()].filter((module) => pureFolders.has(module.folder)).map((module) => module.file);
  const seen = new Set(waiting);
  while (waiting.length > 0) {
    const file = waiting.pop()!;
    const module = modules.get(file)!;
    for (const detail of module.impurities) violations.push({ rule: 'impure', file, detail });
    for (const { specifier, typeOnly, names } of module.imports) {
      if (typeOnly) continue;
      const to = resolve(file, specifier);
      if (to === null) {
        const hashing = file === hashFile && specifier === 'node:crypto' && names.every((name) => name === 'createHash');
        if (!pureImports.has(specifier) && !hashing) violations.push({ rule: 'impure', file, detail: `imports ${specifier}` });
      } else if (modules.has(to)) {
        if (!seen.has(to)) waiting.push(to);
        seen.add(to);
      } else if (to.startsWith('../') && !to.endsWith('.json')) {
        violations.push({ rule: 'impure', file, detail: `imports ${to} from outside src/` });
      }
    }
  }
  return violations;
}

/** Path relative to src/ of a relative import (`../` in front when it leaves src/); null for a package. */
function resolve(file: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : null;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

function read(file: string, text: string): Module | null {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) return null;
  const imports: { specifier: string; typeOnly: boolean; names: string[] }[] = [];
  const impurities = new Set<string>();
  walk(program as unknown as Node, (node, parent, key) => {
    const source = node['source'] as { value?: unknown } | null | undefined;
    if (typeof source?.value === 'string' && /^(Import|Export)/.test(node.type)) {
      const specifiers = (node['specifiers'] ?? []) as Node[];
      const typeOnly =
        node['importKind'] === 'type' ||
        node['exportKind'] === 'type' ||
        (specifiers.length > 0 && specifiers.every((item) => item['importKind'] === 'type' || item['exportKind'] === 'type'));
      const names = specifiers.map((item) => ((item['imported'] ?? item['local']) as { name?: string } | undefined)?.name ?? '*');
      imports.push({ specifier: source.value, typeOnly, names: specifiers.length > 0 ? names : ['*'] });
    } else if (node.type === 'TSImportType') {
      imports.push({ specifier: String(source?.value), typeOnly: true, names: [] });
    }
    const impurity = impurityOf(node, parent, key);
    if (impurity !== null) impurities.add(impurity);
  });
  return { file, folder: file.split('/')[0]!, imports, impurities: [...impurities] };
}

/** What makes a node impure: a global that reads or waits, async, a random number, the locale of the machine. */
function impurityOf(node: Node, parent: Node | null, key: string): string | null {
  if (node['async'] === true) return 'async function';
  if (node.type === 'AwaitExpression' || node['await'] === true) return 'await';
  if (node.type === 'ImportExpression') return 'import()';
  if (node.type === 'MetaProperty') return 'import.meta';
  if (node.type === 'MemberExpression') {
    const name = (node['property'] as { name?: string; value?: string }).name ?? (node['property'] as { value?: string }).value;
    const object = node['object'] as { name?: string };
    if (object.name === 'Math' && name === 'random') return 'Math.random';
    if (typeof name === 'string' && name.startsWith('toLocale')) return name;
  }
  if (node.type === 'VariableDeclarator' && (node['init'] as { name?: string } | null)?.name === 'Math') return 'Math taken apart';
  if (node.type !== 'Identifier' || !impureGlobals.has(node['name'] as string)) return null;
  const isName =
    parent !== null &&
    ((parent.type === 'MemberExpression' && key === 'property' && parent['computed'] !== true) ||
      (/Property|MethodDefinition|TSPropertySignature|TSMethodSignature/.test(parent.type) &&
        key === 'key' &&
        parent['computed'] !== true));
  const shorthand = parent?.['shorthand'] === true;
  return isName && !shorthand ? null : (node['name'] as string);
}

function walk(node: Node, visit: (node: Node, parent: Node | null, key: string) => void, parent: Node | null = null, key = ''): void {
  visit(node, parent, key);
  for (const [childKey, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === 'object' && typeof (child as Node).type === 'string')
        walk(child as Node, visit, node, childKey);
    }
  }
}
