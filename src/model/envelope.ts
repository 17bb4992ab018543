/**
 * Envelopes: one JSON-RPC message as text, with what routing needs read from its top level and nothing else parsed.
 * A message is changed by splicing, so all other bytes stay as the sender wrote them. Pure; never throws on garbage.
 */
import { decodeString, eachMember, findAt, findMember, setMember, skipSpace, skipValue, splice, type Span } from './json-scan.ts';

/** One JSON-RPC message as text, with what routing needs read from its envelope. `text` is what the sender wrote. */
export interface Envelope {
  readonly kind: 'request' | 'notification' | 'response';
  /** Raw JSON of the id (`7`, `"a"`); null for notifications. */
  readonly id: string | null;
  readonly method: string | null;
  /** Responses: whether it carries `error` rather than `result`. */
  readonly isError: boolean;
  readonly text: string;
}

/** An Envelope with the places of its parts. */
export interface ScannedEnvelope extends Envelope {
  readonly idAt: Span | null;
  readonly paramsAt: Span | null;
  /** The value of `result`, or of `error`. */
  readonly bodyAt: Span | null;
}

/** What is not a JSON-RPC message, with the id it seems to carry so that whoever waits for that id can be told. */
export interface Malformed {
  readonly kind: 'malformed';
  readonly reason:
    | 'not-json'
    | 'not-an-object'
    | 'not-jsonrpc-2.0'
    | 'duplicate-key'
    | 'bad-id'
    | 'bad-method'
    | 'bad-params'
    | 'bad-result';
  readonly id: string | null;
  readonly text: string;
}

type Part = 'jsonrpc' | 'id' | 'method' | 'params' | 'result' | 'error';
const parts: ReadonlySet<string> = new Set<Part>(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

/**
 * Reads a message. A key of the envelope that stands there twice makes it malformed: readers differ on which one counts,
 * and a gateway that routes by one while the service obeys the other would be fooled.
 */
export function scanEnvelope(text: string): ScannedEnvelope | Malformed {
  const found: Partial<Record<Part, Span>> = {};
  let doubled = false;
  const start = skipSpace(text, 0);
  const end = eachMember(text, start, (key, span) => {
    if (!parts.has(key)) return;
    doubled ||= found[key as Part] !== undefined;
    found[key as Part] = span;
  });
  const malformed = (reason: Malformed['reason'], id: string | null = null): Malformed => ({ kind: 'malformed', reason, id, text });
  if (end < 0 || skipSpace(text, end) !== text.length) {
    const whole = skipValue(text, start);
    return malformed(whole >= 0 && skipSpace(text, whole) === text.length ? 'not-an-object' : 'not-json');
  }
  const id = found.id === undefined ? null : text.slice(found.id.start, found.id.end);
  const scalarId = id !== null && /^["\d-]/.test(id) ? id : null;
  if (doubled) return malformed('duplicate-key', scalarId);
  if (found.jsonrpc === undefined || decodeString(text.slice(found.jsonrpc.start, found.jsonrpc.end)) !== '2.0')
    return malformed('not-jsonrpc-2.0', scalarId);
  return found.method === undefined ? readResponse(text, found, id, scalarId) : readCall(text, found, id, scalarId);
}

function readCall(
  text: string,
  found: Partial<Record<Part, Span>>,
  id: string | null,
  scalarId: string | null,
): ScannedEnvelope | Malformed {
  const method = decodeString(text.slice(found.method!.start, found.method!.end));
  const malformed = (reason: Malformed['reason']): Malformed => ({ kind: 'malformed', reason, id: scalarId, text });
  if (method === null || found.result !== undefined || found.error !== undefined) return malformed('bad-method');
  if (id !== null && scalarId === null) return malformed('bad-id');
  if (found.params !== undefined && text[found.params.start] !== '{') return malformed('bad-params');
  const kind = id === null ? 'notification' : 'request';
  return { kind, id, method, isError: false, text, idAt: found.id ?? null, paramsAt: found.params ?? null, bodyAt: null };
}

function readResponse(
  text: string,
  found: Partial<Record<Part, Span>>,
  id: string | null,
  scalarId: string | null,
): ScannedEnvelope | Malformed {
  const malformed = (reason: Malformed['reason']): Malformed => ({ kind: 'malformed', reason, id: scalarId, text });
  const body = found.result ?? found.error;
  if (body === undefined || (found.result !== undefined && found.error !== undefined)) return malformed('bad-result');
  if (text[body.start] !== '{') return malformed('bad-result');
  const isError = found.error !== undefined;
  // An error may carry the id null: the request could not be read, so that its id is not known.
  if (id === null || (scalarId === null && !(isError && id === 'null'))) return malformed('bad-id');
  return { kind: 'response', id, method: null, isError, text, idAt: found.id ?? null, paramsAt: null, bodyAt: body };
}

/** The same message under another id (raw JSON). */
export function withId(message: ScannedEnvelope, rawId: string): string {
  return message.idAt === null || message.id === rawId ? message.text : splice(message.text, message.idAt, rawId);
}

/** Raw JSON of a direct member of `params`; null when it is not there. */
export function rawParam(message: ScannedEnvelope, path: readonly string[]): string | null {
  const span = message.paramsAt === null ? null : findAt(message.text, message.paramsAt, path);
  return span === null ? null : message.text.slice(span.start, span.end);
}

/** A string member of `params` (`name`, `uri`); null when it is not there or no string. */
export function textParam(message: ScannedEnvelope, key: string): string | null {
  const raw = rawParam(message, [key]);
  return raw === null ? null : decodeString(raw);
}

/** The text with a direct member of `params` set to raw JSON; `params` is made when there is none. */
export function withParam(message: ScannedEnvelope, key: string, raw: string): string {
  if (message.paramsAt === null) return withMember(message.text, 'params', `{${JSON.stringify(key)}:${raw}}`);
  return setMember(message.text, message.paramsAt, key, raw);
}

/** The text with members of `params._meta` set to raw JSON; `params` and `_meta` are made when there are none. */
export function withMeta(message: ScannedEnvelope, members: Readonly<Record<string, string>>): string {
  const meta = message.paramsAt === null ? null : findMember(message.text, message.paramsAt, '_meta');
  const object = meta === null || message.text[meta.start] !== '{' ? '{}' : message.text.slice(meta.start, meta.end);
  let changed = object;
  for (const [key, raw] of Object.entries(members)) changed = setMember(changed, { start: 0, end: changed.length }, key, raw);
  return withParam(message, '_meta', changed);
}

function withMember(text: string, key: string, raw: string): string {
  const start = skipSpace(text, 0);
  return setMember(text, { start, end: text.length }, key, raw);
}

/** Raw JSON of a response's `result` or `error`; null for other messages. */
export function rawBody(message: ScannedEnvelope): string | null {
  return message.bodyAt === null ? null : message.text.slice(message.bodyAt.start, message.bodyAt.end);
}

/** The message on one line, for newline-delimited and event-stream framing. JSON has line breaks between tokens only. */
export function onOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text;
}

/** The elements of a JSON array of messages, as their senders wrote them; null when the text is no array. */
export function splitBatch(text: string): string[] | null {
  let i = skipSpace(text, 0);
  if (text[i] !== '[') return null;
  const elements: string[] = [];
  i = skipSpace(text, i + 1);
  if (text[i] === ']') return skipSpace(text, i + 1) === text.length ? elements : null;
  for (;;) {
    const end = skipValue(text, i);
    if (end < 0) return null;
    elements.push(text.slice(i, end));
    i = skipSpace(text, end);
    if (text[i] === ']') return skipSpace(text, i + 1) === text.length ? elements : null;
    if (text[i] !== ',') return null;
    i = skipSpace(text, i + 1);
  }
}
