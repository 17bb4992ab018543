/**
 * A load of lean MCP clients that trust nothing: each call carries an id of its own, each answer is held against it, and the
 * services' own logs say afterwards how often each id arrived. Every call ends: in an answer, a typed error, or as `hung`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'undici';

/** Where a session calls: one service's endpoint, or the one for all with prefixed names. */
export interface Aim {
  readonly url: string;
  /** The service that must answer. */
  readonly service: string;
  readonly tool: string;
}

export interface Tally {
  ok: number;
  /** Answers that were an error which says that trying again is right, or a connection that broke. */
  retryable: number;
  /** Answers that were any other error. */
  failed: number;
  /** Answers to another call, from another service, or from a Revision that must never serve. */
  misrouted: number;
  /** Calls that did not end within the time-out. */
  hung: number;
  /** Sessions that had to be opened again. */
  reopened: number;
  /** ok calls by the tag of the Revision that answered. */
  readonly tags: Record<string, number>;
  /** The first few of whatever was not ok, by kind, for people. */
  readonly samples: Record<'retryable' | 'failed' | 'misrouted' | 'hung', string[]>;
}

export interface Echo {
  readonly service: string;
  readonly tag: string;
  readonly id: string;
  readonly text: string;
}

/** What the gateway puts into `error.data` of a failed call. */
interface ErrorData {
  readonly code?: string;
  readonly retryable?: boolean;
}

export interface Response {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: ErrorData };
}

/** No call can be made over this session (any more): open another and go on. */
export class SessionLost extends Error {
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean) {
    super(message);
    this.retryable = retryable;
  }
}

/** One MCP client session over streamable HTTP, of the 2025-11-25 era. */
export class LeanClient {
  readonly #agent: Agent;
  readonly #isShared: boolean;
  readonly #url: string;
  readonly #timeoutMs: number;
  #session: string | null = null;
  #nextId = 1;

  /** `agent`: connections that other clients use as well; two of its own otherwise. */
  constructor(url: string, timeoutMs: number, agent: Agent | null = null) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#isShared = agent !== null;
    this.#agent = agent ?? new Agent({ connections: 2, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
  }

  async open(): Promise<void> {
    const clientInfo = { name: 'fairlead-load', version: '1' };
    const { error } = await this.rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    if (error !== undefined) throw new SessionLost(`initialize: ${JSON.stringify(error)}`, error.data?.retryable === true);
    await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  /** The JSON-RPC response; rejects with SessionLost, a connection error, or a time-out. */
  async rpc(method: string, params: object): Promise<Response> {
    const id = this.#nextId;
    this.#nextId += 1;
    const { status, type, text } = await this.#post({ jsonrpc: '2.0', id, method, params });
    // Said of a session that the gateway does not know: one of an earlier host.
    if (status === 404 && this.#session !== null) throw new SessionLost('404', true);
    const response = messagesOf(type, text).find((message) => message.id === id || (status >= 400 && message.error !== undefined));
    if (response === undefined) throw new Error(`HTTP ${status} ${type} without an answer to ${method} ${id}: ${text.slice(0, 200)}`);
    return response;
  }

  /** Ends the session as a polite client does. */
  async leave(): Promise<void> {
    const headers = { 'mcp-session-id': this.#session ?? '', 'mcp-protocol-version': '2025-11-25' };
    const { body } = await request(this.#url, { method: 'DELETE', headers, dispatcher: this.#agent });
    await body.dump();
    await this.close();
  }

  async close(): Promise<void> {
    if (!this.#isShared) await this.#agent.destroy();
  }

  async #post(message: object): Promise<{ status: number; type: string; text: string }> {
    const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    if (this.#session !== null) Object.assign(headers, { 'mcp-session-id': this.#session, 'mcp-protocol-version': '2025-11-25' });
    const response = await request(this.#url, {
      method: 'POST',
      headers,
      body: JSON.stringify(message),
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    const session = response.headers['mcp-session-id'];
    if (typeof session === 'string') this.#session = session;
    return { status: response.statusCode, type: String(response.headers['content-type'] ?? ''), text: await response.body.text() };
  }
}

/** Runs one session an aim, each calling without pause, until stopped. */
export class Load {
  readonly tally: Tally = {
    ok: 0,
    retryable: 0,
    failed: 0,
    misrouted: 0,
    hung: 0,
    reopened: 0,
    tags: {},
    samples: { retryable: [], failed: [], misrouted: [], hung: [] },
  };
  /** Ids whose call was answered rightly. */
  readonly #answered = new Set<string>();
  readonly #aims: readonly Aim[];
  readonly #timeoutMs: number;
  readonly #run: string;
  #stopping = false;
  #sessions: Promise<void>[] = [];
  #begun = 0;

  /** `run` must differ between loads against the same services: it is part of each id. */
  constructor(run: string, aims: readonly Aim[], timeoutMs: number) {
    this.#run = run;
    this.#aims = aims;
    this.#timeoutMs = timeoutMs;
  }

  start(): void {
    this.#sessions = this.#aims.map(async (aim, index) => this.#session(aim, index));
  }

  /** Ends when every call that had begun has ended. */
  async stop(): Promise<Tally> {
    this.#stopping = true;
    await Promise.all(this.#sessions);
    return this.tally;
  }

  /** What the services' logs say of this run's calls: ids that arrived twice, answered ids that never arrived, calls begun. */
  audit(logDir: string): { doubled: number; phantom: number; begun: number } {
    const seen = new Map<string, number>();
    for (const file of readdirSync(logDir)) {
      for (const line of readFileSync(join(logDir, file), 'utf8').split('\n')) {
        const id = line.split('\t')[0]!;
        if (id.startsWith(`${this.#run}/`)) seen.set(id, (seen.get(id) ?? 0) + 1);
      }
    }
    const doubled = [...seen.values()].filter((count) => count > 1).length;
    const phantom = [...this.#answered].filter((id) => !seen.has(id)).length;
    return { doubled, phantom, begun: this.#begun };
  }

  async #session(aim: Aim, index: number): Promise<void> {
    let client: LeanClient | null = null;
    for (let number = 0; !this.#stopping; number += 1) {
      try {
        if (client === null) {
          client = new LeanClient(aim.url, this.#timeoutMs);
          await client.open();
        }
        await this.#call(client, aim, `${this.#run}/${index}/${number}`);
      } catch (error) {
        this.#note(error);
        this.tally.reopened += 1;
        await client?.close();
        client = null;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    await client?.close();
  }

  async #call(client: LeanClient, aim: Aim, id: string): Promise<void> {
    const text = `text of ${id}`;
    // Waits spread over 0..30 ms keep calls in flight whenever something is killed.
    const waitMs = (this.#begun * 7) % 31;
    this.#begun += 1;
    const { result, error } = await client.rpc('tools/call', { name: aim.tool, arguments: { id, text, waitMs } });
    if (error !== undefined) {
      this.#count(error.data?.retryable === true ? 'retryable' : 'failed', `${id}: ${JSON.stringify(error)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return;
    }
    const echo = echoOf(result);
    if (echo === null) {
      this.#count('failed', `${id}: ${JSON.stringify(result)}`);
    } else if (echo.id !== id || echo.text !== text || echo.service !== aim.service || echo.tag.startsWith('broken')) {
      this.#count('misrouted', `${id} to ${aim.service} answered by ${JSON.stringify(echo)}`);
    } else {
      this.tally.ok += 1;
      this.tally.tags[echo.tag] = (this.tally.tags[echo.tag] ?? 0) + 1;
      this.#answered.add(id);
    }
  }

  #note(error: unknown): void {
    const { name, message, code } = error as { name?: string; message?: string; code?: string };
    const timedOut = name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
    const retryable = error instanceof SessionLost ? error.retryable : isBrokenConnection(code);
    this.#count(timedOut ? 'hung' : retryable ? 'retryable' : 'failed', `${name}: ${code ?? ''} ${message}`);
  }

  #count(kind: keyof Tally['samples'], sample: string): void {
    this.tally[kind] += 1;
    if (this.tally.samples[kind].length < 5) this.tally.samples[kind].push(sample);
  }
}

/** The messages in the body of an answer, whether it is JSON or a stream of events. */
export function messagesOf(type: string, text: string): Response[] {
  if (type.startsWith('text/event-stream'))
    return [...text.matchAll(/^data: ?(\S.*)$/gm)].map((match) => JSON.parse(match[1]!) as Response);
  return type.startsWith('application/json') && text !== '' ? [JSON.parse(text) as Response] : [];
}

function isBrokenConnection(code: string | undefined): boolean {
  return code !== undefined && ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(code);
}

function echoOf(result: unknown): Echo | null {
  const { content, isError } = (result ?? {}) as { content?: { text?: string }[]; isError?: boolean };
  const text = content?.[0]?.text;
  if (isError === true || text === undefined) return null;
  try {
    return JSON.parse(text) as Echo;
  } catch {
    return null;
  }
}
