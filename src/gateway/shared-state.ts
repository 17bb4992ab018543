/**
 * What several clients want of one shared session with a service: subscriptions are counted by URI, the log level is the
 * most talkative that anybody asked for. What the shared session says to nobody in particular is handed to each of them.
 */
import type { Envelope } from '../model/envelope.ts';
import type { Upstream, UpstreamSession } from '../ports/upstream.ts';
import { requestOf } from '../model/jsonrpc.ts';

export const logLevels: readonly string[] = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
const replayTimeoutMs = 10_000;

interface Party {
  readonly listener: (message: Envelope) => void;
  readonly uris: Set<string>;
  level: string | null;
}

const states = new WeakMap<Upstream, SharedState>();

export class SharedState {
  readonly #parties = new Map<string, Party>();
  #level: string | null = null;

  /** The one state of an Upstream. */
  static of(upstream: Upstream): SharedState {
    let state = states.get(upstream);
    if (state === undefined) {
      const made = new SharedState();
      upstream.onNotification((message) => made.#hear(message));
      states.set(upstream, (state = made));
    }
    return state;
  }

  #hear(message: Envelope): void {
    for (const party of this.#parties.values()) party.listener(message);
  }

  join(callerId: string, listener: (message: Envelope) => void): void {
    this.#parties.set(callerId, { listener, uris: new Set(), level: null });
  }

  /** The caller is gone; what only it wanted ends. */
  leave(callerId: string, session: UpstreamSession): void {
    const party = this.#parties.get(callerId);
    if (party === undefined) return;
    for (const uri of party.uris) this.subscribe(callerId, uri, false, session);
    this.#parties.delete(callerId);
  }

  /** Whether the service must be told (the first that wants it, the last that no longer does). Tells it, unless told not to. */
  subscribe(callerId: string, uri: string, subscribed: boolean, session: UpstreamSession | null): boolean {
    const party = this.#parties.get(callerId);
    if (party === undefined) return true;
    if (party.uris.has(uri) === subscribed) return false;
    if (subscribed) party.uris.add(uri);
    else party.uris.delete(uri);
    const others = [...this.#parties].some(([id, other]) => id !== callerId && other.uris.has(uri));
    if (!others && session !== null) this.#say(session, subscribed ? 'resources/subscribe' : 'resources/unsubscribe', { uri });
    return !others;
  }

  /** The level that the service must be set to now; null when it stays as it is. */
  wantLevel(callerId: string, level: string): string | null {
    const party = this.#parties.get(callerId);
    if (party !== undefined) party.level = level;
    const wanted = [...this.#parties.values()].flatMap((each) => (each.level === null ? [] : [logLevels.indexOf(each.level)]));
    const lowest = logLevels[Math.min(...wanted)] ?? level;
    if (lowest === this.#level) return null;
    this.#level = lowest;
    return lowest;
  }

  #say(session: UpstreamSession, method: string, params: unknown): void {
    const message = requestOf(method, params);
    void session.request(message, { timeoutMs: replayTimeoutMs }).catch(() => undefined);
  }
}
