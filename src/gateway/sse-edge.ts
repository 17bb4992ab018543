/**
 * The edge for clients that have nothing newer than HTTP+SSE of 2024-11-05: one GET stream carries everything that is said
 * to the client, its messages come as POSTs to the address that the stream names first. The stream's end is the session's.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../ports/clock.ts';
import { errorText } from '../model/jsonrpc.ts';
import { sendEmpty, sendJson } from './http.ts';
import { rpc, thrownText, type Inbound } from './message.ts';
import type { Scope } from './scope.ts';
import { factsOf, type SessionEdge } from './session-edge.ts';
import { ClientSession } from './session.ts';
import { eventText, streamHeaders } from './stream.ts';

const oldestVersion = '2024-11-05';

interface Connection {
  readonly scope: Scope;
  readonly response: ServerResponse;
  /** The client has asked to initialise. */
  begun: boolean;
  /** null until it has initialised. */
  session: ClientSession | null;
}

export class SseEdge {
  readonly #connections = new Map<string, Connection>();
  readonly #sessions: SessionEdge;
  readonly #clock: Clock;

  constructor(sessions: SessionEdge, clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
  }

  /** Opens the stream. `messagesPath`: where its client posts. */
  open(scope: Scope, messagesPath: string, response: ServerResponse): void {
    const id = randomUUID();
    const connection: Connection = { scope, response, begun: false, session: null };
    this.#connections.set(id, connection);
    response.once('close', () => {
      this.#connections.delete(id);
      if (connection.session !== null) this.#sessions.end(connection.session);
    });
    response.writeHead(200, streamHeaders);
    response.write(`event: endpoint\ndata: ${messagesPath}?sessionId=${id}\n\n`);
  }

  /** A POST whose messages have been read: accepted at once, answered on the stream. */
  async post(scope: Scope, messages: readonly Inbound[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = new URL(request.url ?? '/', 'http://localhost').searchParams.get('sessionId');
    const connection = this.#connections.get(id ?? '');
    if (connection === undefined || connection.scope !== scope)
      return sendJson(response, 404, errorText(null, -32_001, 'Session not found'));
    sendEmpty(response, 202);
    await Promise.all(messages.map((message) => this.#take(connection, message)));
  }

  close(): void {
    for (const { response } of this.#connections.values()) response.end();
    this.#connections.clear();
  }

  async #take(connection: Connection, message: Inbound): Promise<void> {
    const { scope, session } = connection;
    const { kind, method, id } = message.envelope;
    if (method === 'initialize' && !connection.begun) return this.#initialize(connection, message);
    if (session === null) return this.#say(connection, errorText(id, rpc.invalidRequest, 'Invalid Request: initialize comes first'));
    session.touchedMs = this.#clock.elapsedMs();
    if (kind === 'response') session.answered(message.envelope);
    else if (kind === 'notification') scope.notify(session, message);
    else session.standalone.send(await this.#sessions.run(scope, session, message, session.standalone));
  }

  async #initialize(connection: Connection, message: Inbound): Promise<void> {
    const { scope, response } = connection;
    const { id } = message.envelope;
    const facts = factsOf(message, oldestVersion);
    if (facts === null || id === null) return this.#say(connection, errorText(id, rpc.invalidParams, 'Invalid params: not an initialize'));
    connection.begun = true;
    const session = new ClientSession(randomUUID(), scope, facts, this.#clock);
    try {
      const answer = await scope.initialize(session, message);
      if (response.destroyed) return session.close();
      connection.session = session;
      this.#sessions.keep(session);
      this.#say(connection, answer);
      session.listen(response, null);
    } catch (thrown) {
      session.close();
      connection.begun = false;
      this.#say(connection, thrownText(id, thrown, scope.service));
    }
  }

  #say(connection: Connection, text: string): void {
    if (!connection.response.destroyed) connection.response.write(eventText(text, null));
  }
}
