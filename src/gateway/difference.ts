/**
 * Whether two answers to a tools/call say the same: `content`, `structuredContent` and `isError` of the results, whatever the
 * order of their keys; `_meta` says nothing. Two errors are the same when their codes are. Pure.
 */
import { blot, redact, secretName } from '../base/redact.ts';
import { rawAt } from './message.ts';

export interface Difference {
  /** JSON Pointer into the result where the two first differ; empty when one of them is an error. */
  readonly path: string;
  /** What stands there, as JSON: redacted, and of a long value the part around the difference. */
  readonly stable: string;
  readonly target: string;
}

type Response = {
  readonly result?: { readonly content?: unknown; readonly structuredContent?: unknown; readonly isError?: unknown };
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
};

interface Pair {
  /** JSON Pointer. */
  readonly path: string;
  readonly stable: unknown;
  readonly target: unknown;
}

const maxShown = 200;
/** What is shown of a value before the place where it differs. */
const leadIn = 60;
/** Longest word that is looked at whole, so that a secret is not cut to where nothing knows it any more. */
const maxWord = 4_000;

/** `stable`, `target`: texts of JSON-RPC responses. null when they say the same. Throws SyntaxError for what is not JSON. */
export function firstDifference(stable: string, target: string): Difference | null {
  const result = rawAt(stable, ['result']);
  if (result !== null && result === rawAt(target, ['result'])) return null;
  const [ours, theirs] = [JSON.parse(stable) as Response, JSON.parse(target) as Response];
  if (ours.error !== undefined || theirs.error !== undefined) {
    if (ours.error !== undefined && ours.error.code === theirs.error?.code) return null;
    return shown({ path: '', stable: brief(ours), target: brief(theirs) });
  }
  const pair = firstPair({ path: '', stable: said(ours), target: said(theirs) });
  return pair === null ? null : shown(pair);
}

function said({ result = {} }: Response): unknown {
  return { content: result.content, structuredContent: result.structuredContent, isError: result.isError === true };
}

function brief(response: Response): unknown {
  return response.error ?? said(response);
}

/** Depth first, without recursion: services choose how deep their answers are. */
function firstPair(root: Pair): Pair | null {
  const open = [root];
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const { path, stable, target } = pair;
    if (stable === target) continue;
    if (!isNested(stable) || !isNested(target) || Array.isArray(stable) !== Array.isArray(target)) return pair;
    const keys = new Set([...Object.keys(stable), ...Object.keys(target)]);
    keys.delete('_meta');
    for (const key of [...keys].reverse()) {
      open.push({ path: `${path}/${escaped(key)}`, stable: own(stable, key), target: own(target, key) });
    }
  }
  return null;
}

/** As RFC 6901 writes a key in a pointer. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function isNested(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object';
}

function own(value: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function shown({ path, stable, target }: Pair): Difference {
  if (secretName.test(path)) return { path, stable: blot, target: blot };
  const [ours, theirs] = [asJson(stable), asJson(target)];
  let at = 0;
  while (at < ours.length && ours[at] === theirs[at]) at++;
  return { path, stable: excerpt(ours, at), target: excerpt(theirs, at) };
}

function asJson(value: unknown): string {
  return value === undefined ? '(absent)' : JSON.stringify(value);
}

/** The part of a text around a place, redacted before it is cut. */
function excerpt(text: string, at: number): string {
  const from = at <= leadIn ? 0 : wordEdge(text, at - leadIn, -1);
  const to = wordEdge(text, Math.min(text.length, from + maxShown), 1);
  const head = from === 0 ? '' : '…';
  const words = head + redact(text.slice(from, to)) + (to === text.length ? '' : '…');
  return words.length <= maxShown ? words : `${words.slice(0, maxShown - 1)}…`;
}

/** The nearest place, this way, that is not within a word. */
function wordEdge(text: string, from: number, way: 1 | -1): number {
  let at = from;
  const inWord = (): boolean => at > 0 && at < text.length && /[\w.~+/=:@-]/.test(text[way === 1 ? at : at - 1]!);
  while (inWord() && Math.abs(at - from) < maxWord) at += way;
  return at;
}
