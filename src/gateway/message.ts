/** Messages of clients as they come in, and the errors that the gateway itself answers with. */
import { FairleadError, messageOf } from '../base/error.ts';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { scanEnvelope, splitBatch, type ScannedEnvelope } from '../model/envelope.ts';
import { errorText } from '../model/jsonrpc.ts';
import { decodeString, findAt, skipSpace, splice } from '../model/json-scan.ts';

/** One message of a client: the envelope for routing, `params` parsed for looking at (never for writing out again). */
export interface Inbound {
  readonly envelope: ScannedEnvelope;
  readonly params: Readonly<Record<string, unknown>>;
}

/** JSON-RPC error codes that the gateway answers with. The typed ones stand in the range left to implementations. */
export const rpc = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

const typedCodes: Partial<Record<ErrorCodeName, number>> = {
  ServiceUnavailable: -32010,
  UpstreamLost: -32011,
  TooManyCalls: -32012,
  CallTimedOut: -32013,
  UpstreamMalformed: -32014,
  Cancelled: -32015,
  NoPreview: -32016,
  ToolQuarantined: -32017,
  NotFound: rpc.invalidParams,
};

/** A JSON-RPC error that is to be said to the client as it stands. */
export class RpcError extends Error {
  readonly rpcCode: number;
  readonly data: unknown;

  constructor(rpcCode: number, message: string, data?: unknown) {
    super(message);
    this.name = 'RpcError';
    this.rpcCode = rpcCode;
    this.data = data;
  }
}

/** The response for whatever was thrown: typed errors carry `data: {code, retryable, service}`. */
export function thrownText(id: string | null, thrown: unknown, service: string | null): string {
  if (thrown instanceof RpcError) return errorText(id, thrown.rpcCode, thrown.message, thrown.data);
  if (thrown instanceof FairleadError) {
    return errorText(id, typedCodes[thrown.code] ?? rpc.internal, thrown.message, {
      code: thrown.code,
      retryable: thrown.retry !== 'never',
      service: service ?? thrown.data['service'] ?? null,
    });
  }
  return errorText(id, rpc.internal, `internal error: ${messageOf(thrown)}`, { code: 'Internal', retryable: false, service });
}

/** Raw JSON of the value at a path of keys in a message; null when it is not there. */
export function rawAt(text: string, path: readonly string[]): string | null {
  const span = findAt(text, { start: skipSpace(text, 0), end: text.length }, path);
  return span === null ? null : text.slice(span.start, span.end);
}

/** The string at a path of keys in a message; null when there is none, or none that could be read: what a service sends is not checked inside. */
export function textAt(text: string, path: readonly string[]): string | null {
  const raw = rawAt(text, path);
  return raw === null ? null : decodeString(raw);
}

/** The text with the value at a path set to other raw JSON; as it is when nothing stands there. */
export function replaceAt(text: string, path: readonly string[], raw: string): string {
  const span = findAt(text, { start: skipSpace(text, 0), end: text.length }, path);
  return span === null ? text : splice(text, span, raw);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

const noParams: Readonly<Record<string, unknown>> = Object.freeze({});

function readOne(value: unknown, text: string): Inbound {
  const envelope = scanEnvelope(text);
  if (envelope.kind === 'malformed') {
    throw new RpcError(rpc.invalidRequest, 'Invalid Request: not a JSON-RPC 2.0 message', { reason: envelope.reason });
  }
  const params = (value as { params?: Readonly<Record<string, unknown>> }).params ?? noParams;
  return { envelope, params };
}

/**
 * What was posted: one message, or the batch that 2025-03-26 allows. Throws RpcError ParseError or InvalidRequest.
 * Parsed whole, although only passed on: what is not JSON must not reach a process that other clients share.
 */
export function readBody(text: string): { readonly messages: readonly Inbound[]; readonly batch: boolean } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RpcError(rpc.parseError, 'Parse error: the body is not valid JSON');
  }
  if (!Array.isArray(value)) return { messages: [readOne(value, text)], batch: false };
  const texts = splitBatch(text) ?? [];
  if (texts.length === 0 || texts.length > 100) {
    throw new RpcError(rpc.invalidRequest, 'Invalid Request: a batch holds 1 to 100 messages');
  }
  return { messages: texts.map((item, index) => readOne(value[index], item)), batch: true };
}
