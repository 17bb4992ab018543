/**
 * One HTTP request to an MCP endpoint and its answer, read as messages: a JSON body is one, an event stream carries many.
 * Bodies are bounded by maxMessageBytes, redirects are not followed, time-outs belong to the caller, who aborts.
 */
import { createParser, type EventSourceParser } from 'eventsource-parser';
import type { Pool } from 'undici';
import { FairleadError, messageOf } from '../base/error.ts';
import { onOneLine } from '../model/envelope.ts';

export interface HttpEndpoint {
  readonly pool: Pool;
  /** Path and query. */
  readonly path: string;
  /** Credentials and what else the manifest sets; never shown. */
  readonly headers: Readonly<Record<string, string>>;
  readonly maxMessageBytes: number;
}

export interface HttpRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** `refused`, `failed` or `ended` comes last, exactly one of them. */
export interface HttpReader {
  /** The request is about to be written: from here on the service may have seen it. */
  sent?(): void;
  head?(head: ResponseHead): void;
  /** One JSON-RPC message, on one line whatever it came on, so that it can go on over any framing. */
  message(text: string, event: string | null): void;
  /** An answer that carries no messages: not 2xx, or of another content type. `body`: its first 64 KiB. */
  refused(head: ResponseHead, body: string): void;
  /** `stream`: how far an event stream had come when it broke; null when there was none. */
  failed(error: FairleadError, stream: StreamEnd | null): void;
  ended(stream: StreamEnd): void;
}

export interface StreamEnd {
  readonly isEventStream: boolean;
  readonly lastEventId: string | null;
  readonly retryMs: number | null;
}

const maxRefusalBytes = 64 * 1024;

/** Sends a request; returns how to abort it, after which nothing more is called back. */
export function exchange(endpoint: HttpEndpoint, request: HttpRequest, reader: HttpReader): () => void {
  let over = false;
  let begun = false;
  let abortRequest: ((reason: Error) => void) | null = null;
  let body: BodyReader | null = null;
  const finish = (tell: () => void): void => {
    if (over) return;
    over = true;
    tell();
  };
  const stop = (): void => {
    over = true;
    abortRequest?.(new Error('aborted'));
  };
  const fail = (error: FairleadError): void => {
    finish(() => reader.failed(error, null));
    abortRequest?.(error);
  };
  endpoint.pool.dispatch(
    {
      path: endpoint.path,
      method: request.method,
      headers: { ...endpoint.headers, ...request.headers },
      body: request.body ?? null,
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    {
      onRequestStart(controller) {
        abortRequest = (reason) => controller.abort(reason);
        if (over) return controller.abort(new Error('aborted'));
        begun = true;
        reader.sent?.();
      },
      onResponseStart(_controller, status, headers) {
        // 1xx: more is to come.
        if (over || status < 200) return;
        const head = { status, headers };
        reader.head?.(head);
        body = bodyReader(head, endpoint.maxMessageBytes, reader, fail);
      },
      onResponseData(_controller, chunk) {
        if (!over) body?.data(chunk);
      },
      onResponseEnd() {
        abortRequest = null;
        finish(() => body?.end());
      },
      onResponseError(_controller, error) {
        finish(() => reader.failed(transportError(error, begun), body?.position() ?? null));
      },
    },
  );
  return stop;
}

interface BodyReader {
  data(chunk: Buffer): void;
  end(): void;
  position(): StreamEnd | null;
}

function bodyReader(head: ResponseHead, maxMessageBytes: number, reader: HttpReader, fail: (error: FairleadError) => void): BodyReader {
  const type = String(head.headers['content-type'] ?? '').toLowerCase();
  const accepted = head.status >= 200 && head.status < 300;
  if (accepted && type.startsWith('text/event-stream')) return eventReader(maxMessageBytes, reader, fail);
  if (accepted && type.startsWith('application/json')) {
    const collected = collector(maxMessageBytes, () => fail(tooLarge(maxMessageBytes)));
    const end = (): void => {
      const text = collected.text();
      if (text.trim() !== '') reader.message(onOneLine(text), null);
      reader.ended({ isEventStream: false, lastEventId: null, retryMs: null });
    };
    return { data: collected.data, end, position: () => null };
  }
  const collected = collector(maxRefusalBytes, () => undefined);
  return { data: collected.data, end: () => reader.refused(head, collected.text()), position: () => null };
}

function eventReader(maxMessageBytes: number, reader: HttpReader, fail: (error: FairleadError) => void): BodyReader {
  const decoder = new TextDecoder();
  let lastEventId: string | null = null;
  let retryMs: number | null = null;
  const parser: EventSourceParser = createParser({
    maxBufferSize: maxMessageBytes,
    onId: (id) => (lastEventId = id === '' ? null : id),
    onRetry: (ms) => (retryMs = ms),
    onEvent: ({ event, data }) => data !== '' && reader.message(onOneLine(data), event ?? null),
    onError: (error) => error.type === 'max-buffer-size-exceeded' && fail(tooLarge(maxMessageBytes)),
  });
  const position = (): StreamEnd => ({ isEventStream: true, lastEventId, retryMs });
  return {
    data: (chunk) => parser.feed(decoder.decode(chunk, { stream: true })),
    end: () => reader.ended(position()),
    position,
  };
}

/** Keeps what arrives up to a limit; `over` is told when there is more. */
function collector(maxBytes: number, over: () => void): { readonly data: (chunk: Buffer) => void; readonly text: () => string } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const data = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else over();
  };
  return { data, text: () => (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8') };
}

function tooLarge(maxMessageBytes: number): FairleadError {
  return new FairleadError('MessageTooLarge', `the service sent a message of more than ${maxMessageBytes} bytes (limits.maxMessageBytes)`);
}

const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** What the network did, typed: ConnectFailed when no connection came to be, UpstreamLost when one broke. `begun`: the service may have seen the request. */
function transportError(error: Error, begun: boolean): FairleadError {
  const code = (error as { code?: string }).code ?? '';
  const connecting = !begun && (neverConnected.has(code) || /CERT|SELF_SIGNED|SSL|TLS/.test(code));
  const said = code === '' || messageOf(error).includes(code) ? messageOf(error) : `${messageOf(error)} (${code})`;
  return new FairleadError(connecting ? 'ConnectFailed' : 'UpstreamLost', said, { cause: error, data: { written: !connecting } });
}
