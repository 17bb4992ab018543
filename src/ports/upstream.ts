/**
 * MCP as spoken with one Instance, at the level of JSON-RPC envelopes: what is only passed on is never re-encoded.
 * Used by the gateway for clients' calls and by the prober for checks.
 */
import type { Contract } from '../model/contract.ts';
import type { Envelope } from '../model/envelope.ts';

export type { Envelope } from '../model/envelope.ts';

export interface ClientFacts {
  /** MCP client info and capabilities, as the client said them; sent on to upstreams that hold a session for this client alone. */
  readonly clientInfo: { readonly name: string; readonly version: string; readonly [key: string]: unknown };
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly protocolVersion: string;
}

/** What the service said in its handshake (or server/discover). */
export interface ServerFacts {
  readonly era: 'session' | 'stateless';
  readonly protocolVersion: string;
  readonly serverInfo: Readonly<Record<string, unknown>>;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions: string | null;
  /** The result object as JSON text, as the service said it. */
  readonly resultText: string;
}

export interface SessionListener {
  /** Notifications of the service (list_changed, resources/updated, logging) that belong to no request. */
  notification(message: Envelope): void;
  /** A request of the service to the client (sampling, elicitation, roots, ping); resolve with the response's text, its id as given. */
  request(message: Envelope): Promise<string>;
  /** The session is over (process gone, 404, transport closed); calls in flight have been rejected with a retryable UpstreamLost. */
  closed(reason: string): void;
}

export interface RequestOptions {
  /** Infinity: no end (subscriptions/listen). */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Progress and other notifications tied to this request, progress tokens already those of the caller. */
  readonly onNotification?: (message: Envelope) => void;
  /** Requests of the service that arrived on this request's own stream. */
  readonly onRequest?: (message: Envelope) => Promise<string>;
  /**
   * The service ended the stream of this request before answering, to be asked again later (SSE polling): the answer still
   * comes from `request`, and the caller may let its own client go in the same way. `retryMs`: as the service said it.
   */
  readonly onDetached?: (retryMs: number | null) => void;
  /** Extra HTTP headers of the stateless era (Mcp-Method, Mcp-Name, Mcp-Param-*). */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface UpstreamSession {
  readonly facts: ServerFacts;
  /** True: other clients use the same session with the service (a shared stdio process). */
  readonly shared: boolean;
  /**
   * Sends one request and resolves with the response's text, carrying the id of `message`, everything else as the service said it.
   * Rejects with FairleadError UpstreamLost (`data.written`: whether anything had been written), CallTimedOut, Cancelled, UpstreamMalformed.
   * Aborting sends notifications/cancelled upstream.
   */
  request(message: Envelope, options: RequestOptions): Promise<string>;
  notify(message: Envelope): Promise<void>;
  close(): Promise<void>;
}

/** One Instance as an MCP server; made once it runs. */
export interface Upstream {
  readonly instanceId: string;
  /** Completes the handshake; throws HandshakeTimeout, HandshakeFailed or ConnectFailed. */
  connect(timeoutMs: number): Promise<ServerFacts>;
  /** All pages of all lists, bounded (10,000 entries a list, 1,000 pages, repeated cursor guard). */
  contract(timeoutMs: number): Promise<Contract>;
  /** The host's own session, for checks; made by connect(), one for the life of the Instance. */
  readonly own: UpstreamSession;
  /**
   * A session for one client, in the era of `client.protocolVersion` where the service speaks it (a 2026-07-28 client of a
   * service of both eras gets a stateless one), in the service's own era otherwise; the shared one where the Instance has only one.
   */
  openSession(client: ClientFacts, listener: SessionListener): Promise<UpstreamSession>;
  /** Called when the service says that a list changed (debounced 200 ms). */
  onListChanged(callback: () => void): void;
  /** What a shared session says to nobody in particular (logging, resources/updated); every gateway session hears it. */
  onNotification(callback: (message: Envelope) => void): () => void;
  /** Times that the service sent what is not MCP (garbage lines, unknown ids). */
  readonly violations: number;
  close(): Promise<void>;
}
