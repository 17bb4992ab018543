/**
 * JSON text looked at and changed in place: finds where values stand without building them, so that everything that is only
 * passed on keeps each byte its sender wrote (`1.0`, 2^60, key order, escapes). Linear time, no recursion, never throws.
 * It checks structure (brackets, commas, literals, ends of strings), not what is inside a string that nobody asked for.
 */

/** `text.slice(start, end)` is the raw JSON of a value. Offsets count UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const colon = 0x3a;
const zero = 0x30;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Index of the first character from `at` on that is not white space. */
export function skipSpace(text: string, at: number): number {
  for (let i = at; ; i++) {
    const c = text.charCodeAt(i);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return i;
  }
}

/** Index after the value that begins at `at` (no white space before it); -1 when none stands there. */
export function skipValue(text: string, at: number): number {
  // One entry for each container that is open: the character that closes it.
  const closers: number[] = [];
  let i = at;
  for (;;) {
    const c = text.charCodeAt(i);
    if (c === openBrace || c === openBracket) {
      const closer = c === openBrace ? closeBrace : closeBracket;
      i = skipSpace(text, i + 1);
      if (text.charCodeAt(i) === closer) {
        i++;
      } else {
        closers.push(closer);
        if (closer === closeBrace) i = skipKey(text, i);
        if (i < 0) return -1;
        continue;
      }
    } else {
      i = skipScalar(text, i, c);
      if (i < 0) return -1;
    }
    // A value ends at i: close what it closes, or go on to the next member or element.
    for (;;) {
      if (closers.length === 0) return i;
      const closer = closers[closers.length - 1]!;
      i = skipSpace(text, i);
      const next = text.charCodeAt(i);
      if (next === closer) {
        closers.pop();
        i++;
      } else if (next === comma) {
        i = skipSpace(text, i + 1);
        if (closer === closeBrace) i = skipKey(text, i);
        if (i < 0) return -1;
        break;
      } else return -1;
    }
  }
}

/** From the opening quote of a key to the first character of its value; -1 when malformed. */
function skipKey(text: string, at: number): number {
  if (text.charCodeAt(at) !== quote) return -1;
  const end = skipString(text, at);
  if (end < 0) return -1;
  const i = skipSpace(text, end);
  return text.charCodeAt(i) === colon ? skipSpace(text, i + 1) : -1;
}

/** From the opening quote to after the closing one; -1 when it never closes. Long strings cost one native search. */
function skipString(text: string, at: number): number {
  let i = at + 1;
  for (;;) {
    const end = text.indexOf('"', i);
    if (end < 0) return -1;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end + 1;
    i = end + 1;
  }
}

function skipScalar(text: string, at: number, first: number): number {
  if (first === quote) return skipString(text, at);
  if (first === minus || isDigit(first)) return skipNumber(text, at);
  for (const literal of ['true', 'false', 'null']) if (text.startsWith(literal, at)) return at + literal.length;
  return -1;
}

function skipNumber(text: string, at: number): number {
  let i = text.charCodeAt(at) === minus ? at + 1 : at;
  if (text.charCodeAt(i) === zero) i++;
  else if ((i = skipDigits(text, i)) < 0) return -1;
  if (text.charCodeAt(i) === dot && (i = skipDigits(text, i + 1)) < 0) return -1;
  const c = text[i];
  if (c !== 'e' && c !== 'E') return i;
  const sign = text[i + 1];
  return skipDigits(text, sign === '+' || sign === '-' ? i + 2 : i + 1);
}

/** After one digit or more; -1 when there is none. */
function skipDigits(text: string, at: number): number {
  let i = at;
  while (isDigit(text.charCodeAt(i))) i++;
  return i === at ? -1 : i;
}

function isDigit(c: number): boolean {
  return c >= zero && c <= 0x39;
}

/**
 * Calls back with each member of the object that begins at `at`, keys decoded; stops early when the callback answers false.
 * Returns the index after the object, `at` when stopped early, -1 when it is malformed or no object.
 */
export function eachMember(text: string, at: number, visit: (key: string, value: Span) => boolean | void): number {
  if (text.charCodeAt(at) !== openBrace) return -1;
  let i = skipSpace(text, at + 1);
  if (text.charCodeAt(i) === closeBrace) return i + 1;
  for (;;) {
    const keyEnd = text.charCodeAt(i) === quote ? skipString(text, i) : -1;
    const key = keyEnd < 0 ? null : decodeString(text.slice(i, keyEnd));
    if (key === null) return -1;
    const colonAt = skipSpace(text, keyEnd);
    if (text.charCodeAt(colonAt) !== colon) return -1;
    const start = skipSpace(text, colonAt + 1);
    const end = skipValue(text, start);
    if (end < 0) return -1;
    if (visit(key, { start, end }) === false) return at;
    i = skipSpace(text, end);
    const c = text.charCodeAt(i);
    if (c === closeBrace) return i + 1;
    if (c !== comma) return -1;
    i = skipSpace(text, i + 1);
  }
}

/** The string that raw JSON says; null when the raw text is no JSON string. */
export function decodeString(raw: string): string | null {
  if (raw.charCodeAt(0) !== quote) return null;
  if (!raw.includes('\\')) return raw.slice(1, -1);
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

/** Where the value of a member of the object at `object` stands; of doubled keys the last one, as JSON.parse has it. */
export function findMember(text: string, object: Span, key: string): Span | null {
  let found: Span | null = null;
  eachMember(text, object.start, (name, value) => {
    if (name === key) found = value;
  });
  return found;
}

/** The value at a path of keys below the object at `object`; null when it is not there. */
export function findAt(text: string, object: Span, path: readonly string[]): Span | null {
  let span: Span | null = object;
  for (const key of path) {
    if (span === null) return null;
    span = findMember(text, span, key);
  }
  return span;
}

/** Replaces one stretch. */
export function splice(text: string, span: Span, raw: string): string {
  return text.slice(0, span.start) + raw + text.slice(span.end);
}

/** Sets a member of the object at `object` to raw JSON: in place where it is (doubled keys all), else first in the object. */
export function setMember(text: string, object: Span, key: string, raw: string): string {
  const found: Span[] = [];
  if (eachMember(text, object.start, (name, value) => void (name === key && found.push(value))) < 0) return text;
  if (found.length > 0) return found.reduceRight((result, span) => splice(result, span, raw), text);
  const at = object.start + 1;
  const empty = text.charCodeAt(skipSpace(text, at)) === closeBrace;
  return `${text.slice(0, at)}${JSON.stringify(key)}:${raw}${empty ? '' : ','}${text.slice(at)}`;
}
