/**
 * The edge for clients of the session era: streamable HTTP of 2025-03-26, 2025-06-18 and 2025-11-25.
 * POST carries messages, GET listens (or resumes), DELETE ends the session. What a request means is the Scope's business.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../ports/clock.ts';
import type { ClientFacts } from '../ports/upstream.ts';
import { errorText } from '../model/jsonrpc.ts';
import { acceptsOnlyJson, header, sendEmpty, sendJson } from './http.ts';
import { isObject, rpc, thrownText, type Inbound } from './message.ts';
import { ClientSession } from './session.ts';
import type { Scope } from './scope.ts';
import type { Stream } from './stream.ts';

/** Newest first. */
export const sessionVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];
/** A client that says nothing of its version is taken for one of this. */
const unsaidVersion = '2025-03-26';
const idleSessionMs = 30 * 60_000;
const sweepMs = 15_000;
/** An answer that takes longer than this becomes a stream, so that its client can resume it. */
const streamAfterMs = 400;

export interface SessionEdgeOptions {
  readonly clock: Clock;
  readonly maxSessions: number;
}

export class SessionEdge {
  readonly sessions = new Map<string, ClientSession>();
  readonly #options: SessionEdgeOptions;
  #callOffSweep: () => void;

  constructor(options: SessionEdgeOptions) {
    this.#options = options;
    this.#callOffSweep = this.#scheduleSweep();
  }

  /** A POST whose messages have been read. */
  async post(
    scope: Scope,
    messages: readonly Inbound[],
    batch: boolean,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const first = messages[0];
    if (first?.envelope.method === 'initialize') {
      if (batch) return sendJson(response, 400, errorText(null, rpc.invalidRequest, 'Invalid Request: initialize may not be in a batch'));
      return this.#initialize(scope, first, request, response);
    }
    const session = this.#sessionOf(scope, request, response);
    if (session === null) return;
    const requests = messages.filter((message) => message.envelope.kind === 'request');
    for (const message of messages) {
      if (message.envelope.kind === 'response') session.answered(message.envelope);
      else if (message.envelope.kind === 'notification') scope.notify(session, message);
    }
    if (requests.length === 0) return sendEmpty(response, 202);
    const stream = session.openStream(response, acceptsOnlyJson(request) || batch);
    try {
      if (batch) await this.#answerBatch(scope, session, requests, stream);
      else await this.#answer(scope, session, requests[0]!, stream, request);
    } finally {
      session.closeStream(stream);
      session.touchedMs = this.#options.clock.elapsedMs();
      this.#closeReleased(session);
    }
  }

  async #answer(scope: Scope, session: ClientSession, message: Inbound, stream: Stream, request: IncomingMessage): Promise<void> {
    if (prefersStream(request)) stream.upgrade();
    const callOff = this.#options.clock.after(streamAfterMs, () => stream.upgrade());
    try {
      stream.finish(await this.run(scope, session, message, stream));
    } finally {
      callOff();
    }
  }

  async #answerBatch(scope: Scope, session: ClientSession, requests: readonly Inbound[], stream: Stream): Promise<void> {
    const answers = await Promise.all(requests.map((message) => this.run(scope, session, message, stream)));
    stream.finish(`[${answers.join(',')}]`);
  }

  /** Never rejects: whatever goes wrong is an answer. */
  async run(scope: Scope, session: ClientSession, message: Inbound, stream: Stream): Promise<string> {
    const id = message.envelope.id ?? 'null';
    // Sent on, it would begin the session of a process anew that other clients share.
    if (message.envelope.method === 'initialize')
      return errorText(id, rpc.invalidRequest, 'Invalid Request: the session is initialized already');
    if (session.underWay.has(id)) return errorText(id, rpc.invalidRequest, 'Invalid Request: a request with this id is under way');
    const controller = new AbortController();
    session.underWay.set(id, controller);
    try {
      return await scope.request(session, message, stream, controller.signal);
    } catch (thrown) {
      return thrownText(id, thrown, scope.service);
    } finally {
      session.underWay.delete(id);
    }
  }

  async #initialize(scope: Scope, message: Inbound, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = message.envelope.id;
    if (id === null) return sendJson(response, 400, errorText(null, rpc.invalidRequest, 'Invalid Request: initialize needs an id'));
    if (header(request, 'mcp-session-id') !== null) {
      return sendJson(response, 400, errorText(id, rpc.invalidRequest, 'Invalid Request: the session is initialized already'));
    }
    const facts = factsOf(message);
    if (facts === null) return sendJson(response, 200, errorText(id, rpc.invalidParams, 'Invalid params: protocolVersion is missing'));
    const session = new ClientSession(randomUUID(), scope, facts, this.#options.clock);
    try {
      const answer = await scope.initialize(session, message);
      // Its client never hears of it.
      if (response.destroyed) return session.close();
      this.keep(session);
      sendJson(response, 200, answer, { 'mcp-session-id': session.id });
    } catch (thrown) {
      session.close();
      sendJson(response, 200, thrownText(id, thrown, scope.service));
    }
  }

  get(scope: Scope, request: IncomingMessage, response: ServerResponse): void {
    if (header(request, 'accept')?.includes('text/event-stream') !== true) {
      return sendJson(response, 406, errorText(null, -32_000, 'Not Acceptable: the client must accept text/event-stream'));
    }
    const session = this.#sessionOf(scope, request, response);
    if (session === null) return;
    if (!session.listen(response, header(request, 'last-event-id'))) {
      sendJson(response, 400, errorText(null, -32_000, 'Bad Request: Last-Event-ID is none of this session'));
    }
  }

  delete(scope: Scope, request: IncomingMessage, response: ServerResponse): void {
    const session = this.#sessionOf(scope, request, response);
    if (session === null) return;
    this.end(session);
    sendEmpty(response, 200);
  }

  /** Closes every session: the gateway is going. */
  close(): void {
    this.#callOffSweep();
    for (const session of this.sessions.values()) session.close();
    this.sessions.clear();
  }

  /** Takes in a session that has been initialised. */
  keep(session: ClientSession): void {
    this.#makeRoom();
    this.sessions.set(session.id, session);
  }

  end(session: ClientSession): void {
    this.sessions.delete(session.id);
    session.close();
  }

  /** Takes no more requests of an endpoint's sessions: it is gone. Those under way get their answers. */
  release(endpoint: string): void {
    for (const session of this.sessions.values()) {
      if (session.at.endpoint !== endpoint) continue;
      this.sessions.delete(session.id);
      this.#closeReleased(session);
    }
  }

  #closeReleased(session: ClientSession): void {
    if (!this.sessions.has(session.id) && session.underWay.size === 0) session.close();
  }

  #sessionOf(scope: Scope, request: IncomingMessage, response: ServerResponse): ClientSession | null {
    const id = header(request, 'mcp-session-id');
    if (id === null) {
      sendJson(response, 400, errorText(null, -32_000, 'Bad Request: the Mcp-Session-Id header is required'));
      return null;
    }
    const session = this.sessions.get(id);
    if (session === undefined || session.at.endpoint !== scope.endpoint) {
      sendJson(response, 404, errorText(null, -32_001, 'Session not found'));
      return null;
    }
    const version = header(request, 'mcp-protocol-version');
    if (version !== null && !sessionVersions.includes(version)) {
      const supported = sessionVersions.join(', ');
      sendJson(
        response,
        400,
        errorText(null, -32_000, `Bad Request: Unsupported protocol version: ${version} (supported versions: ${supported})`),
      );
      return null;
    }
    session.touchedMs = this.#options.clock.elapsedMs();
    return session;
  }

  /** Over the limit the session that was idle longest goes; its client is told by 404 and may begin again. */
  #makeRoom(): void {
    while (this.sessions.size >= this.#options.maxSessions) {
      let oldest: ClientSession | null = null;
      for (const session of this.sessions.values()) {
        if (
          oldest === null ||
          Number(session.busy) < Number(oldest.busy) ||
          (session.busy === oldest.busy && session.touchedMs < oldest.touchedMs)
        ) {
          oldest = session;
        }
      }
      if (oldest === null) return;
      this.end(oldest);
    }
  }

  #scheduleSweep(): () => void {
    return this.#options.clock.after(sweepMs, () => {
      const nowMs = this.#options.clock.elapsedMs();
      for (const session of this.sessions.values()) {
        session.keepAlive();
        if (session.busy) session.touchedMs = nowMs;
        else if (nowMs - session.touchedMs > idleSessionMs) this.end(session);
      }
      this.#callOffSweep = this.#scheduleSweep();
    });
  }
}

/** The version to answer an initialize with: the client's own where the gateway speaks it, the newest otherwise. */
function negotiated(version: string): string {
  return sessionVersions.includes(version) ? version : sessionVersions[0]!;
}

/** Who the client says it is; null when its initialize is not right. `also`: a version that is spoken only here. */
export function factsOf(message: Inbound, also?: string): ClientFacts | null {
  const { protocolVersion, capabilities, clientInfo } = message.params;
  if (protocolVersion !== undefined && typeof protocolVersion !== 'string') return null;
  const info = isObject(clientInfo) ? clientInfo : {};
  return {
    protocolVersion: protocolVersion === also && also !== undefined ? also : negotiated(protocolVersion ?? unsaidVersion),
    capabilities: isObject(capabilities) ? capabilities : {},
    clientInfo: { ...info, name: textOr(info['name'], 'unknown'), version: textOr(info['version'], '0') },
  };
}

/** A client that names event streams before JSON gets one, also for an answer that comes at once. */
function prefersStream(request: IncomingMessage): boolean {
  return header(request, 'accept')?.trimStart().startsWith('text/event-stream') === true;
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
