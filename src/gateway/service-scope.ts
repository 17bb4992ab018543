/**
 * `/services/<name>/mcp`: one service, transparent. Requests and answers pass as they are; only tools that `expose` hides
 * or renames are looked at. Log level and subscriptions of a session are remembered, so that they survive its upstream.
 */
import type { Envelope } from '../model/envelope.ts';
import { withParam } from '../model/envelope.ts';
import type { ServerFacts } from '../ports/upstream.ts';
import type { Backend } from './backend.ts';
import type { Line } from './caller.ts';
import type { Exposure } from './exposure.ts';
import type { Forwarder } from './forward.ts';
import { replaceAt, resultText, rpc, RpcError, type Inbound } from './message.ts';
import type { Scope, StatelessReply } from './scope.ts';
import { sessionVersions } from './session-edge.ts';
import type { ClientSession } from './session.ts';
import { SharedState, logLevels } from './shared-state.ts';
import type { Stream } from './stream.ts';

export class ServiceScope implements Scope {
  readonly service: string;
  readonly #backend: Backend;
  readonly #forwarder: Forwarder;

  constructor(backend: Backend, forwarder: Forwarder) {
    this.service = backend.service;
    this.#backend = backend;
    this.#forwarder = forwarder;
  }

  async initialize(session: ClientSession, message: Inbound): Promise<string> {
    const line = await this.#forwarder.connect(this.#backend, session.caller);
    return resultText(message.envelope.id, initializeResult(line.session.facts, session.protocolVersion));
  }

  request(session: ClientSession, message: Inbound, stream: Stream, signal: AbortSignal): Promise<string> {
    return sessionRequest({ backend: this.#backend, forwarder: this.#forwarder, session, message, stream, signal });
  }

  notify(session: ClientSession, message: Inbound): void {
    const services = session.heard(message);
    if (services === null || services.includes(this.service)) passOn(session, message.envelope, services);
  }

  async stateless(_message: Inbound, _reply: StatelessReply): Promise<string> {
    throw new RpcError(rpc.methodNotFound, 'not served');
  }
}

/** Hands a client's notification on to the sessions that are its alone; `services` null: all of them. */
export function passOn(session: ClientSession, message: Envelope, services: readonly string[] | null): void {
  for (const line of session.caller.lines()) {
    if (line.session.shared || line.session.facts.era === 'stateless') continue;
    if (services !== null && !services.includes(line.service)) continue;
    void line.session.notify(message).catch(() => undefined);
  }
}

export interface SessionRequest {
  readonly backend: Backend;
  readonly forwarder: Forwarder;
  readonly session: ClientSession;
  readonly message: Inbound;
  readonly stream: Stream;
  readonly signal: AbortSignal;
}

/** One request of a session client to one service. The message carries the service's own names except for exposed tools. */
export async function sessionRequest(ask: SessionRequest): Promise<string> {
  const { backend, session, message } = ask;
  const { envelope, params } = message;
  const { exposure } = backend;
  switch (envelope.method) {
    case 'ping':
      return resultText(envelope.id, '{}');
    case 'logging/setLevel':
      return setLevel(ask);
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return subscribe(ask, envelope.method === 'resources/subscribe');
    case 'tools/call': {
      const shown = String(params['name']);
      const own = exposure.ownName(shown);
      if (own === null) throw new RpcError(rpc.invalidParams, `Unknown tool: ${shown}`);
      const text = own === shown ? envelope.text : withParam(envelope, 'name', JSON.stringify(own));
      return send(ask, { ...envelope, text }, own);
    }
    case 'tools/list': {
      const text = await send(ask, envelope, null);
      return exposure.transparent ? text : exposeTools(text, exposure);
    }
    default:
      if (session.closed) throw new RpcError(rpc.invalidRequest, 'the session ended');
      return send(ask, envelope, null);
  }
}

function send(ask: SessionRequest, message: Envelope, tool: string | null): Promise<string> {
  const { backend, forwarder, session, stream, signal } = ask;
  return forwarder.forward({
    backend,
    caller: session.caller,
    message,
    tool,
    signal,
    onNotification: (notification) => stream.send(notification.text),
    onRequest: (request) => session.ask(backend.service, request, stream),
    onDetached: () => {
      stream.upgrade();
      stream.detach();
    },
  });
}

async function setLevel(ask: SessionRequest): Promise<string> {
  const { backend, forwarder, session, message, signal } = ask;
  const level = String(message.params['level']);
  if (!logLevels.includes(level)) throw new RpcError(rpc.invalidParams, `Invalid params: unknown log level ${level}`);
  session.caller.rememberLogLevel(level);
  const line = await forwarder.connect(backend, session.caller, signal);
  if (!line.session.shared) return send(ask, message.envelope, null);
  const wanted = SharedState.of(line.member.instance.upstream).wantLevel(session.caller.id, level);
  if (wanted === null) return resultText(message.envelope.id, '{}');
  return send(ask, { ...message.envelope, text: replaceAt(message.envelope.text, ['params', 'level'], JSON.stringify(wanted)) }, null);
}

async function subscribe(ask: SessionRequest, subscribed: boolean): Promise<string> {
  const { backend, forwarder, session, message, signal } = ask;
  const uri = message.params['uri'];
  if (typeof uri !== 'string') throw new RpcError(rpc.invalidParams, 'Invalid params: uri is missing');
  const line = await forwarder.connect(backend, session.caller, signal);
  const needed = !line.session.shared || sharedOf(line).subscribe(session.caller.id, uri, subscribed, null);
  const answer = needed ? await send(ask, message.envelope, null) : resultText(message.envelope.id, '{}');
  session.caller.rememberSubscription(backend.service, uri, subscribed);
  return answer;
}

function sharedOf(line: Line): SharedState {
  return SharedState.of(line.member.instance.upstream);
}

/** What the service said in its handshake, in the version that this client speaks. */
export function initializeResult(facts: ServerFacts, clientVersion: string): string {
  const older = sessionVersions.includes(facts.protocolVersion) && facts.protocolVersion < clientVersion;
  const protocolVersion = older ? facts.protocolVersion : clientVersion;
  if (facts.era === 'session') return replaceAt(facts.resultText, ['protocolVersion'], JSON.stringify(protocolVersion));
  const { capabilities, serverInfo, instructions } = facts;
  return JSON.stringify({ protocolVersion, capabilities, serverInfo, ...(instructions === null ? {} : { instructions }) });
}

/** A page of tools/list with hidden tools left out and the others under the names that clients know. */
export function exposeTools(text: string, exposure: Exposure): string {
  const response = JSON.parse(text) as { result?: { tools?: { name: string }[] } };
  if (!Array.isArray(response.result?.tools)) return text;
  response.result.tools = response.result.tools.flatMap((tool) => {
    const name = exposure.publicName(tool.name);
    return name === null ? [] : [{ ...tool, name }];
  });
  return JSON.stringify(response);
}
