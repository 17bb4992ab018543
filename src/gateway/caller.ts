/**
 * A Caller: one client as services see it, with its upstream session to each service that it has called.
 *
 * Invariants: an upstream session belongs to one Caller alone unless the Instance has only a shared one; a session that is
 * lost is opened again at another (or the same) Instance, unseen by the client, with log level and subscriptions said anew.
 * What a service asks or tells reaches this Caller's client only.
 */
import { FairleadError } from '../base/error.ts';
import type { Contract } from '../model/contract.ts';
import type { ClientFacts, Envelope, RequestOptions, ServerFacts, UpstreamSession } from '../ports/upstream.ts';
import { requestOf } from '../model/jsonrpc.ts';
import type { Backend } from './backend.ts';
import { changedLists, type ListKind } from './changed-lists.ts';
import type { Member } from './members.ts';
import { SharedState } from './shared-state.ts';
import type { Affinity } from './shares.ts';

/** Where a service's own messages to the client go. */
export interface ClientSink {
  notification(service: string, message: Envelope): void;
  /** Resolves with the client's response, under the id of `message`. */
  request(service: string, message: Envelope): Promise<string>;
  /** Lists that the client has been shown are others now. */
  listChanged(service: string, kinds: readonly ListKind[]): void;
}

/** An open way to an Instance for this Caller. */
export class Line {
  readonly service: string;
  readonly member: Member;
  readonly session: UpstreamSession;
  #calls = 0;
  #retired = false;

  constructor(service: string, member: Member, session: UpstreamSession) {
    this.service = service;
    this.member = member;
    this.session = session;
  }

  async request(message: Envelope, options: RequestOptions): Promise<string> {
    this.#calls++;
    try {
      return await this.session.request(message, options);
    } finally {
      this.#calls--;
      if (this.#retired) this.retire();
    }
  }

  /** Gets no new call: the session is closed once those under way have their answers. */
  retire(): void {
    this.#retired = true;
    if (this.#calls === 0) this.close();
  }

  close(): void {
    void this.session.close().catch(() => undefined);
  }
}

interface Binding {
  readonly backend: Backend;
  readonly affinity: Affinity;
  /** The Caller's own session; null while there is none or the Instance has only a shared one. */
  own: Line | null;
  /** Sessions in use at Instances that have only a shared one. */
  readonly shared: Map<Member, Line>;
  /** Openings under way, so that calls at the same moment open one session. */
  readonly opening: Map<Member, Promise<Line>>;
  /** The Revision of the session that was used last. */
  revision: string | null;
  /** What the client has been shown; null: that there is nothing; undefined: not yet anything. */
  shown: Contract | null | undefined;
}

const replayTimeoutMs = 10_000;

export class Caller {
  readonly id: string;
  readonly facts: ClientFacts;
  readonly #sink: ClientSink;
  readonly #anonymous: boolean;
  readonly #bindings = new Map<string, Binding>();
  readonly #subscriptions = new Map<string, Set<string>>();
  #logLevel: string | null = null;
  #closed = false;

  /** Without a sink it is an anonymous Caller: it stands for many clients, is bound to no Instance, and cannot be asked. */
  constructor(id: string, facts: ClientFacts, sink: ClientSink | null) {
    this.id = id;
    this.facts = facts;
    this.#sink = sink ?? deafSink;
    this.#anonymous = sink === null;
  }

  /** What decides among Revisions for its next request: one for all of a session, one for each request where there is none. */
  affinityTo(backend: Backend): Affinity {
    return this.#anonymous ? backend.affinityOfRequest() : this.#binding(backend).affinity;
  }

  get logLevel(): string | null {
    return this.#logLevel;
  }

  /** Remembered for services that are opened later; those that are open must be told by the caller of this. */
  rememberLogLevel(level: string): void {
    this.#logLevel = level;
  }

  rememberSubscription(service: string, uri: string, subscribed: boolean): void {
    const uris = this.#subscriptions.get(service) ?? new Set();
    if (subscribed) uris.add(uri);
    else uris.delete(uri);
    if (uris.size === 0) this.#subscriptions.delete(service);
    else this.#subscriptions.set(service, uris);
  }

  /** Whether the client wants to hear of this resource: it, or one that it is a part of, was subscribed to. */
  subscribedTo(service: string, uri: string): boolean {
    for (const subscribed of this.#subscriptions.get(service) ?? []) if (uri.startsWith(subscribed)) return true;
    return false;
  }

  /** Sessions that are open now, of every service. */
  lines(): Line[] {
    return [...this.#bindings.values()].flatMap((binding) => [...(binding.own === null ? [] : [binding.own]), ...binding.shared.values()]);
  }

  /** What the service said of itself to this client; null while no session to it is open. */
  factsOf(service: string): ServerFacts | null {
    const binding = this.#bindings.get(service);
    return binding?.own?.session.facts ?? binding?.shared.values().next().value?.session.facts ?? null;
  }

  /** The Instance that the next call must go to, if this Caller is bound to one that may go on. */
  bound(backend: Backend): Member | null {
    const own = this.#bindings.get(backend.service)?.own;
    return own && backend.mayContinue(own.member) ? own.member : null;
  }

  /** The session at `member`, opened now when there is none. */
  async open(backend: Backend, member: Member): Promise<Line> {
    const binding = this.#binding(backend);
    const line = binding.own?.member === member ? binding.own : binding.shared.get(member);
    if (line !== undefined && line !== null) {
      if (!this.#anonymous && binding.revision !== member.instance.revision) await this.#arrive(binding, line);
      return line;
    }
    let opening = binding.opening.get(member);
    if (opening === undefined) {
      opening = this.#openLine(binding, member).finally(() => binding.opening.delete(member));
      binding.opening.set(member, opening);
    }
    return opening;
  }

  /** This session is used from now on, for the first time or again: it is told what the client has set, the client what it sees now. */
  async #arrive(binding: Binding, line: Line): Promise<void> {
    const { instance } = line.member;
    binding.revision = instance.revision;
    this.#show(binding, instance.contract);
    await this.#replay(binding.backend.service, line.member, line.session);
  }

  /** The session is not to be used any more (lost, or its Instance is gone): the next call opens another. */
  drop(backend: Backend, line: Line): void {
    const binding = this.#bindings.get(backend.service);
    if (binding === undefined) return;
    if (binding.own === line) {
      binding.own = null;
      backend.members.unbind(line.member);
    } else if (binding.shared.get(line.member) === line) {
      binding.shared.delete(line.member);
      if (line.session.shared) SharedState.of(line.member.instance.upstream).leave(this.id, line.session);
    } else return;
    line.retire();
  }

  /** Lets go of sessions at an Instance that is gone. */
  forgetMember(backend: Backend, member: Member): void {
    const binding = this.#bindings.get(backend.service);
    if (binding === undefined) return;
    if (binding.own?.member === member) this.drop(backend, binding.own);
    const shared = binding.shared.get(member);
    if (shared !== undefined) this.drop(backend, shared);
  }

  /** The Contract that this client's next call would meet; null while none could be made. */
  contractOf(backend: Backend): Contract | null {
    const { own, affinity } = this.#binding(backend);
    return own !== null && backend.mayContinue(own.member) ? own.member.instance.contract : backend.contractFor(affinity);
  }

  /** Tells the client of one service's endpoint when what it would see differs from what it was shown. */
  noticeContract(backend: Backend): void {
    if (!this.#bindings.has(backend.service)) return;
    const contract = this.contractOf(backend);
    if (contract !== null) this.#show(this.#binding(backend), contract);
  }

  /**
   * The same for a client of all services, which may have been shown `before` without any session with the service. `split`: its
   * Instances do not all look the same, so that it matters where this client is.
   */
  noticeListed(backend: Backend, before: Contract | null, split: boolean): void {
    const now = backend.contract();
    if (!split && !this.#bindings.has(backend.service)) return this.#sink.listChanged(backend.service, changedLists(before, now));
    const binding = this.#binding(backend);
    if (binding.shown === undefined) binding.shown = before;
    this.#show(binding, now === null ? null : (this.contractOf(backend) ?? now));
  }

  /** Whatever is under way ends with it. */
  close(): void {
    const lines = this.lines();
    this.retire();
    for (const line of lines) line.close();
  }

  /** Opens nothing more; each session ends with the last call that is under way in it. */
  retire(): void {
    this.#closed = true;
    for (const { backend, own, shared } of this.#bindings.values()) {
      for (const line of [...(own === null ? [] : [own]), ...shared.values()]) this.drop(backend, line);
    }
    this.#bindings.clear();
  }

  #binding(backend: Backend): Binding {
    let binding = this.#bindings.get(backend.service);
    if (binding === undefined || binding.backend !== backend) {
      binding = {
        backend,
        affinity: backend.affinityOfSession(),
        own: null,
        shared: new Map(),
        opening: new Map(),
        revision: null,
        shown: undefined,
      };
      this.#bindings.set(backend.service, binding);
    }
    return binding;
  }

  async #openLine(binding: Binding, member: Member): Promise<Line> {
    const { backend } = binding;
    let line: Line | null = null;
    let over = false;
    const session = await member.instance.upstream.openSession(this.facts, {
      notification: (message) => this.#sink.notification(backend.service, message),
      request: (message) => this.#sink.request(backend.service, message),
      closed: () => {
        over = true;
        if (line !== null) this.drop(backend, line);
      },
    });
    line = new Line(backend.service, member, session);
    if (over || this.#closed) {
      void session.close().catch(() => undefined);
      throw new FairleadError('UpstreamLost', `the session with ${backend.service} ended while it was opened`, {
        data: { written: false, service: backend.service },
      });
    }
    if (session.shared)
      SharedState.of(member.instance.upstream).join(this.id, (message) => this.#sink.notification(backend.service, message));
    if (session.shared || this.#anonymous || session.facts.era === 'stateless') binding.shared.set(member, line);
    else {
      const before = binding.own;
      binding.own = line;
      backend.members.bind(member);
      if (before !== null) {
        backend.members.unbind(before.member);
        before.retire();
      }
    }
    await this.#arrive(binding, line);
    return line;
  }

  #show(binding: Binding, contract: Contract | null): void {
    const before = binding.shown;
    binding.shown = contract;
    if (before === undefined) return;
    const kinds = changedLists(before, contract);
    if (kinds.length > 0) this.#sink.listChanged(binding.backend.service, kinds);
  }

  /** Says again to a new session what the client had set. A service that refuses it is used as it is. */
  async #replay(service: string, member: Member, session: UpstreamSession): Promise<void> {
    if (session.facts.era === 'stateless') return;
    const shared = session.shared ? SharedState.of(member.instance.upstream) : null;
    const requests: Envelope[] = [];
    if (this.#logLevel !== null && session.facts.capabilities['logging'] !== undefined) {
      const level = shared === null ? this.#logLevel : shared.wantLevel(this.id, this.#logLevel);
      if (level !== null) requests.push(requestOf('logging/setLevel', { level }));
    }
    for (const uri of this.#subscriptions.get(service) ?? []) {
      if (shared?.subscribe(this.id, uri, true, null) === false) continue;
      requests.push(requestOf('resources/subscribe', { uri }));
    }
    await Promise.allSettled(requests.map((message) => session.request(message, { timeoutMs: replayTimeoutMs })));
  }
}

/** A sink for callers that have no client to reach (curl, stateless requests): what is asked is refused. */
export const deafSink: ClientSink = {
  notification: () => undefined,
  request: (_service, message) =>
    Promise.resolve(
      `{"jsonrpc":"2.0","id":${message.id ?? 'null'},"error":{"code":-32601,"message":"this client cannot be asked anything"}}`,
    ),
  listChanged: () => undefined,
};
