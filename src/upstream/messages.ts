/** JSON-RPC messages that this side says in its own name. */
import { scanEnvelope, type Envelope, type Malformed, type ScannedEnvelope } from '../model/envelope.ts';

/**
 * A message of the service. What it says or asks by itself is parsed whole, for it goes to clients that wait for nothing and
 * would fall over what is no JSON inside its strings; an answer is not: it may be large, and only its own caller reads it.
 */
export function readMessage(text: string): ScannedEnvelope | Malformed {
  const message = scanEnvelope(text);
  if (message.kind === 'malformed' || message.kind === 'response') return message;
  try {
    JSON.parse(text);
    return message;
  } catch {
    // Its id is one that the service chose: no call here is meant by it.
    return { kind: 'malformed', reason: 'not-json', id: null, text };
  }
}

/** A request of the host's own; its id is replaced by the hop's. */
export function requestOf(method: string, params?: unknown): Envelope {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 0, method, ...(params === undefined ? {} : { params }) });
  return { kind: 'request', id: '0', method, isError: false, text };
}

export function notificationText(method: string, params?: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) });
}

/** Tells the service that nobody waits for the request with this id (raw JSON) any more. */
export function cancelledText(id: string, reason: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":${JSON.stringify(reason)}}}`;
}

export function resultText(id: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
}

export function errorText(id: string, code: number, message: string): string {
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message })}}`;
}

/** Notifications of a client that mean something only on its own hop: the session says them itself, or not at all. */
export const hopNotifications: ReadonlySet<string> = new Set(['notifications/initialized', 'notifications/cancelled']);
