/**
 * What a request of the stateless era (2026-07-28) must carry: its envelope in `params._meta`, and headers that agree with
 * the body. Pure. The codes and HTTP statuses are the protocol's.
 */
import type { IncomingMessage } from 'node:http';
import { metaKeys, statelessVersion } from '../model/stateless-era.ts';
import { header } from './http.ts';
import { isObject, rpc, type Inbound } from './message.ts';

export interface Rejection {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Whose `Mcp-Name` header repeats which member of the params. */
const nameMember: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

function metaOf(message: Inbound): Record<string, unknown> | null {
  const meta = message.params['_meta'];
  return isObject(meta) ? meta : null;
}

function claims(message: Inbound): boolean {
  const meta = metaOf(message);
  return meta !== null && metaKeys.protocolVersion in meta;
}

function isModern(version: string | null): boolean {
  return version !== null && /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(version) && version >= statelessVersion;
}

/** Whether a POST is of the stateless era: its body says so, or its version header does. */
export function isStatelessPost(messages: readonly Inbound[], request: IncomingMessage): boolean {
  const first = messages[0];
  if (first?.envelope.method === 'initialize' && envelopeIssue(first) !== null) return isModern(header(request, 'mcp-protocol-version'));
  return messages.some(claims) || isModern(header(request, 'mcp-protocol-version'));
}

/** The first thing that is wrong with the envelope; null when it is as it must be. */
function envelopeIssue(message: Inbound): { readonly key: string; readonly problem: string } | null {
  const meta = metaOf(message);
  if (meta === null) return { key: '_meta', problem: 'missing' };
  for (const key of [metaKeys.protocolVersion, metaKeys.clientCapabilities]) if (!(key in meta)) return { key, problem: 'missing' };
  if (typeof meta[metaKeys.protocolVersion] !== 'string') return { key: metaKeys.protocolVersion, problem: 'expected a string' };
  if (!isObject(meta[metaKeys.clientCapabilities])) return { key: metaKeys.clientCapabilities, problem: 'expected an object' };
  const info = meta[metaKeys.clientInfo];
  if (info !== undefined && !(isObject(info) && typeof info['name'] === 'string' && typeof info['version'] === 'string')) {
    return { key: metaKeys.clientInfo, problem: 'expected an object with name and version' };
  }
  return null;
}

function mismatch(headerValue: string, body: string): Rejection {
  const message = `Bad Request: the request headers and body disagree: ${body}`;
  return { status: 400, code: rpc.headerMismatch, message, data: { mismatch: { header: headerValue, body } } };
}

/** Why a message of the stateless era is refused; null when it is served. */
export function statelessRejection(message: Inbound, request: IncomingMessage): Rejection | null {
  const { kind, method } = message.envelope;
  const said = header(request, 'mcp-protocol-version')?.trim() ?? null;
  if (kind === 'response') return { status: 400, code: rpc.invalidRequest, message: 'Bad Request: responses cannot be posted here' };
  if (method === 'initialize' && isModern(said) && envelopeIssue(message) !== null) {
    return mismatch(said!, 'initialize (a session handshake) was sent with a stateless MCP-Protocol-Version header');
  }
  if (kind === 'notification' && !claims(message)) return null;
  const issue = envelopeIssue(message);
  if (issue !== null) {
    const text = `Invalid params: the envelope of protocol revision ${statelessVersion} is not right: ${issue.key}: ${issue.problem}`;
    return { status: 400, code: rpc.invalidParams, message: text, data: { envelope: issue } };
  }
  const claimed = String(metaOf(message)![metaKeys.protocolVersion]);
  if (said !== null && said !== claimed) {
    return mismatch(said, `the body names protocol version ${claimed} but the MCP-Protocol-Version header names ${said}`);
  }
  const saidMethod = header(request, 'mcp-method')?.trim() ?? null;
  if (saidMethod !== null && saidMethod !== method) {
    return mismatch(saidMethod, `the body names method ${method} but the Mcp-Method header names ${saidMethod}`);
  }
  if (claimed !== statelessVersion) {
    const data = { supported: [statelessVersion], requested: claimed };
    return { status: 400, code: rpc.unsupportedVersion, message: `Unsupported protocol version: ${claimed}`, data };
  }
  return kind === 'notification' ? null : headerRejection(message, said, saidMethod, header(request, 'mcp-name')?.trim() ?? null);
}

function headerRejection(message: Inbound, said: string | null, saidMethod: string | null, saidName: string | null): Rejection | null {
  const method = message.envelope.method ?? '';
  if (said === null) return mismatch('(missing)', 'the required MCP-Protocol-Version header is absent');
  if (saidMethod === null) return mismatch('(missing)', `the body names method ${method} but the required Mcp-Method header is absent`);
  const member = Object.hasOwn(nameMember, method) ? nameMember[method]! : null;
  if (member === null) return null;
  const named = message.params[member];
  if (saidName === null) {
    return typeof named === 'string'
      ? mismatch('(missing)', `the body carries params.${member} but the required Mcp-Name header is absent`)
      : null;
  }
  const decoded = decodeHeaderValue(saidName);
  if (decoded === null) return mismatch(saidName, 'the Mcp-Name header carries an invalid Base64 value');
  if (typeof named === 'string' && decoded !== named) {
    return mismatch(
      saidName,
      `the body carries params.${member}=${JSON.stringify(named)} but the Mcp-Name header names ${JSON.stringify(decoded)}`,
    );
  }
  return null;
}

/** A header value as the protocol writes those that no header may carry: `=?base64?…?=`. Null when that is malformed. */
export function decodeHeaderValue(value: string): string | null {
  if (!(value.startsWith('=?base64?') && value.endsWith('?='))) return value;
  const encoded = value.slice(9, -2);
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64'));
  } catch {
    return null;
  }
}

/** The headers that are for the service: what travels beside the parameters. */
export function paramHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith('mcp-param-') && typeof value === 'string') headers[name] = value;
  }
  return headers;
}

/** HTTP status of a JSON-RPC error that answers a stateless request. */
export function statusOfError(code: number): number {
  if (code === rpc.methodNotFound) return 404;
  return [rpc.headerMismatch, rpc.missingCapability, rpc.unsupportedVersion].some((known) => known === code) ? 400 : 200;
}
