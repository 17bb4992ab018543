/** Messages of a service as they come in, and what only this hop says. */
import { scanEnvelope, type Malformed, type ScannedEnvelope } from '../model/envelope.ts';

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

/** Tells the service that nobody waits for the request with this id (raw JSON) any more. */
export function cancelledText(id: string, reason: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":${JSON.stringify(reason)}}}`;
}

/** Notifications of a client that mean something only on its own hop: the session says them itself, or not at all. */
export const hopNotifications: ReadonlySet<string> = new Set(['notifications/initialized', 'notifications/cancelled']);
