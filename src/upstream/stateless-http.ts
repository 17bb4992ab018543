/**
 * A client of the stateless protocol over HTTP: no session, no GET stream, no DELETE. Each request is its own post with its
 * own stream; closing the stream is the cancellation. A stream that breaks cannot be resumed.
 */
import { FairleadError } from '../base/error.ts';
import type { Envelope } from '../model/envelope.ts';
import type { ClientFacts, RequestOptions, ServerFacts, SessionListener } from '../ports/upstream.ts';
import { CallTable, lost, type Call } from './call-table.ts';
import { exchange, type HttpEndpoint } from './http-exchange.ts';
import { readMessage } from './messages.ts';
import { OpenStreams } from './open-streams.ts';
import type { EndableSession } from './session.ts';
import { refusalError, takeRefusal } from './refusal.ts';
import { paramHeaders, statelessHeaders, withClient } from './stateless.ts';

export class StatelessHttpSession implements EndableSession {
  readonly shared = false;
  readonly facts: ServerFacts;
  readonly #endpoint: HttpEndpoint;
  readonly #client: ClientFacts;
  readonly #listener: SessionListener;
  readonly #onViolation: () => void;
  readonly #calls = new CallTable();
  readonly #open = new OpenStreams();
  #closed = false;

  constructor(endpoint: HttpEndpoint, facts: ServerFacts, client: ClientFacts, listener: SessionListener, onViolation: () => void) {
    this.#endpoint = endpoint;
    this.facts = facts;
    this.#client = client;
    this.#listener = listener;
    this.#onViolation = onViolation;
  }

  async request(message: Envelope, options: RequestOptions): Promise<string> {
    if (this.#closed) throw lost('the session was closed', { written: false });
    if (options.signal?.aborted === true) throw new FairleadError('Cancelled', 'the caller cancelled the request');
    let stop = (): void => undefined;
    const call = this.#calls.begin(withClient(message, this.#client), options, () => stop());
    stop = this.#post(call);
    try {
      return await call.answer;
    } finally {
      this.#open.linger(stop);
    }
  }

  /** The stateless protocol has no notification that a client says outside a request. */
  async notify(_message: Envelope): Promise<void> {
    if (this.#closed) throw lost('the session was closed', { written: false });
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#stop('the session was closed');
  }

  end(reason: string): void {
    if (this.#closed) return;
    this.#stop(reason);
    this.#listener.closed(reason);
  }

  #stop(reason: string): void {
    this.#closed = true;
    this.#calls.failAll(reason);
    this.#open.stop();
  }

  #post(call: Call): () => void {
    let abort = (): void => undefined;
    const stop = (): void => {
      this.#open.delete(stop);
      abort();
    };
    this.#open.add(stop);
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...paramHeaders(call.options.headers ?? {}),
      ...statelessHeaders(call.text),
    };
    const over = (error: FairleadError): void => {
      this.#open.delete(stop);
      this.#calls.fail(call, error);
    };
    abort = exchange(
      this.#endpoint,
      { method: 'POST', headers, body: call.text },
      {
        sent: () => (call.written = true),
        message: (text, event) => (event ?? 'message') === 'message' && this.#read(text, call),
        refused: (head, body) => {
          takeRefusal(this.#calls, call, body);
          over(refusalError(call.method, head));
        },
        failed: (error) => over(error.code === 'UpstreamLost' ? lost(error.message, { written: call.written }, error) : error),
        ended: () => over(lost('the stream ended before the answer', { written: true })),
      },
    );
    return stop;
  }

  #read(text: string, call: Call): void {
    const message = readMessage(text);
    if (message.kind === 'notification') {
      if (!this.#calls.notify(message)) this.#calls.deliver(call, message);
    } else if (message.kind === 'response' && this.#calls.take(message) === 'settled') return;
    else {
      // Malformed, another's id, or a request: in this protocol a service asks by its answer (input_required), never by a request.
      this.#onViolation();
      if (message.kind === 'malformed') this.#calls.takeMalformed(message);
      this.#calls.fail(call, new FairleadError('UpstreamMalformed', `the answer to ${call.method} is no JSON-RPC response to it`));
    }
  }
}
