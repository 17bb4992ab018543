/**
 * The stateless protocol (2026-07-28): each request says in `params._meta` which version, client and capabilities it comes
 * from. What a client of that protocol wrote passes as it is; what others say gets their facts added.
 */
import { rawParam, scanEnvelope, textParam, withMeta, type Envelope, type ScannedEnvelope } from '../model/envelope.ts';
import type { ClientFacts } from '../ports/upstream.ts';
import { metaKeys, statelessVersion } from '../model/stateless-era.ts';

/** The request with the client's facts in its `_meta`, unless it carries its own. */
export function withClient(message: Envelope, client: ClientFacts): Envelope {
  const scanned = scanEnvelope(message.text);
  if (scanned.kind !== 'request' || rawParam(scanned, ['_meta', metaKeys.protocolVersion]) !== null) return message;
  const text = withMeta(scanned, {
    [metaKeys.protocolVersion]: JSON.stringify(statelessVersion),
    [metaKeys.clientInfo]: JSON.stringify(client.clientInfo),
    [metaKeys.clientCapabilities]: JSON.stringify(client.capabilities),
  });
  return { ...message, text };
}

/** Methods whose name or URI the headers repeat, for whoever routes without reading bodies. */
const nameParam: Readonly<Record<string, string>> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };

/** The headers that must agree with the body: the service checks them. */
export function statelessHeaders(text: string): Record<string, string> {
  const message = scanEnvelope(text) as ScannedEnvelope;
  const version = textOf(rawParam(message, ['_meta', metaKeys.protocolVersion])) ?? statelessVersion;
  const param = nameParam[message.method!];
  const name = param === undefined ? null : textParam(message, param);
  return {
    'mcp-protocol-version': version,
    'mcp-method': headerValue(message.method!),
    ...(name === null ? {} : { 'mcp-name': headerValue(name) }),
  };
}

/** Of the headers that a client sent, those that repeat arguments. All others are said here, and credentials never come from a client. */
export function paramHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase().startsWith('mcp-param-')));
}

function textOf(raw: string | null): string | null {
  if (raw === null) return null;
  const value: unknown = JSON.parse(raw);
  return typeof value === 'string' ? value : null;
}

/** As the protocol writes values that no header may carry: `=?base64?…?=`. */
export function headerValue(text: string): string {
  const plain = /^[\t\x20-\x7e]+$/.test(text) && text === text.trim() && !(text.startsWith('=?base64?') && text.endsWith('?='));
  return plain ? text : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}
