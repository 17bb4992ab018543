/** A small world for gateway tests: a real gateway on a port of its own over Upstreams whose answers the test decides. */
import { FairleadError } from '../../src/base/error.ts';
import { hashValue } from '../../src/base/hash.ts';
import { createGateway, type GatewayOptions } from '../../src/gateway/gateway.ts';
import type { Contract, ContractTool } from '../../src/model/contract.ts';
import type { Duty, Plan, Shadow } from '../../src/model/plan.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Gateway, GatewayInstance } from '../../src/ports/gateway.ts';
import type {
  ClientFacts,
  Envelope,
  RequestOptions,
  ServerFacts,
  SessionListener,
  Upstream,
  UpstreamSession,
} from '../../src/ports/upstream.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsedMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface Heard {
  readonly message: Envelope;
  readonly options: RequestOptions;
  readonly session: FakeSession;
}

type Answer = (heard: Heard) => Promise<string> | string;

export class FakeSession implements UpstreamSession {
  readonly facts: ServerFacts;
  readonly shared: boolean;
  readonly client: ClientFacts;
  readonly listener: SessionListener;
  readonly notified: Envelope[] = [];
  closed = false;
  readonly #upstream: FakeUpstream;
  readonly #calls = new Set<(reason: FairleadError) => void>();

  constructor(upstream: FakeUpstream, client: ClientFacts, listener: SessionListener) {
    this.#upstream = upstream;
    this.facts = upstream.facts;
    this.shared = upstream.shared;
    this.client = client;
    this.listener = listener;
  }

  async request(message: Envelope, options: RequestOptions): Promise<string> {
    if (this.#upstream.dead || this.closed) throw lost(false);
    const heard = { message, options, session: this };
    this.#upstream.heard.push(heard);
    return new Promise((resolve, reject) => {
      const fail = (reason: FairleadError): void => reject(reason);
      this.#upstream.pending.add(fail);
      if (!this.shared) this.#calls.add(fail);
      options.signal?.addEventListener('abort', () => reject(new FairleadError('Cancelled', 'cancelled')));
      Promise.resolve(this.#upstream.answer(heard))
        .then(resolve, reject)
        .finally(() => this.#upstream.pending.delete(fail));
    });
  }

  async notify(message: Envelope): Promise<void> {
    this.notified.push(message);
  }

  /** As a real one: calls under way fail, unless the process that has them is shared. */
  async close(): Promise<void> {
    this.closed = true;
    for (const fail of this.#calls) fail(lost(true));
  }
}

export function lost(written: boolean, extra: Record<string, unknown> = {}): FairleadError {
  return new FairleadError('UpstreamLost', 'the service went away', { data: { written, ...extra } });
}

/** The result object (JSON text) as the answer to a message. */
export function result(heard: Heard, text: string): string {
  return `{"jsonrpc":"2.0","id":${heard.message.id},"result":${text}}`;
}

/** A notification of an Instance. */
export const notification = (method: string, params: unknown) => ({
  kind: 'notification' as const,
  id: null,
  method,
  isError: false,
  text: JSON.stringify({ jsonrpc: '2.0', method, params }),
});

/** A request of an Instance; `id` as JSON. */
export const request = (id: string, method: string, params: unknown) => ({
  kind: 'request' as const,
  id,
  method,
  isError: false,
  text: `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}`,
});

export class FakeUpstream implements Upstream {
  readonly instanceId: string;
  readonly shared: boolean;
  facts: ServerFacts;
  readonly heard: Heard[] = [];
  readonly sessions: FakeSession[] = [];
  readonly pending = new Set<(reason: FairleadError) => void>();
  readonly violations = 0;
  dead = false;
  answer: Answer;
  readonly #broadcast = new Set<(message: Envelope) => void>();

  constructor(instanceId: string, options: { shared?: boolean; answer?: Answer; facts?: Partial<ServerFacts> } = {}) {
    this.instanceId = instanceId;
    this.shared = options.shared ?? true;
    this.answer = options.answer ?? ((heard) => result(heard, JSON.stringify({ content: [{ type: 'text', text: instanceId }] })));
    const shown = {
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'fake', version: '1.0.0' },
      capabilities: { tools: { listChanged: true }, logging: {}, resources: { subscribe: true } },
    };
    this.facts = { era: 'session', instructions: null, resultText: JSON.stringify(shown), ...shown, ...options.facts };
  }

  get own(): UpstreamSession {
    throw new Error('the gateway has no business with the own session');
  }

  connect(): Promise<ServerFacts> {
    return Promise.resolve(this.facts);
  }

  contract(): Promise<Contract> {
    return Promise.reject(new Error('the gateway is given contracts'));
  }

  openSession(client: ClientFacts, listener: SessionListener): Promise<UpstreamSession> {
    if (this.dead) return Promise.reject(lost(false));
    const session = new FakeSession(this, client, listener);
    this.sessions.push(session);
    return Promise.resolve(session);
  }

  onListChanged(): void {}

  onNotification(callback: (message: Envelope) => void): () => void {
    this.#broadcast.add(callback);
    return () => this.#broadcast.delete(callback);
  }

  broadcast(method: string, params: unknown): void {
    const text = JSON.stringify({ jsonrpc: '2.0', method, params });
    for (const callback of this.#broadcast) callback({ kind: 'notification', id: null, method, isError: false, text });
  }

  /** The process is gone: what is under way ends as UpstreamLost. */
  die(): void {
    this.dead = true;
    for (const reject of this.pending) reject(lost(true));
    for (const session of this.sessions) session.listener.closed('gone');
  }

  async close(): Promise<void> {}
}

export function contractOf(tools: readonly string[], more: Partial<Contract> = {}): Contract {
  const list: ContractTool[] = tools.map((name) => ({ name, description: `the tool ${name}`, inputSchema: { type: 'object' } }));
  const body = { tools: list, prompts: [], resources: [], resourceTemplates: [], ...more };
  return { ...body, hash: hashValue(body) };
}

export interface PlanShape {
  readonly service: string;
  readonly weights?: Record<string, number>;
  readonly hold?: boolean;
  readonly published?: boolean;
  readonly duties?: Record<string, Duty>;
  readonly limits?: Partial<Plan['limits']>;
  readonly tools?: Partial<Plan['expose']['tools']>;
  readonly prefix?: string;
  readonly rollout?: number | null;
  readonly preview?: string | null;
  readonly shadow?: Shadow | null;
  readonly quarantine?: readonly string[];
}

export function instance(upstream: Upstream, revision = 'r1', contract = contractOf(['echo'])): GatewayInstance {
  return { id: upstream.instanceId, revision, upstream, contract };
}

let generation = 0;

export function planOf(shape: PlanShape, instances: readonly GatewayInstance[]): Plan {
  const revisions = [...new Set(instances.map((each) => each.revision))];
  return {
    service: shape.service,
    generation: ++generation,
    revisions: {},
    instances: instances.map((each, ordinal) => ({
      id: each.id,
      revision: each.revision,
      ordinal,
      incarnation: 1,
      duty: shape.duties?.[each.id] ?? 'serve',
    })),
    spared: [],
    route:
      shape.published === false
        ? null
        : {
            weights: shape.weights ?? { [revisions[0] ?? 'r1']: 100 },
            hold: shape.hold ?? false,
            rollout: shape.rollout ?? null,
            preview: shape.preview ?? null,
            shadow: shape.shadow ?? null,
          },
    previewChecks: null,
    measures: null,
    quarantine: shape.quarantine ?? [],
    terms: {},
    limits: {
      startTimeoutMs: 10_000,
      stopTimeoutMs: 5_000,
      drainTimeoutMs: 30_000,
      callTimeoutMs: 5_000,
      maxConcurrentCalls: 64,
      ...shape.limits,
    },
    expose: { tools: { allow: [], deny: [], rename: {}, ...shape.tools }, prefix: shape.prefix ?? shape.service },
    affinity: 'session',
  };
}

export interface World {
  readonly gateway: Gateway;
  readonly url: string;
  /** Routes a service to these Instances. */
  route(shape: PlanShape, ...instances: GatewayInstance[]): void;
  close(): Promise<void>;
}

export async function startWorld(options: Partial<GatewayOptions> = {}): Promise<World> {
  const gateway = createGateway({ clock: systemClock, ...options });
  const { url } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  return {
    gateway,
    url,
    route: (shape, ...instances) => gateway.apply(planOf(shape, instances), instances),
    close: () => gateway.close(0),
  };
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  readonly text: string;
  /** The messages of the answer, from JSON or from a finished stream of events. */
  readonly messages: Record<string, any>[];
}

/** Messages of a text of server-sent events. */
export function eventsOf(text: string): { id: string | null; data: string; retry: string | null }[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => {
      const lines = block.split('\n');
      const field = (name: string): string | null => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? null;
      const data = lines.flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
      return { id: field('id'), retry: field('retry'), data: data.join('\n') };
    });
}

async function replyOf(response: Response): Promise<Reply> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const bodies = type.startsWith('text/event-stream') ? eventsOf(text).flatMap((event) => (event.data === '' ? [] : [event.data])) : [text];
  const messages = type === '' || text === '' ? [] : bodies.map((body) => JSON.parse(body) as Record<string, any>);
  return { status: response.status, type, headers: response.headers, text, messages };
}

export const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return replyOf(await fetch(url, { method: 'POST', headers: { ...accept, ...headers }, body: text }));
}

/** A client of the session era, as bare as it can be. */
export class Client {
  readonly url: string;
  readonly sessionId: string;
  readonly initialized: Record<string, any>;
  #count = 0;

  private constructor(url: string, sessionId: string, initialized: Record<string, any>) {
    this.url = url;
    this.sessionId = sessionId;
    this.initialized = initialized;
  }

  static async open(url: string, capabilities: Record<string, unknown> = {}, protocolVersion = '2025-11-25'): Promise<Client> {
    const reply = await post(url, {
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion, capabilities, clientInfo: { name: 'test', version: '1' } },
    });
    const client = new Client(url, reply.headers.get('mcp-session-id') ?? '', reply.messages[0] ?? {});
    if (client.sessionId !== '') await client.notify('notifications/initialized');
    return client;
  }

  get headers(): Record<string, string> {
    return { 'mcp-session-id': this.sessionId, 'mcp-protocol-version': '2025-11-25' };
  }

  request(method: string, params: unknown = {}, id: number | string = ++this.#count): Promise<Reply> {
    return post(this.url, { jsonrpc: '2.0', id, method, params }, this.headers);
  }

  /** The last message of the answer: the response. */
  async ask(method: string, params: unknown = {}): Promise<Record<string, any>> {
    return (await this.request(method, params)).messages.at(-1) ?? {};
  }

  call(name: string, args: unknown = {}): Promise<Record<string, any>> {
    return this.ask('tools/call', { name, arguments: args });
  }

  notify(method: string, params: unknown = {}): Promise<Reply> {
    return post(this.url, { jsonrpc: '2.0', method, params }, this.headers);
  }

  respond(id: unknown, answer: Record<string, unknown>): Promise<Reply> {
    return post(this.url, { jsonrpc: '2.0', id, ...answer }, this.headers);
  }

  close(): Promise<Response> {
    return fetch(this.url, { method: 'DELETE', headers: this.headers });
  }

  /** Opens a stream with GET; `next` gives its events one by one. */
  async listen(lastEventId?: string): Promise<EventReader> {
    const response = await fetch(this.url, {
      headers: { accept: 'text/event-stream', ...this.headers, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
    });
    return new EventReader(response);
  }
}

/** Reads server-sent events one at a time. */
export class EventReader {
  readonly status: number;
  readonly #reader: ReadableStreamDefaultReader<string> | null;
  #rest = '';

  constructor(response: Response) {
    this.status = response.status;
    this.#reader = response.body?.pipeThrough(new TextDecoderStream()).getReader() ?? null;
  }

  /** The next event with data or an id; null at the end of the stream. */
  async next(): Promise<{ id: string | null; data: string; retry: string | null } | null> {
    for (;;) {
      const end = this.#rest.indexOf('\n\n');
      if (end >= 0) {
        const [event] = eventsOf(this.#rest.slice(0, end + 2));
        this.#rest = this.#rest.slice(end + 2);
        if (event !== undefined) return event;
        continue;
      }
      const chunk = await this.#reader?.read();
      if (chunk === undefined || chunk.done) return null;
      this.#rest += chunk.value;
    }
  }

  async message(): Promise<Record<string, any> | null> {
    for (;;) {
      const event = await this.next();
      if (event === null) return null;
      if (event.data !== '') return JSON.parse(event.data) as Record<string, any>;
    }
  }

  async close(): Promise<void> {
    await this.#reader?.cancel();
  }
}

export const call = { jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'echo', arguments: {} } };

/** Posts a call and reads its answer event by event. */
export async function stream(client: Client, body: unknown): Promise<EventReader> {
  const headers = { ...accept, ...client.headers };
  return new EventReader(await fetch(client.url, { method: 'POST', headers, body: JSON.stringify(body) }));
}
