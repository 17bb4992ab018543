/** What every kind of session here can do beyond the port, and the views that clients of one process get of its session. */
import { lost } from './call-table.ts';
import type { Envelope } from '../model/envelope.ts';
import type { ClientFacts, RequestOptions, ServerFacts, SessionListener, UpstreamSession } from '../ports/upstream.ts';
import { withClient } from './stateless.ts';

export interface EndableSession extends UpstreamSession {
  /** Ends it because the service is gone: calls fail with UpstreamLost, the listener hears `closed`. `close` alone is silent. */
  end(reason: string): void;
}

/**
 * One client's view of the session with a process that all share. In the session protocols the session itself is shared; in
 * the stateless one each request carries its own client's facts, so that only the process is.
 */
export class SharedView implements EndableSession {
  readonly #session: UpstreamSession;
  readonly #client: ClientFacts;
  readonly #listener: SessionListener;
  #closed: string | null = null;

  constructor(session: UpstreamSession, client: ClientFacts, listener: SessionListener) {
    this.#session = session;
    this.#client = client;
    this.#listener = listener;
  }

  get facts(): ServerFacts {
    return this.#session.facts;
  }

  get shared(): boolean {
    return this.facts.era === 'session';
  }

  async request(message: Envelope, options: RequestOptions): Promise<string> {
    if (this.#closed !== null) throw lost(this.#closed, { written: false });
    return this.#session.request(this.facts.era === 'stateless' ? withClient(message, this.#client) : message, options);
  }

  async notify(message: Envelope): Promise<void> {
    if (this.#closed !== null) throw lost(this.#closed, { written: false });
    // The handshake promised no roots, so a change of one client's is no news.
    if (message.method !== 'notifications/roots/list_changed') await this.#session.notify(message);
  }

  async close(): Promise<void> {
    this.#closed ??= 'the session was closed';
  }

  end(reason: string): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#listener.closed(reason);
  }
}
