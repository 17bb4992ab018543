/**
 * One Instance as an MCP server: the host's own session, clients' sessions, what the service says to all.
 *
 * Invariants: one own session for the Instance's life, opened again unseen when the service forgets it; a storm of list_changed
 * is heard at most once in 200 ms; when the service is gone every session's calls fail and every listener hears `closed`.
 */
import { FairleadError } from '../base/error.ts';
import type { Envelope } from '../model/envelope.ts';
import type { Contract } from '../model/contract.ts';
import type { Endpoint } from '../ports/runtime.ts';
import type { ClientFacts, RequestOptions, ServerFacts, SessionListener, Upstream, UpstreamSession } from '../ports/upstream.ts';
import { errorText, requestOf } from '../model/jsonrpc.ts';
import { httpConnector, sseConnector, stdioConnector, type Connector } from './connectors.ts';
import { takeContract } from './contract.ts';
import { defaultSessionTimeoutMs, type UpstreamOptions } from './options.ts';
import type { EndableSession } from './session.ts';

const debounceMs = 200;
const methodNotFound = -32601;
const resubscribeMs = 5_000;

/** Makes an Upstream; nothing is sent before `connect`. `close` ends all its sessions but never the process, which is the host's. */
export function connectUpstream(endpoint: Endpoint, options: UpstreamOptions): Upstream {
  return new InstanceUpstream(endpoint, options);
}

class InstanceUpstream implements Upstream {
  readonly instanceId: string;
  readonly #options: UpstreamOptions;
  readonly #connector: Connector;
  readonly #sessions = new Set<EndableSession>();
  readonly #listChanged = new Set<() => void>();
  readonly #notified = new Set<(message: Envelope) => void>();
  #own: OwnSession | null = null;
  #violations = 0;
  #debounce: NodeJS.Timeout | undefined;
  #resubscribe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(endpoint: Endpoint, options: UpstreamOptions) {
    this.instanceId = options.instanceId;
    this.#options = options;
    const onViolation = (): void => void this.#violations++;
    if (endpoint.kind === 'stdio') this.#connector = stdioConnector(endpoint.channel, options, onViolation);
    else
      this.#connector =
        endpoint.kind === 'http' ? httpConnector(endpoint, options, onViolation) : sseConnector(endpoint, options, onViolation);
  }

  get violations(): number {
    return this.#violations;
  }

  get own(): UpstreamSession {
    if (this.#own === null) throw new FairleadError('Internal', 'the handshake has not been made');
    return this.#own;
  }

  async connect(timeoutMs: number): Promise<ServerFacts> {
    if (this.#own !== null) throw new FairleadError('Internal', 'connect was called twice');
    const open = (): Promise<EndableSession> => this.#connector.connect(this.#ownListener(), timeoutMs);
    this.#own = new OwnSession(await open(), open);
    if (this.#own.facts.era === 'stateless') this.#subscribe(this.#own);
    return this.#own.facts;
  }

  contract(timeoutMs: number): Promise<Contract> {
    return takeContract(this.own, timeoutMs, () => void this.#violations++);
  }

  async openSession(client: ClientFacts, listener: SessionListener): Promise<UpstreamSession> {
    if (this.#closed) throw new FairleadError('UpstreamLost', 'the instance is being stopped', { data: { written: false } });
    const timeoutMs = this.#options.sessionTimeoutMs ?? defaultSessionTimeoutMs;
    // Whoever ends a session on either side takes it from the set; it may end before it is known here.
    const known: { session: EndableSession | null; over: boolean } = { session: null, over: false };
    const forget = (): void => {
      known.over = true;
      if (known.session !== null) this.#sessions.delete(known.session);
    };
    const session = await this.#connector.open(
      client,
      {
        notification: (message) => {
          this.#heard(message);
          listener.notification(message);
        },
        request: (message) => listener.request(message),
        closed: (reason) => {
          forget();
          listener.closed(reason);
        },
      },
      timeoutMs,
    );
    if (this.#closed) {
      await session.close();
      throw new FairleadError('UpstreamLost', 'the instance is being stopped', { data: { written: false } });
    }
    known.session = session;
    if (!known.over) this.#sessions.add(session);
    return new ClientSession(session, forget);
  }

  onListChanged(callback: () => void): void {
    this.#listChanged.add(callback);
  }

  onNotification(callback: (message: Envelope) => void): () => void {
    this.#notified.add(callback);
    return () => void this.#notified.delete(callback);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#debounce);
    clearTimeout(this.#resubscribe);
    const sessions = [...this.#sessions];
    this.#endAll('the instance is being stopped');
    await Promise.all([...sessions, ...(this.#own === null ? [] : [this.#own])].map((session) => session.close()));
    await this.#connector.close();
  }

  #ownListener(): SessionListener {
    return {
      notification: (message) => {
        this.#heard(message);
        if (this.#own?.shared === true) for (const callback of this.#notified) callback(message);
      },
      // The host's own session promises no client features; a service that asks nevertheless gets a plain no.
      request: async (message) => errorText(message.id, methodNotFound, `${message.method} has no client here`),
      // On standard streams all views end with the process; over HTTP each session lives and dies by itself.
      closed: (reason) => this.#own?.shared === true && this.#endAll(reason),
    };
  }

  #endAll(reason: string): void {
    for (const session of this.#sessions) session.end(reason);
    this.#sessions.clear();
  }

  #heard(message: Envelope): void {
    if (!message.method!.endsWith('/list_changed') || this.#debounce !== undefined || this.#closed) return;
    this.#debounce = setTimeout(() => {
      this.#debounce = undefined;
      for (const callback of this.#listChanged) callback();
    }, debounceMs);
  }

  /** In the stateless protocol a service speaks of changes only on a stream that was asked for. */
  #subscribe(own: OwnSession): void {
    const changes = (list: string): boolean =>
      (own.facts.capabilities[list] as { listChanged?: boolean } | undefined)?.listChanged === true;
    const notifications = {
      ...(changes('tools') && { toolsListChanged: true }),
      ...(changes('prompts') && { promptsListChanged: true }),
      ...(changes('resources') && { resourcesListChanged: true }),
    };
    if (Object.keys(notifications).length === 0) return;
    const again = (): void => {
      if (!this.#closed) this.#resubscribe = setTimeout(() => this.#subscribe(own), resubscribeMs);
    };
    const options = { timeoutMs: Number.POSITIVE_INFINITY, onNotification: (message: Envelope) => this.#heard(message) };
    own.request(requestOf('subscriptions/listen', { notifications }), options).then(again, again);
  }
}

/** A client's session that is forgotten here when the client closes it. */
class ClientSession implements UpstreamSession {
  readonly #session: EndableSession;
  readonly #forget: () => void;

  constructor(session: EndableSession, forget: () => void) {
    this.#session = session;
    this.#forget = forget;
  }

  get facts(): ServerFacts {
    return this.#session.facts;
  }

  get shared(): boolean {
    return this.#session.shared;
  }

  request(message: Envelope, options: RequestOptions): Promise<string> {
    return this.#session.request(message, options);
  }

  notify(message: Envelope): Promise<void> {
    return this.#session.notify(message);
  }

  async close(): Promise<void> {
    this.#forget();
    await this.#session.close();
  }
}

/** The host's own session: when the service has forgotten it, it is opened again, once for all who wait, and the request sent again. */
class OwnSession implements UpstreamSession {
  #session: EndableSession;
  readonly #open: () => Promise<EndableSession>;
  #opening: Promise<EndableSession> | null = null;
  #closed = false;

  constructor(session: EndableSession, open: () => Promise<EndableSession>) {
    this.#session = session;
    this.#open = open;
  }

  get facts(): ServerFacts {
    return this.#session.facts;
  }

  get shared(): boolean {
    return this.#session.shared;
  }

  async request(message: Envelope, options: RequestOptions): Promise<string> {
    const session = this.#session;
    try {
      return await session.request(message, options);
    } catch (error) {
      if (!(error instanceof FairleadError) || error.data['sessionLost'] !== true || this.#closed) throw error;
      if (this.#session === session) await this.#reopen();
      return this.#session.request(message, options);
    }
  }

  notify(message: Envelope): Promise<void> {
    return this.#session.notify(message);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#session.close();
  }

  async #reopen(): Promise<void> {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    this.#session = await this.#opening;
    if (this.#closed) await this.#session.close();
  }
}
