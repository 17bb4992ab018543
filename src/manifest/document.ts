/**
 * One YAML (or JSON) document to a plain tree, with every limit that keeps a hostile one from costing more than its share,
 * and back from a path to its place. The tree of nodes is dropped after reading; places are found by reading again,
 * which only a document with something wrong in it costs.
 */
import { Composer, Parser, isAlias, isMap as isYamlMap, isScalar, isSeq, type CST, type Document, type Node } from 'yaml';
import type { IssueCode } from '../model/issue-codes.ts';
import type { Issue } from '../model/issue.ts';
import { pathText, placeAt, type Place, type Segment } from './place.ts';

export const maxDepth = 64;
export const maxNodes = 10_000;
const maxAliases = 100;
const maxDuplicatesShown = 20;

export interface ReadDocument {
  /** null when the document has nothing in it. */
  readonly value: unknown;
  readonly issues: readonly Issue[];
  /** Whether null stands anywhere in the value. */
  readonly nulls: boolean;
  /** True when the text cannot be trusted to be what its author meant: nothing of it may be used. */
  readonly broken: boolean;
  readonly locate: Locate;
}

/** The place of a field, or of the nearest thing around it that is there. `key`: where its name stands rather than its value. */
export type Locate = (path: readonly Segment[], at?: 'key' | 'value') => Place;

type Report = (
  code: IssueCode,
  severity: Issue['severity'],
  message: string,
  offset: number,
  path: readonly Segment[],
  expected?: string,
) => void;

/** Reads one document's text, which begins on `firstLine` of `file`. Never throws. `mostNodes`: keys and values that it may have. */
export function readDocument(file: string, text: string, firstLine: number, mostNodes = maxNodes): ReadDocument {
  const issues: Issue[] = [];
  const report: Report = (code, severity, message, offset, path, expected) =>
    issues.push({
      code,
      severity,
      message,
      file,
      ...placeAt(text, offset, firstLine),
      path: pathText(path),
      ...(expected === undefined ? {} : { expected }),
    });
  const start: Locate = () => ({ line: firstLine, column: 1 });
  try {
    const tokens = [...new Parser().parse(text)];
    const tooMuch = limitExceeded(tokens, mostNodes);
    if (tooMuch !== null) {
      report(tooMuch.code, 'error', tooMuch.message, tooMuch.offset, [], tooMuch.expected);
      return { value: null, issues, nulls: false, broken: true, locate: start };
    }
    const document = compose(tokens);
    if (document === null) return { value: null, issues, nulls: false, broken: false, locate: start };
    // Only the first: after a mistake the parser's other complaints are mostly about the same one.
    const [mistake] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
    if (mistake !== undefined) reportSyntax(mistake, report);
    if (mistake !== undefined || document.contents === null)
      return { value: null, issues, nulls: false, broken: mistake !== undefined, locate: start };
    const plain = plainValue(document, mostNodes, report, (offset) => placeAt(text, offset, firstLine).line);
    return { ...plain, issues, broken: issues.some((issue) => issue.severity === 'error'), locate: locator(document, text, firstLine) };
  } catch (thrown) {
    // The composer recurses; a limit above that does not hold for some shape ends here rather than in the caller.
    report('SyntaxError', 'error', `The document cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}.`, 0, []);
    return { value: null, issues, nulls: false, broken: true, locate: start };
  }
}

/** Finds places in a document that was read before. */
export function locateIn(text: string, firstLine: number): Locate {
  const document = compose([...new Parser().parse(text)]);
  return document === null ? () => ({ line: firstLine, column: 1 }) : locator(document, text, firstLine);
}

function compose(tokens: Iterable<CST.Token>): Document.Parsed | null {
  // Its own check of duplicate keys is quadratic (88 s for 40,000 keys): plainValue checks instead.
  const options = { uniqueKeys: false, stringKeys: true, resolveKnownTags: false, prettyErrors: false, logLevel: 'silent' } as const;
  for (const document of new Composer(options).compose(tokens, true)) return document;
  return null;
}

interface Exceeded {
  readonly code: IssueCode;
  readonly message: string;
  readonly expected: string;
  readonly offset: number;
}

/** Depth and number of nodes, told from the tokens alone and without recursion. */
function limitExceeded(tokens: readonly CST.Token[], mostNodes: number): Exceeded | null {
  let nodes = 0;
  const pending: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const token of tokens) if (token.type === 'document' && token.value !== undefined) pending.push({ token: token.value, depth: 1 });
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    nodes += 1;
    if (nodes > mostNodes)
      return {
        code: 'TooManyNodes',
        message: `The document has more than ${mostNodes} keys and values.`,
        expected: 'smaller documents, one for each service',
        offset: 0,
      };
    if (depth > maxDepth)
      return {
        code: 'TooDeep',
        message: `The document is nested deeper than ${maxDepth} levels.`,
        expected: `at most ${maxDepth} levels`,
        offset: token.offset,
      };
    if (!('items' in token)) continue;
    for (const item of token.items) {
      if (item.key !== null && item.key !== undefined) pending.push({ token: item.key, depth: depth + 1 });
      if (item.value !== undefined) pending.push({ token: item.value, depth: depth + 1 });
    }
  }
  return null;
}

/** What some of the parser's error codes are called here; every other one is a SyntaxError. */
const syntaxMistakes: Readonly<Record<string, { readonly code: IssueCode; readonly words: string; readonly expected: string }>> = {
  TAB_AS_INDENT: { code: 'TabIndent', words: 'A tab stands where YAML allows only spaces', expected: 'spaces for indentation' },
  BAD_INDENT: { code: 'BadIndentation', words: 'Wrong indentation', expected: 'keys of one mapping in one column' },
  BLOCK_AS_IMPLICIT_KEY: {
    code: 'BadIndentation',
    words: 'A key stands where none can',
    expected: 'keys of one mapping in one column; quotes around text with `: ` in it',
  },
  TAG_RESOLVE_FAILED: { code: 'UnknownTag', words: 'YAML tags are not used here', expected: 'plain values without a tag' },
};

function reportSyntax(problem: Document.Parsed['errors'][number], report: Report): void {
  const { code, words, expected } = syntaxMistakes[problem.code] ?? { code: 'SyntaxError', words: 'Not YAML', expected: undefined };
  report(code, 'error', `${words}: ${problem.message}`, problem.pos[0], [], expected);
}

/** The plain tree; everything in it that is refused is reported. Aliases are followed, and counted each time. */
function plainValue(
  document: Document.Parsed,
  mostNodes: number,
  report: Report,
  lineOf: (offset: number) => number,
): { value: unknown; nulls: boolean } {
  let nodes = 0;
  let aliases = 0;
  let bomb = false;
  let nulls = false;
  let duplicates = 0;
  const following = new Set<Node>();

  /** The alias in the document itself that is being followed: what is wrong inside what it stands for is told there. */
  let followed: { readonly offset: number; readonly path: readonly Segment[] } | null = null;

  /** Where `convert` stands; read at once by whoever reports. */
  const path: Segment[] = [];

  const convert = (node: Node | null | undefined): unknown => {
    if (node === null || node === undefined || bomb) return null;
    nodes += 1;
    const offset = node.range?.[0] ?? 0;
    if (nodes > mostNodes || aliases > maxAliases) {
      bomb = true;
      report(
        'AliasBomb',
        'error',
        `Aliases blow the document up to more than ${aliases > maxAliases ? `${maxAliases} copies` : `${mostNodes} values`}.`,
        followed?.offset ?? offset,
        followed?.path ?? path,
        'fewer aliases; templates share settings between services',
      );
      return null;
    }
    if (isAlias(node)) {
      aliases += 1;
      const target = node.resolve(document);
      if (target === undefined) {
        report(
          'UnknownAlias',
          'error',
          `There is no anchor &${node.source} before the alias *${node.source}.`,
          offset,
          path,
          'an anchor (&name) before its alias (*name)',
        );
        return null;
      }
      if (following.has(target)) {
        const at = followed ?? { offset, path };
        report('AliasCycle', 'error', `The alias *${node.source} stands inside what it stands for.`, at.offset, at.path);
        return null;
      }
      const outer = followed;
      followed ??= { offset, path: [...path] };
      following.add(target);
      const value = convert(target);
      following.delete(target);
      followed = outer;
      return value;
    }
    if (isScalar(node)) {
      nulls ||= node.value === null;
      return scalarValue(node, offset, path, report);
    }
    const tag = node.tag;
    if (tag !== undefined && tag !== 'tag:yaml.org,2002:map' && tag !== 'tag:yaml.org,2002:seq')
      report('UnknownTag', 'error', `YAML tags are not used here: ${tag}`, offset, path, 'plain values without a tag');
    if (isSeq(node)) return node.items.map((item, index) => within(index, item as Node));
    if (isYamlMap(node)) {
      const map: Record<string, unknown> = {};
      const keys = new Map<string, number>();
      for (const pair of node.items) {
        const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
        const keyOffset = (pair.key as Node | null)?.range?.[0] ?? offset;
        const before = keys.get(key);
        if (before !== undefined) {
          duplicates += 1;
          if (duplicates <= maxDuplicatesShown)
            report(
              'DuplicateKey',
              'error',
              `The key \`${key}\` is given twice: on line ${lineOf(before)} and on line ${lineOf(keyOffset)}.`,
              keyOffset,
              [...path, key],
              'each key once',
            );
        } else if (key === '__proto__' || key === 'constructor' || key === 'prototype')
          report('ForbiddenKey', 'error', `The key \`${key}\` is never accepted.`, keyOffset, [...path, key], 'another name');
        else {
          keys.set(key, keyOffset);
          map[key] = within(key, pair.value as Node | null);
        }
      }
      return map;
    }
    return null;
  };
  const within = (segment: Segment, node: Node | null): unknown => {
    path.push(segment);
    const value = convert(node);
    path.pop();
    nulls ||= value === null;
    return value;
  };
  return { value: convert(document.contents), nulls };
}

function scalarValue(
  node: { value: unknown; source?: string; tag?: string; type?: string },
  offset: number,
  path: readonly Segment[],
  report: Report,
): unknown {
  const { value, source, tag } = node;
  if (tag !== undefined && !/^tag:yaml\.org,2002:(str|int|float|bool|null)$/.test(tag)) {
    report('UnknownTag', 'error', `YAML tags are not used here: ${tag}`, offset, path, 'plain values without a tag');
    return null;
  }
  if (typeof value === 'string' && value.includes('\0'))
    report(
      'ForbiddenCharacter',
      'error',
      'The text has the character U+0000 in it, which no program can be given.',
      offset,
      path,
      'text without NUL',
    );
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) {
    report('NumberOutOfRange', 'error', `${source ?? value} is not a number that can be represented.`, offset, path, 'a finite number');
    return null;
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    report(
      'NumberOutOfRange',
      'error',
      `${source ?? value} is beyond 2^53 and would lose digits.`,
      offset,
      path,
      'a smaller number, or text in quotes',
    );
    return null;
  }
  if (source !== undefined && /^[-+]?0[0-9]+$/.test(source))
    report(
      'LeadingZero',
      'warning',
      `${source} is read as the decimal number ${value}.`,
      offset,
      path,
      `${value}, 0o${source.replace(/^[-+]?0+/, '')} for octal, or quotes for text`,
    );
  return value;
}

function locator(document: Document.Parsed, text: string, firstLine: number): Locate {
  return (path, at = 'value') => {
    let node: Node | null = document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const [depth, segment] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document) ?? null;
      if (isYamlMap(node)) {
        const pair: { key: unknown; value: unknown } | undefined = node.items.find(
          (item) => isScalar(item.key) && String(item.key.value) === segment,
        );
        if (pair === undefined) break;
        const keyOffset = (pair.key as Node).range?.[0] ?? offset;
        node = pair.value as Node | null;
        offset = at === 'key' && depth === path.length - 1 ? keyOffset : emptyValue(node) ? keyOffset : (node?.range?.[0] ?? keyOffset);
      } else if (isSeq(node) && typeof segment === 'number' && segment < node.items.length) {
        node = node.items[segment] as Node;
        offset = node?.range?.[0] ?? offset;
      } else break;
    }
    return placeAt(text, offset, firstLine);
  };
}

/** A value that is left out (`key:`) has a range, but nothing stands there. */
function emptyValue(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null && node.source === '');
}
