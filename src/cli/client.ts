/**
 * The command line's end of the status API (GET only) and of the gateway's call route. node:http, because it is what
 * loads fastest; no retries here, a person is waiting.
 */
import { request, type IncomingMessage } from 'node:http';
import { errorCodes, type ErrorCodeName } from '../base/error-codes.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import { versionHeader, type AnyResource, type Problem, type ResourceList } from '../model/resource.ts';

export interface StreamMessage {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

export class ApiClient {
  readonly server: string;
  private readonly timeoutMs: number;

  /** `server` is a base URL without a path, `http://127.0.0.1:7401`. */
  constructor(server: string, timeoutMs = 30_000) {
    this.server = server.replace(/\/+$/, '');
    this.timeoutMs = timeoutMs;
  }

  /** The JSON at a path. Throws Unreachable, or what the problem document says. */
  async get<T>(path: string): Promise<T> {
    return (await this.send('GET', this.server + path)) as T;
  }

  /** All pages of a list as one. */
  async list<T extends AnyResource>(path: string, query: Readonly<Record<string, string>> = {}): Promise<ResourceList<T>> {
    const items: T[] = [];
    for (let next: Record<string, string> = {}; ;) {
      const page = await this.get<ResourceList<T>>(`${path}?${new URLSearchParams({ ...query, ...next }).toString()}`);
      items.push(...page.items);
      if (page.metadata.continue === null) return { ...page, items };
      next = { continue: page.metadata.continue };
    }
  }

  /** POST to another base than the status API: the gateway's call route. */
  async post<T>(url: string, body: unknown, timeoutMs: number): Promise<T> {
    return (await this.send('POST', url, JSON.stringify(body), timeoutMs)) as T;
  }

  /** Server-sent events of a path until `signal` aborts or the server ends the stream. Throws Unreachable when it breaks. */
  async *stream(path: string, signal: AbortSignal, lastEventId?: string): AsyncGenerator<StreamMessage> {
    const response = await this.open('GET', this.server + path, {
      headers: { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
      signal,
    });
    if (response.statusCode !== 200) throw problemError(response, await textOf(response), this.server + path);
    const { createParser } = await import('eventsource-parser');
    const waiting: StreamMessage[] = [];
    const parser = createParser({ onEvent: ({ id, event, data }) => waiting.push({ id, event, data }) });
    try {
      for await (const chunk of response.setEncoding('utf8')) {
        parser.feed(String(chunk));
        yield* waiting.splice(0);
      }
    } catch (cause) {
      if (!signal.aborted) throw unreachable(this.server, cause);
    }
  }

  private async send(method: 'GET' | 'POST', url: string, body?: string, timeoutMs = this.timeoutMs): Promise<unknown> {
    const response = await this.open(method, url, { ...(body === undefined ? {} : { body }), timeoutMs });
    const text = await textOf(response);
    if (method === 'GET' && response.headers[versionHeader] === undefined)
      throw new FairleadError('Unreachable', `What answers at ${this.server} is not a Fairlead status API.`);
    if ((response.statusCode ?? 500) >= 400) throw problemError(response, text, url);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new FairleadError('Unreachable', `What answers at ${url} is not Fairlead: it sent no JSON.`, { cause });
    }
  }

  private open(
    method: string,
    url: string,
    options: { headers?: Record<string, string>; body?: string; signal?: AbortSignal; timeoutMs?: number },
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = {
        accept: 'application/json',
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      };
      let outgoing;
      try {
        outgoing = request(url, { method, headers, agent: false, ...(options.signal ? { signal: options.signal } : {}) }, resolve);
      } catch (cause) {
        reject(
          new FairleadError('Usage', `${url} is not an http:// address.`, { cause, data: { next: 'give --server as http://HOST:PORT' } }),
        );
        return;
      }
      outgoing.on('error', (cause) => reject(cause instanceof FairleadError ? cause : unreachable(new URL(url).origin, cause)));
      if (options.timeoutMs !== undefined)
        outgoing.setTimeout(options.timeoutMs, () =>
          outgoing.destroy(
            new FairleadError('TimedOut', `${url} did not answer within ${options.timeoutMs} ms.`, {
              data: { next: method === 'POST' ? 'the call was given up; --timeout waits longer' : 'fairlead doctor' },
            }),
          ),
        );
      outgoing.end(options.body);
    });
  }
}

function unreachable(server: string, cause: unknown): FairleadError {
  const code = (cause as NodeJS.ErrnoException).code;
  return new FairleadError('Unreachable', `No controller answers at ${server} (${code ?? messageOf(cause)}).`, {
    cause,
    data: { next: 'start one with `fairlead up`, or name a running one with --server or --data-dir' },
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return text;
}

/** An error answer as the error it stands for; a code of a newer server that is not known here keeps its words. */
function problemError(response: IncomingMessage, text: string, url: string): FairleadError {
  const status = response.statusCode ?? 500;
  try {
    const problem = JSON.parse(text) as Partial<Problem>;
    const code: ErrorCodeName =
      problem.code !== undefined && problem.code in errorCodes ? (problem.code as ErrorCodeName) : status === 404 ? 'NotFound' : 'Refused';
    return new FairleadError(code, problem.detail ?? problem.title ?? `${url} answered ${status}.`, {
      data: problem.next === undefined ? {} : { next: problem.next },
    });
  } catch {
    return new FairleadError('Unreachable', `What answers at ${url} is not Fairlead (status ${status}).`);
  }
}
