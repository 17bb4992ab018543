/**
 * A GET event stream that is kept open: when it ends it is asked for again, after the wait the service names (`retry:`), from
 * the last event on (`Last-Event-ID`). Used for notifications that belong to no request, and to fetch an answer whose stream broke.
 */
import type { FairleadError } from '../base/error.ts';
import { exchange, type HttpEndpoint } from './http-exchange.ts';

export interface EventStreamOptions {
  readonly headers: () => Readonly<Record<string, string>>;
  readonly lastEventId: string | null;
  /** Wait before the first request; null: none. */
  readonly firstWaitMs: number | null;
  /** Attempts in a row without a stream before it is given up. */
  readonly maxFailuresInARow: number;
  /** Least wait before it is asked for again, whatever the service names: one that ends each stream at once must not be hammered. */
  readonly minRetryMs: number;
  /** The service has answered the first request, by a stream or a refusal, or it failed. Called once. */
  readonly answered?: () => void;
  message(text: string): void;
  /** The stream is over for good: refused with this status (405: none is offered), or given up (null). */
  over(status: number | null, error: FairleadError | null): void;
}

const defaultRetryMs = 1_000;
const maxRetryMs = 30_000;

/** Opens the stream; returns how to close it, after which nothing more is called back. */
export function openEventStream(endpoint: HttpEndpoint, options: EventStreamOptions): () => void {
  let stopped = false;
  let abort: (() => void) | null = null;
  let timer: NodeJS.Timeout | undefined;
  let lastEventId = options.lastEventId;
  let retryMs = defaultRetryMs;
  let failuresInARow = 0;

  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
    abort?.();
  };
  const wait = (ms: number): void => {
    if (!stopped) timer = setTimeout(open, ms);
  };
  let waited = options.answered;
  const answered = (): void => {
    waited?.();
    waited = undefined;
  };
  const failed = (status: number | null, error: FairleadError | null): void => {
    answered();
    failuresInARow++;
    if (stopped) return;
    // Nothing listens there any more, or it says no: asking again soon is of no use to a caller who waits.
    const gone = error?.code === 'ConnectFailed' && Number.isFinite(options.maxFailuresInARow);
    const permanent = gone || (status !== null && status !== 429 && status < 500);
    if (permanent || failuresInARow >= options.maxFailuresInARow) {
      stopped = true;
      options.over(status, error);
    } else wait(Math.min(Math.max(retryMs, options.minRetryMs) * 2 ** (failuresInARow - 1), maxRetryMs));
  };
  const open = (): void => {
    const resume: Record<string, string> = lastEventId === null ? {} : { 'last-event-id': lastEventId };
    abort = exchange(
      endpoint,
      { method: 'GET', headers: { accept: 'text/event-stream', ...options.headers(), ...resume } },
      {
        head: ({ status }) => {
          if (status === 200) failuresInARow = 0;
          answered();
        },
        message: (text, event) => !stopped && (event ?? 'message') === 'message' && options.message(text),
        refused: ({ status }) => failed(status, null),
        failed(error, stream) {
          lastEventId = stream?.lastEventId ?? lastEventId;
          failed(null, error);
        },
        ended: (end) => {
          lastEventId = end.lastEventId ?? lastEventId;
          retryMs = end.retryMs ?? retryMs;
          wait(Math.min(Math.max(retryMs, options.minRetryMs), maxRetryMs));
        },
      },
    );
  };
  if (options.firstWaitMs === null) open();
  else wait(options.firstWaitMs);
  return stop;
}
