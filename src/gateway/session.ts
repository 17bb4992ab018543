/**
 * One session of a client of the session era (2025-03-26 to 2025-11-25): its streams, what it waits for, what it is asked.
 *
 * Invariants: an answer goes to the stream of its request and to no other; ids that services choose for their own requests
 * never reach the client (each gets an id of this hop), so that services cannot answer or cancel for one another.
 */
import { FairleadError } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { ClientFacts, Envelope } from '../ports/upstream.ts';
import { errorText, notificationOf } from '../model/jsonrpc.ts';
import { Caller, type ClientSink } from './caller.ts';
import { ChangeNotices } from './change-notices.ts';
import { EventStore } from './event-store.ts';
import type { ListKind } from './changed-lists.ts';
import { rawAt, replaceAt, rpc, textAt, type Inbound } from './message.ts';
import { logLevels } from './shared-state.ts';
import { Stream, type StreamOptions } from './stream.ts';
import type { ServerResponse } from 'node:http';

/** A request of a service that the client has not answered yet. */
interface Ask {
  readonly service: string;
  /** The stream of the call that it belongs to. */
  readonly stream: Stream;
  /** Raw id that the service gave it. */
  readonly serviceId: string;
  readonly progressToken: string | null;
  readonly answer: (text: string) => void;
}

/** Where a session was opened: it belongs there and nowhere else. */
export interface Endpoint {
  /** null: all services. */
  readonly service: string | null;
  readonly endpoint: string;
}

const capabilityOf: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};
export const retryMs = 1_000;
/** Requests of services that one client may have open at a time. */
const maxAsks = 100;

export class ClientSession implements ClientSink {
  readonly id: string;
  readonly at: Endpoint;
  readonly protocolVersion: string;
  readonly caller: Caller;
  /** Requests under way, by raw id: what `notifications/cancelled` can reach. */
  readonly underWay = new Map<string, AbortController>();
  /** When the last sign of life was, by the clock's elapsedMs. */
  touchedMs: number;
  readonly #changes: ChangeNotices;
  readonly #store = new EventStore();
  readonly #streams = new Map<number, Stream>();
  readonly #asks = new Map<string, Ask>();
  readonly #standalone: Stream;
  #listened = false;
  #streamCount = 0;
  #askCount = 0;
  #closed = false;

  constructor(id: string, at: Endpoint, facts: ClientFacts, clock: Clock) {
    this.id = id;
    this.at = at;
    this.protocolVersion = facts.protocolVersion;
    this.caller = new Caller(id, facts, this);
    this.touchedMs = clock.elapsedMs();
    this.#changes = new ChangeNotices(clock, (message) => this.tell(message));
    this.#standalone = new Stream(0, null, this.#streamOptions(false));
    this.#standalone.upgrade();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether a connection or a request keeps it alive. */
  get busy(): boolean {
    return this.underWay.size > 0 || this.#standalone.connected || [...this.#streams.values()].some((stream) => stream.connected);
  }

  #streamOptions(jsonOnly: boolean): StreamOptions {
    const primed = this.protocolVersion >= '2025-11-25';
    return { store: this.#store, headers: { 'mcp-session-id': this.id }, primed, retryMs, jsonOnly };
  }

  /** The stream that answers one POST. */
  openStream(response: ServerResponse, jsonOnly: boolean): Stream {
    const stream = new Stream(++this.#streamCount, response, this.#streamOptions(jsonOnly));
    this.#streams.set(stream.number, stream);
    return stream;
  }

  /** The POST was answered. A stream that its client lost stays, so that the end of it can be fetched. */
  closeStream(stream: Stream): void {
    this.#streams.delete(stream.number);
    this.#dropAsks((ask) => ask.stream === stream, 'the call is over');
  }

  /** A GET: the standalone stream, or what followed an event. False when the event is none of this session. */
  listen(response: ServerResponse, lastEventId: string | null): boolean {
    if (lastEventId === null) {
      // What was said before the client first listened waits for it.
      this.#standalone.resume(response, this.#listened ? Number.MAX_SAFE_INTEGER : 0);
      this.#listened = true;
      return true;
    }
    const place = this.#store.place(lastEventId);
    if (place === null) return false;
    if (place.stream === 0) this.#standalone.resume(response, place.seq);
    else {
      const open = this.#streams.get(place.stream);
      const ended = new Stream(place.stream, null, this.#streamOptions(false));
      if (open === undefined) ended.end();
      (open ?? ended).resume(response, place.seq);
    }
    return true;
  }

  /** The standalone stream, for a client that gets all its answers there. */
  get standalone(): Stream {
    return this.#standalone;
  }

  keepAlive(): void {
    this.#standalone.keepAlive();
    for (const stream of this.#streams.values()) stream.keepAlive();
  }

  /** Says something to the client that belongs to no request. */
  tell(message: Envelope): void {
    if (!this.#closed) this.#standalone.send(message.text);
  }

  notification(service: string, message: Envelope): void {
    if (message.method === 'notifications/cancelled') return this.#cancelAsk(service, message);
    // At `/mcp` the Catalog says so, once it has what changed.
    if (message.method?.endsWith('/list_changed')) return this.at.service === null ? undefined : this.#changes.say(message);
    if (message.method === 'notifications/resources/updated') {
      const uri = textAt(message.text, ['params', 'uri']);
      if (uri === null || !this.caller.subscribedTo(service, uri)) return;
    }
    if (message.method === 'notifications/message' && !this.#wantsLevel(message)) return;
    this.tell(message);
  }

  #wantsLevel(message: Envelope): boolean {
    const wanted = this.caller.logLevel;
    if (wanted === null) return true;
    const said = textAt(message.text, ['params', 'level']);
    return said !== null && logLevels.indexOf(said) >= logLevels.indexOf(wanted);
  }

  listChanged(_service: string, kinds: readonly ListKind[]): void {
    for (const kind of kinds) this.#changes.say(notificationOf(`notifications/${kind}/list_changed`));
  }

  request(service: string, message: Envelope): Promise<string> {
    return this.ask(service, message, this.#standalone);
  }

  /** Puts a service's request to the client on `stream`; resolves with the response under the service's own id. */
  ask(service: string, message: Envelope, stream: Stream): Promise<string> {
    if (message.method === 'ping') return Promise.resolve(`{"jsonrpc":"2.0","id":${message.id ?? 'null'},"result":{}}`);
    const capability = capabilityOf[message.method ?? ''];
    if (capability === undefined || this.caller.facts.capabilities[capability] === undefined) {
      return Promise.resolve(errorText(message.id, rpc.methodNotFound, `the client does not support ${message.method}`));
    }
    if (this.#closed || this.#asks.size >= maxAsks) {
      return Promise.resolve(errorText(message.id, rpc.internal, 'the client cannot be asked now'));
    }
    const serviceId = message.id ?? 'null';
    const hopId = `"fairlead-${++this.#askCount}"`;
    return new Promise((resolve) => {
      this.#asks.set(hopId, {
        service,
        stream,
        serviceId,
        progressToken: rawAt(message.text, ['params', '_meta', 'progressToken']),
        answer: resolve,
      });
      // Any stream that the client reads now will do; with none, the question waits for it to come back.
      const read = [stream, this.#standalone, ...this.#streams.values()].find((open) => open.connected && open.takesEvents);
      (read ?? (stream.takesEvents ? stream : this.#standalone)).send(replaceAt(message.text, ['id'], hopId));
    });
  }

  /** The client's response to something it was asked; unknown ids are dropped. */
  answered(message: Envelope): void {
    const ask = this.#asks.get(message.id ?? '');
    if (ask === undefined) return;
    this.#asks.delete(message.id ?? '');
    ask.answer(replaceAt(message.text, ['id'], ask.serviceId));
  }

  /** Answers in the client's place what it will not answer any more. */
  #dropAsks(which: (ask: Ask) => boolean, reason: string): void {
    for (const [hopId, ask] of this.#asks) {
      if (!which(ask)) continue;
      this.#asks.delete(hopId);
      ask.answer(errorText(ask.serviceId, rpc.internal, reason));
    }
  }

  #cancelAsk(service: string, message: Envelope): void {
    const serviceId = rawAt(message.text, ['params', 'requestId']);
    for (const [hopId, ask] of this.#asks) {
      if (ask.service !== service || ask.serviceId !== serviceId) continue;
      this.#asks.delete(hopId);
      ask.answer(errorText(ask.serviceId, rpc.internal, 'cancelled'));
      this.tell({ ...message, text: replaceAt(message.text, ['params', 'requestId'], hopId) });
    }
  }

  /** A notification of the client. Returns the services that it concerns beyond this hop; null: all open ones. */
  heard(message: Inbound): readonly string[] | null {
    const { method, text } = message.envelope;
    if (method === 'notifications/cancelled') {
      const id = rawAt(text, ['params', 'requestId']);
      this.underWay.get(id ?? '')?.abort(new FairleadError('Cancelled', 'the client cancelled the request'));
      return [];
    }
    if (method === 'notifications/initialized') return [];
    if (method === 'notifications/progress') {
      const token = rawAt(text, ['params', 'progressToken']);
      const ask = [...this.#asks.values()].find((open) => open.progressToken !== null && open.progressToken === token);
      return ask === undefined ? [] : [ask.service];
    }
    return null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const controller of this.underWay.values()) controller.abort(new FairleadError('Cancelled', 'the session ended'));
    this.#dropAsks(() => true, 'the client is gone');
    this.#changes.close();
    for (const stream of this.#streams.values()) stream.end();
    this.#standalone.end();
    this.caller.close();
  }
}
