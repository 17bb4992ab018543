/**
 * One session of the session protocols over streamable HTTP: initialize, Mcp-Session-Id, answers as JSON or event streams,
 * a GET stream for what the service says by itself, resumption by Last-Event-ID, DELETE at the end.
 *
 * A service that no longer knows the session (404) ends it: calls fail with UpstreamLost and `data.sessionLost`, so that the
 * caller can open another one and ask again; the call that was refused carries `written: false`, for it was not taken.
 */
import { FairleadError, messageOf } from '../base/error.ts';
import { splitBatch, type Envelope, type ScannedEnvelope } from '../model/envelope.ts';
import type { ClientFacts, RequestOptions, ServerFacts, SessionListener } from '../ports/upstream.ts';
import { errorText, notificationOf, resultText } from '../model/jsonrpc.ts';
import { CallTable, lost, type Call } from './call-table.ts';
import { openEventStream } from './event-stream.ts';
import { exchange, type HttpEndpoint, type ResponseHead, type StreamEnd } from './http-exchange.ts';
import { handshakeError, initializeRequest, readInitialize } from './handshake.ts';
import { cancelledText, hopNotifications, readMessage } from './messages.ts';
import { OpenStreams } from './open-streams.ts';
import type { EndableSession } from './session.ts';
import { refusalError, takeRefusal } from './refusal.ts';

/** A resumed stream is given up after this many attempts in a row; the session's own stream never. */
const maxResumeFailures = 5;
const defaultRetryMs = 1_000;
const closeTimeoutMs = 2_000;
/** How long the session's own stream may take to open before the session is used without it. */
const streamWaitMs = 250;
const internalError = -32603;

/** `stateless-only`: the service refused initialize because it speaks only the stateless protocol. */
export type HttpOpening = { readonly kind: 'session'; readonly session: HttpSession } | { readonly kind: 'stateless-only' };

export class HttpSession implements EndableSession {
  readonly shared = false;
  readonly #endpoint: HttpEndpoint;
  readonly #listener: SessionListener;
  readonly #onViolation: () => void;
  readonly #calls = new CallTable();
  /** How to stop what is open: posts with their streams, resumed streams, the GET stream. */
  readonly #open = new OpenStreams();
  #facts: ServerFacts | null = null;
  #sessionId: string | null = null;
  #closed: FairleadError | null = null;

  constructor(endpoint: HttpEndpoint, listener: SessionListener, onViolation: () => void) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#onViolation = onViolation;
  }

  /** Makes the handshake in the name of a client. Throws HandshakeTimeout, HandshakeFailed, ConnectFailed. */
  static async open(
    endpoint: HttpEndpoint,
    client: ClientFacts,
    listener: SessionListener,
    timeoutMs: number,
    onViolation: () => void,
  ): Promise<HttpOpening> {
    const session = new HttpSession(endpoint, listener, onViolation);
    try {
      const reading = readInitialize(await session.request(initializeRequest(client), { timeoutMs }));
      if (reading.kind === 'session') {
        await session.#begin(reading.facts, timeoutMs);
        return { kind: 'session', session };
      }
      await session.close();
      if (reading.kind === 'stateless-only') return { kind: 'stateless-only' };
      throw new FairleadError('HandshakeFailed', reading.message);
    } catch (error) {
      await session.close();
      throw handshakeError(error, timeoutMs);
    }
  }

  get facts(): ServerFacts {
    if (this.#facts === null) throw new FairleadError('Internal', 'the handshake has not been made');
    return this.#facts;
  }

  async request(message: Envelope, options: RequestOptions): Promise<string> {
    if (this.#closed !== null) throw this.#closed;
    if (options.signal?.aborted === true) throw new FairleadError('Cancelled', 'the caller cancelled the request');
    let stop = (): void => undefined;
    const call = this.#calls.begin(message, options, (abandoned, reason) => {
      stop();
      // A broken connection is no cancellation in these protocols: it must be said.
      if (abandoned.written && abandoned.method !== 'initialize') this.#say(cancelledText(abandoned.id, reason));
    });
    stop = this.#post(call);
    try {
      return await call.answer;
    } finally {
      this.#open.linger(stop);
    }
  }

  async notify(message: Envelope): Promise<void> {
    if (this.#closed !== null) throw this.#closed;
    if (!hopNotifications.has(message.method ?? '')) this.#say(message.text);
  }

  end(reason: string): void {
    if (this.#closed !== null) return;
    this.#fail(reason, {});
    this.#listener.closed(reason);
  }

  async close(): Promise<void> {
    if (this.#closed === null) this.#fail('the session was closed', {});
    const headers = this.#headers();
    if (this.#sessionId === null) return;
    this.#sessionId = null;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const request = { method: 'DELETE' as const, headers };
      const stop = exchange(this.#endpoint, request, { message: () => undefined, refused: done, failed: done, ended: done });
      const timer = setTimeout(() => {
        stop();
        resolve();
      }, closeTimeoutMs);
    });
  }

  async #begin(facts: ServerFacts, timeoutMs: number): Promise<void> {
    this.#facts = facts;
    await this.#told(notificationOf('notifications/initialized').text, timeoutMs);
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, streamWaitMs);
    const stop = openEventStream(this.#endpoint, {
      headers: () => this.#headers(),
      lastEventId: null,
      firstWaitMs: null,
      maxFailuresInARow: Number.POSITIVE_INFINITY,
      minRetryMs: 1_000,
      answered: resolve,
      message: (text) => this.#read(text, null),
      over: (status) => {
        this.#open.delete(stop);
        if (status === 404 && this.#sessionId !== null) this.#sessionLost();
      },
    });
    this.#open.add(stop);
    // What a service says on this stream before it is open is lost, and services ask on it during the first call already.
    await answered;
    clearTimeout(timer);
  }

  #headers(): Record<string, string> {
    return {
      ...(this.#sessionId === null ? {} : { 'mcp-session-id': this.#sessionId }),
      ...(this.#facts === null ? {} : { 'mcp-protocol-version': this.#facts.protocolVersion }),
    };
  }

  #postHeaders(): Record<string, string> {
    return { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...this.#headers() };
  }

  /** Posts a call and reads whatever comes on its stream, over as many streams as it takes. Returns how to stop. */
  #post(call: Call): () => void {
    let abort = (): void => undefined;
    const stop = (): void => {
      this.#open.delete(stop);
      abort();
    };
    this.#open.add(stop);
    abort = exchange(
      this.#endpoint,
      { method: 'POST', headers: this.#postHeaders(), body: call.text },
      {
        sent: () => (call.written = true),
        head: (head) => call.method === 'initialize' && this.#takeSessionId(head),
        message: (text, event) => (event ?? 'message') === 'message' && this.#read(text, call),
        refused: (head, body) => {
          this.#open.delete(stop);
          this.#refused(call, head, body);
        },
        failed: (error, stream) => {
          this.#open.delete(stop);
          if (call.settled) return;
          if (error.code !== 'UpstreamLost') this.#calls.fail(call, error);
          else if (stream === null || stream.lastEventId === null)
            this.#calls.fail(call, lost(error.message, { written: call.written }, error));
          else abort = this.#resume(call, stream, stream.retryMs ?? 0, stop);
        },
        ended: (end) => {
          this.#open.delete(stop);
          if (call.settled) return;
          if (!end.isEventStream)
            this.#calls.fail(call, new FairleadError('UpstreamMalformed', `the answer to ${call.method} is no JSON-RPC response to it`));
          else if (end.lastEventId === null) this.#calls.fail(call, lost('the stream ended before the answer', { written: true }));
          else {
            call.options.onDetached?.(end.retryMs);
            abort = this.#resume(call, end, end.retryMs ?? defaultRetryMs, stop);
          }
        },
      },
    );
    return stop;
  }

  /** The stream ended, or broke, before the answer, and named an event to go on from. */
  #resume(call: Call, end: StreamEnd, waitMs: number, stop: () => void): () => void {
    this.#open.add(stop);
    return openEventStream(this.#endpoint, {
      headers: () => this.#headers(),
      lastEventId: end.lastEventId,
      firstWaitMs: waitMs,
      maxFailuresInARow: maxResumeFailures,
      minRetryMs: 10,
      message: (text) => this.#read(text, call),
      over: (status) => {
        this.#open.delete(stop);
        if (status === 404 && this.#sessionId !== null) this.#sessionLost();
        else this.#calls.fail(call, lost('the stream ended before the answer and could not be resumed', { written: true, status }));
      },
    });
  }

  #sessionLost(): void {
    if (this.#closed !== null) return;
    const reason = 'the service no longer knows the session';
    this.#sessionId = null;
    this.#fail(reason, { sessionLost: true });
    this.#listener.closed(reason);
  }

  #takeSessionId(head: ResponseHead): void {
    const id = head.headers['mcp-session-id'];
    if (head.status >= 200 && head.status < 300 && typeof id === 'string') this.#sessionId = id;
  }

  #refused(call: Call, head: ResponseHead, body: string): void {
    if (this.#sessionId !== null && isSessionLost(head.status, body)) {
      this.#calls.fail(call, lost('the service no longer knows the session', { written: false, sessionLost: true, status: head.status }));
      this.#sessionLost();
      return;
    }
    takeRefusal(this.#calls, call, body);
    this.#calls.fail(call, refusalError(call.method, head));
  }

  #read(text: string, call: Call | null): void {
    if (this.#closed !== null) return;
    const message = readMessage(text);
    if (message.kind === 'malformed') {
      const batch = message.reason === 'not-an-object' ? splitBatch(text) : null;
      if (batch !== null && batch.length > 0 && batch.every((element) => element.startsWith('{'))) {
        for (const element of batch) this.#read(element, call);
        return;
      }
      if (this.#calls.takeMalformed(message) === 'late') return;
      this.#onViolation();
      if (call !== null)
        this.#calls.fail(call, new FairleadError('UpstreamMalformed', `the answer to ${call.method} is not JSON-RPC (${message.reason})`));
    } else if (message.kind === 'response') {
      if (this.#calls.take(message) === 'unknown') this.#stray(call);
    } else if (message.kind === 'request') this.#answer(message, call);
    else if (!this.#calls.notify(message)) {
      if (call === null || call.settled) this.#listener.notification(message);
      else this.#calls.deliver(call, message);
    }
  }

  /** An answer under another id on a call's own stream: the call cannot be answered any more. */
  #stray(call: Call | null): void {
    this.#onViolation();
    if (call !== null) this.#calls.fail(call, new FairleadError('UpstreamMalformed', `the answer to ${call.method} carries another id`));
  }

  #answer(message: ScannedEnvelope, call: Call | null): void {
    const id = message.id!;
    if (message.method === 'ping') return this.#say(resultText(id, '{}'));
    const ask = call?.options.onRequest ?? ((request: Envelope) => this.#listener.request(request));
    void ask(message)
      .catch((error: unknown) => errorText(id, internalError, messageOf(error)))
      .then((text) => this.#closed === null && this.#say(text));
  }

  /** Posts what has no answer. Whether it arrived is the next request's business. */
  #say(text: string): void {
    void this.#told(text, closeTimeoutMs).catch(() => undefined);
  }

  #told(text: string, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (settle: () => void) => (): void => {
        this.#open.delete(stop);
        clearTimeout(timer);
        settle();
      };
      const abort = exchange(
        this.#endpoint,
        { method: 'POST', headers: this.#postHeaders(), body: text },
        {
          message: () => undefined,
          // 202 has no body and no content type.
          refused: ({ status }) =>
            over(() => (status < 300 ? resolve() : reject(new FairleadError('HandshakeFailed', `HTTP ${status} to a notification`))))(),
          failed: (error) => over(() => reject(error))(),
          ended: over(resolve),
        },
      );
      const stop = (): void => {
        abort();
        over(() => reject(lost('closed', { written: true })))();
      };
      const timer = setTimeout(() => {
        abort();
        over(() => reject(new FairleadError('CallTimedOut', `no answer to a notification within ${timeoutMs} ms`)))();
      }, timeoutMs);
      this.#open.add(stop);
    });
  }

  #fail(reason: string, data: Record<string, unknown>): void {
    this.#closed = lost(reason, { written: false, ...data });
    this.#calls.failAll(reason, data);
    this.#open.stop();
  }
}

/** 404 by the protocol; 400 by many services made after the SDK's examples. */
function isSessionLost(status: number, body: string): boolean {
  return status === 404 || (status === 400 && /session/i.test(body));
}
