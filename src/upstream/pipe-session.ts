/**
 * MCP over a two-way pipe of messages (standard streams, or the event stream and posts of 2024-11-05).
 *
 * A shared session (one process, many clients) never passes a request of the service on: it cannot be attributed to one
 * client. It gets -32601, and its handshake promised no client features, so a service in good faith never asks. A ping is
 * answered here, on every session: it asks whether this hop lives.
 */
import { FairleadError, messageOf } from '../base/error.ts';
import { splitBatch, type Envelope, type ScannedEnvelope } from '../model/envelope.ts';
import type { ClientFacts, RequestOptions, ServerFacts, SessionListener } from '../ports/upstream.ts';
import { errorText, resultText } from '../model/jsonrpc.ts';
import { CallTable, lost } from './call-table.ts';
import { withClient } from './stateless.ts';
import type { EndableSession } from './session.ts';
import { cancelledText, hopNotifications, readMessage } from './messages.ts';

/** Messages to and from one service. */
export interface Pipe {
  /** Sends a message, or queues it while the service does not read; returns how to take it back while it waits. */
  send(text: string, onSent?: () => void): () => void;
  onMessage(callback: (text: string) => void): void;
  onClose(callback: (reason: string) => void): void;
  close(): Promise<void>;
}

export interface PipeSessionOptions {
  /** In whose name requests are said in the stateless era, unless they say it themselves. */
  readonly client: ClientFacts;
  readonly shared: boolean;
  readonly maxViolationsInARow: number;
  /** The service sent what is not MCP. */
  readonly onViolation: () => void;
}

const methodNotFound = -32601;
const internalError = -32603;

export class PipeSession implements EndableSession {
  readonly shared: boolean;
  readonly #pipe: Pipe;
  readonly #listener: SessionListener;
  readonly #options: PipeSessionOptions;
  readonly #calls = new CallTable();
  #facts: ServerFacts | null = null;
  #violationsInARow = 0;
  /** Why nothing can be sent any more. */
  #closed: FairleadError | null = null;

  constructor(pipe: Pipe, listener: SessionListener, options: PipeSessionOptions) {
    this.#pipe = pipe;
    this.#listener = listener;
    this.#options = options;
    this.shared = options.shared;
    pipe.onMessage((text) => this.#read(text));
    pipe.onClose((reason) => this.end(reason));
  }

  get facts(): ServerFacts {
    if (this.#facts === null) throw new FairleadError('Internal', 'the handshake has not been made');
    return this.#facts;
  }

  /** Called once, by whoever made the handshake. */
  established(facts: ServerFacts): void {
    this.#facts = facts;
  }

  async request(message: Envelope, options: RequestOptions): Promise<string> {
    if (this.#closed !== null) throw this.#closed;
    if (options.signal?.aborted === true) throw new FairleadError('Cancelled', 'the caller cancelled the request');
    let takeBack = (): void => undefined;
    const said = this.#facts?.era === 'stateless' ? withClient(message, this.#options.client) : message;
    const call = this.#calls.begin(said, options, (abandoned, reason) => {
      if (!abandoned.written) takeBack();
      else if (abandoned.method !== 'initialize') this.#pipe.send(cancelledText(abandoned.id, reason));
    });
    takeBack = this.#pipe.send(call.text, () => (call.written = true));
    return call.answer;
  }

  async notify(message: Envelope): Promise<void> {
    if (this.#closed !== null) throw this.#closed;
    if (!hopNotifications.has(message.method ?? '')) this.#pipe.send(message.text);
  }

  /** Says something in this side's own name. */
  say(text: string): void {
    this.#pipe.send(text);
  }

  async close(): Promise<void> {
    if (this.#closed === null) this.#fail(lost('the session was closed', { written: false }));
    await this.#pipe.close();
  }

  end(reason: string): void {
    if (this.#closed !== null) return;
    this.#fail(lost(reason, { written: false }));
    this.#listener.closed(reason);
  }

  #read(text: string): void {
    if (this.#closed !== null || text.trim() === '') return;
    const message = readMessage(text);
    if (message.kind !== 'malformed') return this.#dispatch(message);
    const batch = message.reason === 'not-an-object' ? splitBatch(text) : null;
    if (batch !== null && batch.length > 0 && batch.every((element) => element.startsWith('{'))) {
      for (const element of batch) this.#read(element);
      return;
    }
    if (this.#calls.takeMalformed(message) !== 'late') this.#violation();
  }

  #dispatch(message: ScannedEnvelope): void {
    if (message.kind === 'response') {
      if (this.#calls.take(message) === 'unknown') return this.#violation();
    } else if (message.kind === 'request') this.#answer(message);
    // On a shared session none of the service's requests is under way that it could take back.
    else if (this.shared && message.method === 'notifications/cancelled') return;
    else if (!this.#calls.notify(message)) this.#listener.notification(message);
    this.#violationsInARow = 0;
  }

  #answer(message: ScannedEnvelope): void {
    const id = message.id!;
    if (message.method === 'ping') this.#pipe.send(resultText(id, '{}'));
    else if (this.shared) this.#pipe.send(errorText(id, methodNotFound, `${message.method} has no client here: this session is shared`));
    else {
      void this.#listener
        .request(message)
        .catch((error: unknown) => errorText(id, internalError, messageOf(error)))
        .then((text) => this.#closed === null && this.#pipe.send(text));
    }
  }

  #violation(): void {
    this.#options.onViolation();
    this.#violationsInARow++;
    if (this.#violationsInARow < this.#options.maxViolationsInARow) return;
    const reason = `${this.#violationsInARow} messages in a row were not MCP JSON-RPC`;
    this.#fail(new FairleadError('ProtocolViolation', reason));
    this.#listener.closed(reason);
    void this.#pipe.close();
  }

  #fail(error: FairleadError): void {
    this.#closed = error;
    this.#calls.failAll(error.message);
  }
}
