/**
 * One question to a forge's API: JSON over HTTP, with a time-out and a cap on the answer; no redirect is followed, and the
 * token goes nowhere but to that API. What comes back is judged here, so that the forges see answers and FairleadErrors only.
 */
import { Agent, request, type Dispatcher } from 'undici';
import { FairleadError, messageOf } from '../base/error.ts';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { blot, redact } from '../base/redact.ts';
import { version } from '../base/version.ts';
import { isForgeApi } from '../model/forge-address.ts';
import type { Clock } from '../ports/clock.ts';

const largestAnswerBytes = 8 * 1024 * 1024;
const excerptLength = 300;
/** GitHub asks for a minute at least when a limit is met and nothing says how long. */
const unknownLimitMs = 60_000;

export interface Api {
  /** Without a slash at its end. */
  readonly url: string;
  /** How the forge wants the token: header name and value. */
  readonly authorization: readonly [header: string, value: string];
  /** Blotted out wherever the forge says it back. */
  readonly token: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly value: unknown;
  /** Whether there is another page. */
  readonly more: boolean;
}

export interface Question {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT';
  /** Begins with a slash; its parts encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Statuses from 400 on that are an answer all the same. */
  readonly accept?: readonly number[];
}

export class Exchange {
  readonly #api: Api;
  readonly #clock: Clock;
  readonly #host: string;

  /** Throws ForgeRefused for an API that is neither https nor on this machine: a token would go there in the open. */
  constructor(api: Api, clock: Clock) {
    if (!isForgeApi(api.url)) throw new FairleadError('ForgeRefused', 'The API of a forge must be an https address.');
    this.#api = api;
    this.#clock = clock;
    this.#host = new URL(api.url).host;
  }

  /** Rejects with a FairleadError whose code says whether trying again helps; `data.status` is that of the answer. */
  async ask(question: Question): Promise<Answer> {
    const { status, headers, text } = await this.#send(question);
    const value = parsed(text);
    if (status < 300 && value === undefined && text !== '')
      throw this.#failure('ForgeUnreachable', question, `answered ${status} with what is not JSON`, { status });
    const retryAfterMs = this.#leftAloneMs(status, headers, wordsOf(value));
    if (status < 300 || (retryAfterMs === null && question.accept?.includes(status) === true))
      return { status, value, more: /;\s*rel="?next"?/.test(headerOf(headers, 'link')) };
    const said = wordsOf(value);
    const data = { status, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
    throw this.#failure(
      retryAfterMs === null ? codeOf(status) : 'ForgeLimited',
      question,
      `answered ${status}${said === '' ? '' : `: ${said}`}`,
      data,
    );
  }

  async #send({ method, path, query, body }: Question) {
    const { url, authorization, headers, timeoutMs } = this.#api;
    const dispatcher = new Agent({ pipelining: 0, maxResponseSize: largestAnswerBytes });
    try {
      const address = `${url}${path}${query === undefined ? '' : `?${new URLSearchParams(query).toString()}`}`;
      const answer = await request(address, {
        method,
        dispatcher,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          accept: 'application/json',
          'user-agent': `fairlead/${version}`,
          [authorization[0]]: authorization[1],
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
    } catch (thrown) {
      const timedOut = thrown instanceof Error && thrown.name === 'TimeoutError';
      const reason = timedOut ? `did not answer within ${timeoutMs} ms` : `could not be asked: ${messageOf(thrown)}`;
      throw this.#failure('ForgeUnreachable', { method, path }, reason, {});
    } finally {
      await dispatcher.destroy();
    }
  }

  /** How long the forge wants to be left alone, ms; null when the answer is not about that. */
  #leftAloneMs(status: number, headers: Dispatcher.ResponseData['headers'], words: string): number | null {
    const asked = headerOf(headers, 'retry-after');
    const spent = headerOf(headers, 'x-ratelimit-remaining') === '0' || /rate limit/i.test(words);
    if (status !== 429 && !(status === 403 && (asked !== '' || spent)) && !(status === 503 && asked !== '')) return null;
    if (/^\d+$/.test(asked)) return Number(asked) * 1_000;
    const until = asked === '' ? Number(headerOf(headers, 'x-ratelimit-reset')) * 1_000 : Date.parse(asked);
    return until > 0 ? Math.max(1_000, until - this.#clock.now()) : unknownLimitMs;
  }

  #failure(code: ErrorCodeName, { method, path }: Question, reason: string, data: Record<string, unknown>): FairleadError {
    const shown = redact(reason.replaceAll(this.#api.token, blot)).slice(0, excerptLength);
    return new FairleadError(code, `${this.#host} ${shown} (${method} ${path}).`, { data: { ...data, host: this.#host } });
  }
}

function codeOf(status: number): ErrorCodeName {
  if (status === 401) return 'ForgeUnauthorized';
  if (status === 403) return 'ForgeForbidden';
  if (status === 404 || status === 410) return 'ForgeNotFound';
  return status >= 500 || status === 408 ? 'ForgeUnreachable' : 'ForgeRefused';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What forges say in errors: `message` (text, list or map) and `errors`; GitLab also `error`. */
export function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(wordsOf).filter(Boolean).join('; ');
  if (value === null || typeof value !== 'object') return '';
  const { message, errors, error, ...others } = value as Record<string, unknown>;
  const known = [message, errors, error].map(wordsOf).filter(Boolean);
  return known.length > 0
    ? known.join(': ')
    : Object.entries(others)
        .flatMap(([key, other]) => (Array.isArray(other) ? [`${key} ${wordsOf(other)}`] : []))
        .join('; ');
}

function headerOf(headers: Dispatcher.ResponseData['headers'], name: string): string {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
}
