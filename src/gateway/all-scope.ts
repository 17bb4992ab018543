/**
 * `/mcp`: all services together. Lists come from the Catalog, so that no service that is slow or gone holds them up; calls
 * go to the service that has the name or URI, over a session that is opened when the client first needs it.
 */
import { FairleadError } from '../base/error.ts';
import { version } from '../base/version.ts';
import type { Envelope } from '../model/envelope.ts';
import { resultText } from '../model/jsonrpc.ts';
import type { Backend } from './backend.ts';
import { isListMethod, type Catalog, type Entry } from './catalog.ts';
import { discoverAnswer, statelessAnswer } from './eras.ts';
import type { Forwarder } from './forward.ts';
import { Listening } from './listening.ts';
import { replaceAt, RpcError, rpc, type Inbound } from './message.ts';
import type { Scope, StatelessReply } from './scope.ts';
import {
  forwardForSession,
  forwardStateless,
  levelOf,
  passOn,
  setLevel,
  subscribe,
  underName,
  type SessionRequest,
} from './service-request.ts';
import type { ServiceScope } from './service-scope.ts';
import type { ClientSession } from './session.ts';
import type { Stream } from './stream.ts';

const serverInfo = { name: 'fairlead', title: 'Fairlead', version };
const instructions =
  'All services behind this Fairlead gateway. Tools and prompts are named service__name; each service is also served alone at /services/<name>/mcp.';
const sessionCapabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  logging: {},
  completions: {},
};
const statelessCapabilities = { ...sessionCapabilities, resources: { listChanged: true } };

/** A request whose name or URI is the service's own, and who it goes to. */
interface Resolved {
  readonly backend: Backend;
  readonly message: Envelope;
  readonly tool: string | null;
}

export class AllScope implements Scope {
  readonly service = null;
  readonly endpoint = '/mcp';
  readonly listening = new Listening();
  readonly #catalog: Catalog;
  readonly #forwarder: Forwarder;
  readonly #services: ReadonlyMap<string, ServiceScope>;

  constructor(catalog: Catalog, forwarder: Forwarder, services: ReadonlyMap<string, ServiceScope>) {
    this.#catalog = catalog;
    this.#forwarder = forwarder;
    this.#services = services;
  }

  async initialize(session: ClientSession, message: Inbound): Promise<string> {
    const result = { protocolVersion: session.protocolVersion, capabilities: sessionCapabilities, serverInfo, instructions };
    return resultText(message.envelope.id, JSON.stringify(result));
  }

  async request(session: ClientSession, message: Inbound, stream: Stream, signal: AbortSignal): Promise<string> {
    const { envelope, params } = message;
    const ask = (backend: Backend): SessionRequest => ({ backend, forwarder: this.#forwarder, session, message, stream, signal });
    if (envelope.method === 'ping') return resultText(envelope.id, '{}');
    if (isListMethod(envelope.method))
      return resultText(
        envelope.id,
        this.#catalog.page(envelope.method, params['cursor'], (backend) => session.caller.contractOf(backend)),
      );
    if (envelope.method === 'logging/setLevel') return this.#setLevel(session, message, ask);
    if (envelope.method === 'resources/subscribe' || envelope.method === 'resources/unsubscribe') {
      return subscribe(ask(this.#resource(params['uri'], 'session').backend));
    }
    const resolved = this.#resolve(message, 'session');
    return forwardForSession(ask(resolved.backend), resolved.message, resolved.tool);
  }

  notify(session: ClientSession, message: Inbound): void {
    passOn(session, message.envelope, session.heard(message));
  }

  async stateless(message: Inbound, reply: StatelessReply): Promise<string> {
    const { envelope, params } = message;
    if (envelope.method === 'server/discover')
      return discoverAnswer(envelope.id, { capabilities: statelessCapabilities, serverInfo, instructions });
    if (envelope.method === 'subscriptions/listen') return this.listening.listen(message, reply);
    if (isListMethod(envelope.method)) {
      const page = resultText(
        envelope.id,
        this.#catalog.page(envelope.method, params['cursor'], () => null),
      );
      return statelessAnswer(page, envelope.method, { serverInfo });
    }
    const { backend, message: resolved, tool } = this.#resolve(message, 'stateless');
    const scope = this.#services.get(backend.service)!;
    const ask = { backend, forwarder: this.#forwarder, caller: scope.anonymous, listening: scope.listening, message, reply };
    return forwardStateless(ask, resolved, tool);
  }

  /** Remembered for services that are opened later; said to those that are open. One that refuses does not spoil it. */
  async #setLevel(session: ClientSession, message: Inbound, ask: (backend: Backend) => SessionRequest): Promise<string> {
    const level = levelOf(message);
    session.caller.rememberLogLevel(level);
    const open = session.caller.lines().filter((line) => line.session.facts.capabilities['logging'] !== undefined);
    await Promise.allSettled(
      open.map(async (line) => {
        const scope = this.#services.get(line.service);
        if (scope !== undefined) await setLevel(ask(scope.backend), line, level);
      }),
    );
    return resultText(message.envelope.id, '{}');
  }

  #resolve(message: Inbound, era: 'session' | 'stateless'): Resolved {
    const { envelope, params } = message;
    switch (envelope.method) {
      case 'tools/call': {
        const entry = this.#named(params['name'], (name) => this.#catalog.tool(name), 'tool');
        return { backend: entry.backend, message: underName(message, entry.own), tool: entry.own };
      }
      case 'prompts/get': {
        const entry = this.#named(params['name'], (name) => this.#catalog.prompt(name), 'prompt');
        return { backend: entry.backend, message: underName(message, entry.own), tool: null };
      }
      case 'resources/read':
        return { backend: this.#resource(params['uri'], era).backend, message: envelope, tool: null };
      case 'completion/complete':
        return this.#completion(message, era);
      default:
        throw new RpcError(rpc.methodNotFound, `Method not found: ${envelope.method}`);
    }
  }

  #named(name: unknown, find: (name: string) => Entry | null, what: string): Entry {
    const entry = typeof name === 'string' ? find(name) : null;
    if (entry !== null) return entry;
    this.#refuseUnsettled(what, name);
    throw new RpcError(rpc.invalidParams, `Unknown ${what}: ${String(name)}`);
  }

  /** Just after the host began, "there is no such thing" may be untrue: that answer is one to try again. */
  #refuseUnsettled(what: string, name: unknown): void {
    if (this.#catalog.unsettled)
      throw new FairleadError('ServiceUnavailable', `The ${what} ${String(name)} is not known yet: services are starting.`);
  }

  #resource(uri: unknown, era: 'session' | 'stateless'): Entry {
    const entry = typeof uri === 'string' ? this.#catalog.resource(uri) : null;
    if (entry !== null) return entry;
    this.#refuseUnsettled('resource', uri);
    const code = era === 'session' && typeof uri === 'string' ? rpc.resourceNotFound : rpc.invalidParams;
    throw new RpcError(code, `Resource not found: ${String(uri)}`, { uri });
  }

  #completion(message: Inbound, era: 'session' | 'stateless'): Resolved {
    const ref = (message.params['ref'] ?? {}) as { type?: unknown; name?: unknown; uri?: unknown };
    if (ref.type === 'ref/resource') return { backend: this.#resource(ref.uri, era).backend, message: message.envelope, tool: null };
    const entry = this.#named(ref.name, (name) => this.#catalog.prompt(name), 'prompt');
    const text = replaceAt(message.envelope.text, ['params', 'ref', 'name'], JSON.stringify(entry.own));
    return { backend: entry.backend, message: { ...message.envelope, text }, tool: null };
  }
}
