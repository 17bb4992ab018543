/** What an endpoint means by MCP's requests: one service as it is, or all of them together. The edges speak HTTP, Scopes speak MCP. */
import type { Envelope } from '../model/envelope.ts';
import type { Inbound } from './message.ts';
import type { ClientSession, Endpoint } from './session.ts';
import type { Stream } from './stream.ts';

export interface Scope extends Endpoint {
  /** Answers initialize; opens what must be open for it. Throws FairleadError or RpcError. */
  initialize(session: ClientSession, message: Inbound): Promise<string>;
  /** Answers any other request of a session client. Throws FairleadError or RpcError. */
  request(session: ClientSession, message: Inbound, stream: Stream, signal: AbortSignal): Promise<string>;
  notify(session: ClientSession, message: Inbound): void;
  /** Answers a request of a client without session. */
  stateless(message: Inbound, reply: StatelessReply): Promise<string>;
}

/** What a stateless request's answer may be preceded by. */
export interface StatelessReply {
  readonly signal: AbortSignal;
  /** The request's headers that concern MCP (Mcp-Method, Mcp-Name, Mcp-Param-*), for the service. */
  readonly headers: Readonly<Record<string, string>>;
  /** A message before the answer: makes a stream of it. */
  send(message: Envelope): void;
}
