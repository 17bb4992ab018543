/** JSON-RPC messages that Fairlead says in its own name, to clients as to services. Ids are raw JSON. Pure. */
import type { Envelope } from './envelope.ts';

/** A request of Fairlead's own; each hop gives it an id of its own, so that the one here tells it from none. */
export function requestOf(method: string, params?: unknown): Envelope {
  return { kind: 'request', id: '0', method, isError: false, text: JSON.stringify({ jsonrpc: '2.0', id: 0, method, params }) };
}

export function notificationOf(method: string, params?: unknown): Envelope {
  return { kind: 'notification', id: null, method, isError: false, text: JSON.stringify({ jsonrpc: '2.0', method, params }) };
}

/** A result response. `result` is raw JSON. */
export function resultText(id: string | null, result: string): string {
  return `{"jsonrpc":"2.0","id":${id ?? 'null'},"result":${result}}`;
}

/** An error response. */
export function errorText(id: string | null, code: number, message: string, data?: unknown): string {
  return `{"jsonrpc":"2.0","id":${id ?? 'null'},"error":${JSON.stringify({ code, message, data })}}`;
}
