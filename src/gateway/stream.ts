/**
 * The answer to one POST (or one GET) of a session client: plain JSON when the answer comes first and soon, server-sent
 * events when something else comes before it or it takes longer. A stream outlives its connection: it can be resumed.
 */
import type { ServerResponse } from 'node:http';
import type { EventStore } from './event-store.ts';

/** A client that reads so slowly that this much waits for it loses its connection; it may resume. */
const maxBufferedBytes = 8 << 20;
export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** One event; a text of several lines stays one event. */
export function eventText(text: string, id: string | null, retryMs: number | null = null): string {
  const data = text.includes('\n') || text.includes('\r') ? text.split(/\r\n|\r|\n/).join('\ndata: ') : text;
  return `${text === '' ? '' : 'event: message\n'}${id === null ? '' : `id: ${id}\n`}${retryMs === null ? '' : `retry: ${retryMs}\n`}data: ${data}\n\n`;
}

export interface StreamOptions {
  readonly store: EventStore | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Event with an id and no data first, so that the client can resume before anything was said (2025-11-25). */
  readonly primed: boolean;
  /** How long a client should wait before it comes back. */
  readonly retryMs: number;
  /** Keep the answer as JSON whatever comes before it (a client that takes no events). */
  readonly jsonOnly: boolean;
}

export class Stream {
  readonly number: number;
  readonly #options: StreamOptions;
  #response: ServerResponse | null;
  #streaming = false;
  #finished = false;
  /** Called when the connection is gone before the stream was finished. */
  onDisconnect: (() => void) | null = null;

  constructor(number: number, response: ServerResponse | null, options: StreamOptions) {
    this.number = number;
    this.#response = response;
    this.#options = options;
    if (response !== null) this.#watch(response);
  }

  get finished(): boolean {
    return this.#finished;
  }

  get connected(): boolean {
    return this.#response !== null;
  }

  /** Whether messages before the answer reach the client, now or when it comes back. */
  get takesEvents(): boolean {
    return !this.#options.jsonOnly;
  }

  /** Becomes a stream of events now, if it is not one already. */
  upgrade(): void {
    if (this.#streaming || this.#options.jsonOnly || this.#finished) return;
    this.#streaming = true;
    const response = this.#response;
    if (response === null) return;
    response.writeHead(200, { ...streamHeaders, ...this.#options.headers });
    const { primed, store, retryMs } = this.#options;
    if (primed && store !== null) response.write(eventText('', store.add(this.number, ''), retryMs));
    else response.flushHeaders();
  }

  /** A message before the answer. */
  send(text: string): void {
    if (this.#finished || this.#options.jsonOnly) return;
    this.upgrade();
    this.#write(text);
  }

  /** The last message; the stream ends with it. */
  finish(text: string): void {
    if (this.#finished) return;
    if (!this.#streaming) return this.answer(200, text);
    this.#write(text);
    this.end();
  }

  /** The last message, under an HTTP status of its own if nothing has been said yet. */
  answer(status: number, text: string): void {
    if (this.#streaming) return this.finish(text);
    this.#finished = true;
    this.#respond(status, text);
  }

  #respond(status: number, text: string): void {
    const response = this.#response;
    this.#response = null;
    if (response === null) return;
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...this.#options.headers,
    });
    response.end(text);
  }

  end(): void {
    this.#finished = true;
    const response = this.#response;
    this.#response = null;
    response?.end();
  }

  /** Lets the connection go; the client comes back with the last event's id. */
  detach(): void {
    if (!this.#streaming || this.#options.store === null) return;
    const response = this.#response;
    this.#response = null;
    response?.end();
  }

  /** Takes a new connection for a stream that lost its own, after saying again what followed `seq`. */
  resume(response: ServerResponse, seq: number): void {
    this.#response?.end();
    this.#streaming = true;
    this.#response = response;
    this.#watch(response);
    if (!response.headersSent) response.writeHead(200, { ...streamHeaders, ...this.#options.headers });
    response.flushHeaders();
    for (const event of this.#options.store?.after(this.number, seq) ?? []) {
      response.write(eventText(event.text, `${event.stream}-${event.seq}`));
    }
    if (this.#finished) this.end();
  }

  keepAlive(): void {
    if (this.#streaming) this.#response?.write(': keepalive\n\n');
  }

  #write(text: string): void {
    const id = this.#options.store?.add(this.number, text) ?? null;
    const response = this.#response;
    if (response === null) return;
    response.write(eventText(text, id));
    if (response.writableLength > maxBufferedBytes) response.destroy();
  }

  #watch(response: ServerResponse): void {
    response.on('close', () => {
      if (this.#response !== response) return;
      this.#response = null;
      if (!this.#finished) this.onDisconnect?.();
    });
  }
}
