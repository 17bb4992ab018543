/**
 * `/services/<name>/mcp`: one service, transparent. Requests and answers pass as they are; only tools that `expose` hides
 * or renames are looked at. Log level and subscriptions of a session are remembered, so that they outlive its upstream.
 */
import { resultText } from '../model/jsonrpc.ts';
import type { Backend } from './backend.ts';
import { Caller } from './caller.ts';
import type { Forwarder } from './forward.ts';
import { Listening } from './listening.ts';
import { type Inbound } from './message.ts';
import { ownFacts } from './own-name.ts';
import type { Scope, StatelessReply } from './scope.ts';
import {
  exposeTools,
  forwardForSession,
  forwardStateless,
  initializeResult,
  levelOf,
  ownTool,
  passOn,
  setLevel,
  subscribe,
  underName,
  type SessionRequest,
} from './service-request.ts';
import type { ClientSession } from './session.ts';
import type { Stream } from './stream.ts';

export class ServiceScope implements Scope {
  readonly service: string;
  readonly endpoint: string;
  readonly backend: Backend;
  readonly listening = new Listening();
  /** Stands for all stateless clients of this service. */
  readonly anonymous: Caller;
  readonly #forwarder: Forwarder;

  constructor(backend: Backend, forwarder: Forwarder, endpoint = `/services/${backend.service}/mcp`) {
    this.service = backend.service;
    this.endpoint = endpoint;
    this.backend = backend;
    this.anonymous = new Caller(`stateless-${backend.service}`, ownFacts, null);
    this.#forwarder = forwarder;
  }

  /** The service is gone, or the gateway goes. Calls that have begun get their answers. */
  close(): void {
    this.anonymous.retire();
    this.listening.end(this.backend.absent());
  }

  async initialize(session: ClientSession, message: Inbound): Promise<string> {
    const line = await this.#forwarder.connect(this.backend, session.caller);
    if (!this.backend.published) throw this.backend.absent();
    return resultText(message.envelope.id, initializeResult(line.session.facts, session.protocolVersion));
  }

  async request(session: ClientSession, message: Inbound, stream: Stream, signal: AbortSignal): Promise<string> {
    const ask: SessionRequest = { backend: this.backend, forwarder: this.#forwarder, session, message, stream, signal };
    const { envelope } = message;
    switch (envelope.method) {
      case 'ping':
        return resultText(envelope.id, '{}');
      case 'logging/setLevel': {
        const level = levelOf(message);
        session.caller.rememberLogLevel(level);
        return setLevel(ask, await this.#forwarder.connect(this.backend, session.caller, signal), level);
      }
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return subscribe(ask);
      case 'tools/call': {
        const own = ownTool(message, this.backend.exposure);
        return forwardForSession(ask, underName(message, own), own);
      }
      case 'tools/list':
        return exposeTools(await forwardForSession(ask, envelope, null), this.backend.exposure);
      default:
        return forwardForSession(ask, envelope, null);
    }
  }

  notify(session: ClientSession, message: Inbound): void {
    const services = session.heard(message);
    if (services === null || services.includes(this.service)) passOn(session, message.envelope, services);
  }

  async stateless(message: Inbound, reply: StatelessReply): Promise<string> {
    const ask = { backend: this.backend, forwarder: this.#forwarder, caller: this.anonymous, listening: this.listening, message, reply };
    if (message.envelope.method === 'tools/call') {
      const own = ownTool(message, this.backend.exposure);
      return forwardStateless(ask, underName(message, own), own);
    }
    const text = await forwardStateless(ask, message.envelope, null);
    return message.envelope.method === 'tools/list' ? exposeTools(text, this.backend.exposure) : text;
  }
}
