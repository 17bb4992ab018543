/** Holds the result of a tool against an Expectation. Patterns are linear-time, whatever the service answers. */
import { RE2JS } from 're2js';
import { canonicalJson } from '../base/hash.ts';
import type { Expectation } from '../model/service.ts';

/** How much of an answer a message shows. */
const excerptLength = 200;
const compiled = new WeakMap<Expectation, RE2JS>();

/** The first thing that does not hold, for a person; null when all does. Throws when the pattern is not one. */
export function unmet(expect: Expectation, result: Readonly<Record<string, unknown>>): string | null {
  const text = textOf(result['content']);
  const isError = result['isError'] === true;
  if (isError !== (expect.isError ?? false)) return `the result ${isError ? 'is an error' : 'is no error'}: ${excerpt(text)}`;
  if (expect.contains !== undefined && !text.includes(expect.contains))
    return `does not contain ${excerpt(expect.contains)}: ${excerpt(text)}`;
  if (expect.matches !== undefined && !patternOf(expect).test(text)) return `does not match ${excerpt(expect.matches)}: ${excerpt(text)}`;
  if (!('equals' in expect) || expect.equals === undefined) return null;
  const value = result['structuredContent'] ?? parse(text);
  if (value === undefined) return `has no structuredContent, and its text is not JSON: ${excerpt(text)}`;
  return canonicalJson(value) === canonicalJson(expect.equals)
    ? null
    : `is not equal to what is expected: ${excerpt(canonicalJson(value))}`;
}

/** The text of all text content, joined by line breaks. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return '';
  return content
    .filter((item: { type?: unknown; text?: unknown } | null) => item?.type === 'text' && typeof item.text === 'string')
    .map((item: { text: string }) => item.text)
    .join('\n');
}

function patternOf(expect: Expectation): RE2JS {
  const known = compiled.get(expect);
  if (known !== undefined) return known;
  const pattern = RE2JS.compile(expect.matches!);
  compiled.set(expect, pattern);
  return pattern;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text);
}
