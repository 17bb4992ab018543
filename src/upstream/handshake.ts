/**
 * The handshake in both eras, as pure questions and readings of answers: `initialize` for the session protocols
 * (2024-10-07 to 2025-11-25), `server/discover` for the stateless one (2026-07-28).
 */
import { FairleadError } from '../base/error.ts';
import { version } from '../base/version.ts';
import { rawBody, scanEnvelope, type Envelope } from '../model/envelope.ts';
import type { ClientFacts, ServerFacts } from '../ports/upstream.ts';
import { requestOf } from '../model/jsonrpc.ts';
import { metaKeys, statelessVersion } from '../model/stateless-era.ts';

/** Newest first. */
export const sessionVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'];
/**
 * Who the host says it is. No client features: on a process that many clients share, a request of the service (sampling,
 * elicitation, roots) could not be attributed to the one client it concerns, so the service must not be led to ask.
 */
export const hostFacts: ClientFacts = {
  clientInfo: { name: 'fairlead', version },
  capabilities: {},
  protocolVersion: sessionVersions[0]!,
};

export function isStateless(protocolVersion: string): boolean {
  return protocolVersion >= statelessVersion;
}

/** `initialize` in the name of a client, asking for its own version where that is one of the session protocols. */
export function initializeRequest(client: ClientFacts): Envelope {
  const protocolVersion = sessionVersions.includes(client.protocolVersion) ? client.protocolVersion : sessionVersions[0]!;
  return requestOf('initialize', { protocolVersion, capabilities: client.capabilities, clientInfo: client.clientInfo });
}

export function discoverRequest(client: ClientFacts): Envelope {
  const _meta = {
    [metaKeys.protocolVersion]: statelessVersion,
    [metaKeys.clientInfo]: client.clientInfo,
    [metaKeys.clientCapabilities]: client.capabilities,
  };
  return requestOf('server/discover', { _meta });
}

/** stateless-only: the service refuses `initialize` and names the stateless version, or does not know the method. */
export type InitializeReading =
  | { readonly kind: 'session'; readonly facts: ServerFacts }
  | { readonly kind: 'stateless-only'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

interface RpcError {
  readonly code: unknown;
  readonly message: unknown;
  readonly data: { readonly supported?: unknown } | undefined;
}

const unsupportedVersion = -32022;
const methodNotFound = -32601;

export function readInitialize(text: string): InitializeReading {
  const parsed = parseBody(text);
  if (parsed === null) return { kind: 'failed', message: 'the answer to initialize is not a JSON-RPC response' };
  if (parsed.error !== null) {
    const { code, message, data } = parsed.error;
    const supported = Array.isArray(data?.supported) ? data.supported.map(String) : [];
    const said = `the service refused initialize: ${String(message)} (${String(code)})`;
    if (code === methodNotFound || (code === unsupportedVersion && supported.some(isStateless)))
      return { kind: 'stateless-only', message: said };
    return { kind: 'failed', message: supported.length === 0 ? said : `${said}; it supports ${supported.join(', ')}` };
  }
  const { protocolVersion, capabilities, serverInfo, instructions } = parsed.result;
  if (typeof protocolVersion !== 'string') return { kind: 'failed', message: 'the answer to initialize names no protocolVersion' };
  if (!sessionVersions.includes(protocolVersion)) {
    return { kind: 'failed', message: `the service chose protocol version ${protocolVersion}; known here: ${sessionVersions.join(', ')}` };
  }
  const facts: ServerFacts = {
    era: 'session',
    protocolVersion,
    serverInfo: asObject(serverInfo),
    capabilities: asObject(capabilities),
    instructions: typeof instructions === 'string' ? instructions : null,
    resultText: parsed.raw,
  };
  return { kind: 'session', facts };
}

/** The facts in an answer to `server/discover`; null when the service does not speak the stateless protocol. */
export function readDiscover(text: string): ServerFacts | null {
  const parsed = parseBody(text);
  if (parsed === null || parsed.error !== null) return null;
  const { supportedVersions, capabilities, instructions, _meta } = parsed.result;
  if (!Array.isArray(supportedVersions) || !supportedVersions.includes(statelessVersion)) return null;
  if (capabilities === null || typeof capabilities !== 'object') return null;
  return {
    era: 'stateless',
    protocolVersion: statelessVersion,
    serverInfo: asObject(asObject(_meta)[metaKeys.serverInfo]),
    capabilities: asObject(capabilities),
    instructions: typeof instructions === 'string' ? instructions : null,
    resultText: parsed.raw,
  };
}

function parseBody(
  text: string,
): { readonly raw: string; readonly error: RpcError | null; readonly result: Record<string, unknown> } | null {
  const message = scanEnvelope(text);
  if (message.kind !== 'response') return null;
  const raw = rawBody(message)!;
  try {
    const body = JSON.parse(raw) as Record<string, unknown>;
    return message.isError ? { raw, error: body as unknown as RpcError, result: {} } : { raw, error: null, result: body };
  } catch {
    return null;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A handshake's failure in the port's words: time-outs as HandshakeTimeout, all that is not typed already as HandshakeFailed. */
export function handshakeError(error: unknown, timeoutMs: number): FairleadError {
  if (error instanceof FairleadError) {
    if (error.code === 'CallTimedOut')
      return new FairleadError('HandshakeTimeout', `no MCP handshake within ${Math.round(timeoutMs)} ms`, { cause: error });
    if (['HandshakeFailed', 'HandshakeTimeout', 'ConnectFailed', 'ProtocolViolation', 'MessageTooLarge'].includes(error.code)) return error;
    return new FairleadError('HandshakeFailed', error.message, { cause: error, data: { ...error.data } });
  }
  return new FairleadError('HandshakeFailed', error instanceof Error ? error.message : String(error), { cause: error });
}
