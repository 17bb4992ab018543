/** The Gateway: routes clients' MCP to Instances. This file puts its parts together and keeps the table of services. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { canonicalJson } from '../base/hash.ts';
import type { Contract } from '../model/contract.ts';
import type { ShadowReport, TrafficCounters } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Gateway, GatewayInstance } from '../ports/gateway.ts';
import type { UsageDay } from '../ports/store.ts';
import type { UpstreamSession } from '../ports/upstream.ts';
import { errorText } from '../model/jsonrpc.ts';
import { AllScope } from './all-scope.ts';
import { Backend, noPreview } from './backend.ts';
import { Catalog } from './catalog.ts';
import { Usage } from './counters.ts';
import { Forwarder } from './forward.ts';
import { header, readBodyText, sendEmpty, sendJson } from './http.ts';
import { Listener, type ListenerLimits } from './listener.ts';
import { changedLists, type ListKind } from './changed-lists.ts';
import { Members, type Member } from './members.ts';
import { readBody, RpcError, thrownText } from './message.ts';
import { Preview } from './preview.ts';
import { callTool, listTools, problem } from './rest.ts';
import type { Scope } from './scope.ts';
import { ServiceScope } from './service-scope.ts';
import { SessionEdge } from './session-edge.ts';
import { SseEdge } from './sse-edge.ts';
import { StatelessEdge } from './stateless-edge.ts';
import { isStatelessPost } from './stateless-request.ts';

export interface GatewayOptions {
  readonly clock: Clock;
  /** Host names that clients may call the gateway by, beside addresses, `localhost` and the one listened on. */
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  readonly maxBodyBytes?: number;
  readonly maxSessions?: number;
  readonly limits?: Partial<ListenerLimits>;
}

const defaultLimits: ListenerLimits = { maxRequests: 20_000, maxConnections: 25_000, headersTimeoutMs: 10_000, bodyTimeoutMs: 60_000 };

/** How long closing waits for answers that are being written to clients. */
const flushMs = 1_000;

export function createGateway(options: GatewayOptions): Gateway {
  return new McpGateway(options);
}

class McpGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #backends = new Map<string, Backend>();
  /** By Instance id. */
  readonly #members = new Map<string, Member>();
  readonly #scopes = new Map<string, ServiceScope>();
  readonly #previews = new Map<string, Preview>();
  readonly #usage = new Usage();
  readonly #forwarder: Forwarder;
  readonly #catalog = new Catalog(this.#backends);
  readonly #all: AllScope;
  readonly #sessions: SessionEdge;
  readonly #stateless: StatelessEdge;
  readonly #sse: SseEdge;
  readonly #listener: Listener;
  readonly #idleCallbacks: ((instanceId: string) => void)[] = [];

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#forwarder = new Forwarder(options.clock, this.#usage);
    this.#all = new AllScope(this.#catalog, this.#forwarder, this.#scopes);
    this.#stateless = new StatelessEdge(options.clock);
    this.#sessions = new SessionEdge({ clock: options.clock, maxSessions: options.maxSessions ?? 50_000 });
    this.#sse = new SseEdge(this.#sessions, options.clock);
    this.#listener = new Listener({
      limits: { ...defaultLimits, ...options.limits },
      allowedHosts: options.allowedHosts ?? [],
      allowedOrigins: options.allowedOrigins ?? [],
      handle: (path, request, response) => this.#handle(path, request, response),
      healthy: () => true,
    });
  }

  apply(plan: Plan, instances: readonly GatewayInstance[]): void {
    this.#catalog.begun = true;
    let backend = this.#backends.get(plan.service);
    if (backend === undefined) {
      backend = new Backend(plan, new Members((instanceId) => this.#idle(instanceId)), this.#options.clock);
      this.#backends.set(plan.service, backend);
      this.#scopes.set(plan.service, new ServiceScope(backend, this.#forwarder));
    }
    const before = lookOf(backend);
    const gone = backend.members.take(plan, instances);
    backend.apply(plan);
    this.#applyPreview(backend, gone);
    this.#changed(backend, before, gone);
  }

  #applyPreview({ service, plan, members }: Backend, gone: readonly Member[]): void {
    const revision = plan.route?.preview ?? null;
    let preview = this.#previews.get(service);
    for (const member of gone) preview?.forgetMember(member);
    if (preview?.revision !== revision) this.#endPreview(service);
    if (revision === null) return;
    preview = this.#previews.get(service) ?? new Preview(plan, revision, members, this.#forwarder, this.#options.clock);
    preview.apply(plan);
    this.#previews.set(service, preview);
  }

  #endPreview(service: string): void {
    const preview = this.#previews.get(service);
    if (preview === undefined) return;
    this.#previews.delete(service);
    preview.end();
    this.#sessions.release(preview.scope.endpoint);
  }

  forget(service: string): void {
    const backend = this.#backends.get(service);
    if (backend === undefined) return;
    const before = lookOf(backend);
    this.#backends.delete(service);
    const gone = backend.members.clear();
    backend.forget();
    this.#endPreview(service);
    this.#changed(backend, before, gone);
    this.#scopes.get(service)?.close();
    this.#scopes.delete(service);
  }

  /** Lets go of what is gone and tells clients whose view changed. */
  #changed(backend: Backend, before: Look, gone: readonly Member[]): void {
    this.#catalog.invalidate();
    for (const member of gone) this.#members.delete(member.instance.id);
    for (const member of backend.members.all()) this.#members.set(member.instance.id, member);
    const now = lookOf(backend);
    const renamed: ListKind[] = before.names === now.names ? [] : ['tools'];
    const kinds = [...new Set([...changedLists(before.contract, now.contract), ...renamed])];
    const scope = this.#scopes.get(backend.service);
    for (const member of gone) scope?.anonymous.forgetMember(backend, member);
    scope?.listening.changed(kinds);
    this.#all.listening.changed(kinds);
    const split = before.split || now.split;
    if (gone.length === 0 && kinds.length === 0 && !split) return;
    for (const session of this.#sessions.sessions.values()) {
      for (const member of gone) session.caller.forgetMember(backend, member);
      if (session.at !== scope && session.at !== this.#all) continue;
      if (renamed.length > 0) session.listChanged(backend.service, renamed);
      if (session.at === scope) session.caller.noticeContract(backend);
      else session.caller.noticeListed(backend, before.contract, split);
    }
  }

  load(instanceId: string): { sessions: number; inFlight: number } {
    const member = this.#members.get(instanceId);
    if (member === undefined) return { sessions: 0, inFlight: 0 };
    // The sessions of an Instance that drains go elsewhere with their next call.
    return { sessions: member.duty === 'drain' ? 0 : member.sessions, inFlight: member.inFlight };
  }

  onIdle(callback: (instanceId: string) => void): void {
    this.#idleCallbacks.push(callback);
  }

  #idle(instanceId: string): void {
    for (const callback of this.#idleCallbacks) callback(instanceId);
  }

  routed(service: string): Readonly<Record<string, number>> | null {
    return this.#backends.get(service)?.weights ?? null;
  }

  traffic(service: string): Readonly<Record<string, TrafficCounters>> {
    return this.#backends.get(service)?.counters.snapshot() ?? {};
  }

  preview(service: string): Promise<UpstreamSession> | null {
    return this.#previews.get(service)?.session() ?? null;
  }

  shadow(service: string): ShadowReport | null {
    return this.#backends.get(service)?.mirror.report() ?? null;
  }

  takeUsage(): UsageDay[] {
    return this.#usage.take();
  }

  listen(options: { host: string; port: number }): Promise<{ url: string }> {
    return this.#listener.listen(options.host, options.port);
  }

  async close(graceMs: number): Promise<void> {
    this.#listener.drain();
    await this.#quiet(graceMs);
    // The last answer is on its way from its Instance to its client.
    await new Promise<void>((resolve) => this.#options.clock.after(0, resolve));
    this.#sessions.close();
    this.#stateless.close();
    this.#sse.close();
    for (const service of this.#previews.keys()) this.#endPreview(service);
    for (const scope of this.#scopes.values()) scope.close();
    for (const backend of this.#backends.values()) backend.mirror.end();
    await this.#listener.close(this.#options.clock, flushMs);
  }

  /** Resolves when no call is under way, or after `graceMs`. */
  #quiet(graceMs: number): Promise<void> {
    const calls = (): number =>
      [...this.#backends.values()].flatMap((each) => [...each.members.all()]).reduce((sum, each) => sum + each.inFlight, 0);
    if (calls() === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const callOff = this.#options.clock.after(graceMs, resolve);
      this.onIdle(() => {
        if (calls() > 0) return;
        callOff();
        resolve();
      });
    });
  }

  async #handle(path: readonly string[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (path[0] === 'api') return this.#rest(path, request, response);
    if (path[0] === 'services' && !this.#catalog.begun) return this.#notYet(response);
    const oldWay = path.length === 3 && path[0] === 'services' && (path[2] === 'sse' || path[2] === 'messages');
    if (oldWay) return this.#handleSse(path[1]!, path[2]!, request, response);
    const scope = this.#scopeAt(path);
    if (scope === null) return this.#notHere(path, response);
    switch (request.method) {
      case 'POST':
        return this.#post(scope, request, response);
      case 'GET':
        return this.#sessions.get(scope, request, response);
      case 'DELETE':
        return this.#sessions.delete(scope, request, response);
      default:
        return sendEmpty(response, 405, { allow: 'GET, POST, DELETE' });
    }
  }

  /** Before the first Plan nothing is known to be absent. */
  #notYet(response: ServerResponse): void {
    const text = errorText(null, -32_000, 'No service is known yet', { code: 'ServiceUnavailable', retryable: true, service: null });
    sendJson(response, 503, text, { 'retry-after': '1', connection: 'close' });
  }

  #notHere(path: readonly string[], response: ServerResponse): void {
    const service = isPreview(path) ? (this.#published(path[1]!)?.service ?? null) : null;
    const text = service === null ? errorText(null, -32_000, 'Not found') : thrownText(null, noPreview(service), service);
    sendJson(response, 404, text, { connection: 'close' });
  }

  #scopeAt(path: readonly string[]): Scope | null {
    if (path.length === 1 && path[0] === 'mcp') return this.#all;
    if (isPreview(path)) return this.#previews.get(path[1]!)?.scope ?? null;
    return path.length === 3 && path[0] === 'services' && path[2] === 'mcp' ? this.#published(path[1]!) : null;
  }

  #published(service: string): ServiceScope | null {
    const scope = this.#scopes.get(service);
    return scope?.backend.published === true ? scope : null;
  }

  async #rest(path: readonly string[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, version, kind, service, verb] = path;
    if (version !== 'v1') return problem(response, 404, 'NotFound', 'there is nothing here');
    if (kind === 'tools' && path.length === 3) {
      if (request.method === 'GET') return listTools(this.#catalog, response);
      return sendEmpty(response, 405, { allow: 'GET' });
    }
    const scope = kind === 'services' && verb === 'call' && path.length === 5 ? this.#published(service!) : null;
    if (scope === null) return problem(response, 404, 'NotFound', 'there is nothing here');
    if (request.method !== 'POST') return sendEmpty(response, 405, { allow: 'POST' });
    if (!isJson(request)) return problem(response, 415, 'BadRequest', 'Content-Type must be application/json');
    return callTool(scope, { forwarder: this.#forwarder, catalog: this.#catalog, maxBodyBytes: this.#maxBodyBytes }, request, response);
  }

  get #maxBodyBytes(): number {
    return this.#options.maxBodyBytes ?? 16 << 20;
  }

  async #handleSse(service: string, end: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const scope = this.#published(service);
    if (scope === null) return sendJson(response, 404, errorText(null, -32_000, 'Not found'), { connection: 'close' });
    const method = end === 'sse' ? 'GET' : 'POST';
    if (request.method !== method) return sendEmpty(response, 405, { allow: method });
    if (end === 'sse') return this.#sse.open(scope, `/services/${service}/messages`, response);
    return this.#read(request, response, ({ messages }) => this.#sse.post(scope, messages, request, response));
  }

  #post(scope: Scope, request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#read(request, response, ({ messages, batch }) =>
      isStatelessPost(messages, request)
        ? this.#stateless.post(scope, messages, request, response)
        : this.#sessions.post(scope, messages, batch, request, response),
    );
  }

  /** Reads the messages of a POST, or says why they cannot be read. */
  async #read(request: IncomingMessage, response: ServerResponse, take: (body: Body) => Promise<void>): Promise<void> {
    if (!isJson(request)) {
      const text = errorText(null, -32_000, 'Unsupported Media Type: Content-Type must be application/json');
      return sendJson(response, 415, text, { connection: 'close' });
    }
    const text = await readBodyText(request, this.#maxBodyBytes);
    let body: Body;
    try {
      body = readBody(text);
    } catch (thrown) {
      if (!(thrown instanceof RpcError)) throw thrown;
      return sendJson(response, 400, errorText(null, thrown.rpcCode, thrown.message, thrown.data));
    }
    await take(body);
  }
}

/** What clients see of a service. */
interface Look {
  readonly contract: Contract | null;
  /** Its Instances do not all look the same, whether they may be called or not. */
  readonly split: boolean;
  /** What hides and renames tools, as text. */
  readonly names: string;
}

function lookOf(backend: Backend): Look {
  const hashes = new Set([...backend.members.all()].map(({ instance }) => instance.contract.hash));
  const { expose, quarantine } = backend.plan;
  return { contract: backend.contract(), split: hashes.size > 1, names: canonicalJson([expose, quarantine]) };
}

/** `/services/<name>/preview/mcp` */
function isPreview(path: readonly string[]): boolean {
  return path.length === 4 && path[0] === 'services' && path[2] === 'preview' && path[3] === 'mcp';
}

type Body = ReturnType<typeof readBody>;

function isJson(request: IncomingMessage): boolean {
  return header(request, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}
