/**
 * One request to one service, from a client of either era to a service of either. Both Scopes build on this; names and URIs
 * are the service's own here.
 */
import { withParam, type Envelope } from '../model/envelope.ts';
import type { ServerFacts } from '../ports/upstream.ts';
import { resultText } from '../model/jsonrpc.ts';
import type { Backend } from './backend.ts';
import type { Caller, Line } from './caller.ts';
import { checkStatelessMethod, discoverAnswer, statelessAnswer, withInputs, withLogLevel } from './eras.ts';
import type { Exposure } from './exposure.ts';
import type { Forwarder } from './forward.ts';
import type { Listening } from './listening.ts';
import { rawAt, replaceAt, rpc, RpcError, type Inbound } from './message.ts';
import type { StatelessReply } from './scope.ts';
import type { ClientSession } from './session.ts';
import { logLevels, SharedState } from './shared-state.ts';
import type { Stream } from './stream.ts';

const oldestVersion = '2025-03-26';

export interface SessionRequest {
  readonly backend: Backend;
  readonly forwarder: Forwarder;
  readonly session: ClientSession;
  readonly message: Inbound;
  readonly stream: Stream;
  readonly signal: AbortSignal;
}

/** Sends a session client's request on. `tool`: the service's own name, for tools/call. */
export function forwardForSession(ask: SessionRequest, message: Envelope, tool: string | null): Promise<string> {
  const { backend, forwarder, session, stream, signal } = ask;
  const send = (round: Envelope): Promise<string> =>
    forwarder.forward({
      backend,
      caller: session.caller,
      message: round,
      tool,
      signal,
      adapt: (adapted, line) => withLogLevel(adapted, line, session.caller.logLevel),
      onNotification: (notification) => stream.send(notification.text),
      onRequest: (request) => session.ask(backend.service, request, stream),
      onDetached: () => {
        stream.upgrade();
        stream.detach();
      },
    });
  return withInputs(message, send, (request) => session.ask(backend.service, request, stream));
}

/** Passes a notification of the client on to the sessions that are its alone; `services` null: all of them. */
export function passOn(session: ClientSession, message: Envelope, services: readonly string[] | null): void {
  for (const line of session.caller.lines()) {
    if (line.session.shared || (services !== null && !services.includes(line.service))) continue;
    void line.session.notify(message).catch(() => undefined);
  }
}

/** The level that a request for one sets. Throws RpcError InvalidParams. */
export function levelOf(message: Inbound): string {
  const level = String(message.params['level']);
  if (!logLevels.includes(level)) throw new RpcError(rpc.invalidParams, `Invalid params: unknown log level ${level}`);
  return level;
}

/** logging/setLevel: a shared process gets the most talkative level that anybody wants, a stateless service gets it with each request. */
export async function setLevel(ask: SessionRequest, line: Line, level: string): Promise<string> {
  const { session, message } = ask;
  const done = resultText(message.envelope.id, '{}');
  if (line.session.facts.era === 'stateless') return done;
  if (!line.session.shared) return forwardForSession(ask, message.envelope, null);
  const wanted = SharedState.of(line.member.instance.upstream).wantLevel(session.caller.id, level);
  if (wanted === null) return done;
  const text = replaceAt(message.envelope.text, ['params', 'level'], JSON.stringify(wanted));
  return forwardForSession(ask, { ...message.envelope, text }, null);
}

/** resources/subscribe and unsubscribe: a shared process is told of a URI by the first and the last that want it. */
export async function subscribe(ask: SessionRequest): Promise<string> {
  const { backend, forwarder, session, message, signal } = ask;
  const subscribed = message.envelope.method === 'resources/subscribe';
  const uri = message.params['uri'];
  if (typeof uri !== 'string') throw new RpcError(rpc.invalidParams, 'Invalid params: uri is missing');
  const line = await forwarder.connect(backend, session.caller, signal);
  const shared = line.session.shared ? SharedState.of(line.member.instance.upstream) : null;
  const needed = shared === null || shared.subscribe(session.caller.id, uri, subscribed, null);
  let taken = false;
  try {
    const answer = needed ? await forwardForSession(ask, message.envelope, null) : resultText(message.envelope.id, '{}');
    taken = rawAt(answer, ['error']) === null;
    if (taken) session.caller.rememberSubscription(backend.service, uri, subscribed);
    return answer;
  } finally {
    // The next that wants it asks the service again.
    if (!taken && needed) shared?.subscribe(session.caller.id, uri, !subscribed, null);
  }
}

/** A tools/call under the service's own name of the tool, when clients know it by another. */
export function underName(message: Inbound, own: string): Envelope {
  if (message.params['name'] === own) return message.envelope;
  return { ...message.envelope, text: withParam(message.envelope, 'name', JSON.stringify(own)) };
}

/** The service's own name of the tool that a tools/call names. Throws RpcError InvalidParams for a hidden one. */
export function ownTool(message: Inbound, exposure: Exposure): string {
  const shown = message.params['name'];
  const own = typeof shown === 'string' ? exposure.ownName(shown) : null;
  if (own === null) throw new RpcError(rpc.invalidParams, `Unknown tool: ${String(shown)}`);
  return own;
}

export interface StatelessRequest {
  readonly backend: Backend;
  readonly forwarder: Forwarder;
  readonly caller: Caller;
  readonly listening: Listening;
  readonly message: Inbound;
  readonly reply: StatelessReply;
}

/** Sends a stateless client's request on, to a service of its own era as it is. `tool`: the service's own name, for tools/call. */
export async function forwardStateless(ask: StatelessRequest, message: Envelope, tool: string | null): Promise<string> {
  const { backend, forwarder, caller, reply } = ask;
  const method = message.method ?? '';
  const affinity = caller.affinityTo(backend);
  const deadlineMs = forwarder.deadlineOf(backend);
  const { facts } = (await forwarder.connect(backend, caller, reply.signal, affinity, deadlineMs)).session;
  if (facts.era === 'session') {
    if (method === 'server/discover') return discoverAnswer(message.id, facts);
    if (method === 'subscriptions/listen') return ask.listening.listen(ask.message, reply);
    checkStatelessMethod(method);
  }
  const text = await forwarder.forward({
    backend,
    caller,
    affinity,
    deadlineMs,
    message,
    tool,
    signal: reply.signal,
    headers: reply.headers,
    onNotification: (notification) => reply.send(notification),
    endless: method === 'subscriptions/listen',
  });
  return facts.era === 'session' ? statelessAnswer(text, method, facts) : text;
}

/** What the service said in its handshake, in the version that a session client speaks. */
export function initializeResult(facts: ServerFacts, clientVersion: string): string {
  if (facts.era === 'session') {
    // What is older than the oldest version spoken here is kept from the client: the gateway speaks for the service then.
    const older = facts.protocolVersion >= oldestVersion && facts.protocolVersion < clientVersion;
    const protocolVersion = older ? facts.protocolVersion : clientVersion;
    return replaceAt(facts.resultText, ['protocolVersion'], JSON.stringify(protocolVersion));
  }
  // A stateless service has no subscriptions by URI that could be asked for one by one; levels are sent with each request.
  const { resources, ...others } = facts.capabilities as { resources?: Record<string, unknown> };
  const capabilities = { ...others, ...(resources === undefined ? {} : { resources: { ...resources, subscribe: false } }) };
  const instructions = facts.instructions === null ? {} : { instructions: facts.instructions };
  return JSON.stringify({ protocolVersion: clientVersion, capabilities, serverInfo: facts.serverInfo, ...instructions });
}

/** A page of tools/list with hidden tools left out and the others under the names that clients know. */
export function exposeTools(text: string, exposure: Exposure): string {
  if (exposure.transparent) return text;
  const response = JSON.parse(text) as { result?: { tools?: { name: string }[] } };
  if (!Array.isArray(response.result?.tools)) return text;
  response.result.tools = response.result.tools.flatMap((tool) => {
    const name = exposure.listedName(tool.name);
    return name === null ? [] : [{ ...tool, name }];
  });
  return JSON.stringify(response);
}
