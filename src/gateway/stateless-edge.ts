/** The edge for clients of the stateless era: each POST is whole in itself; closing its connection cancels it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FairleadError } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';
import { errorText } from '../model/jsonrpc.ts';
import { acceptsOnlyJson, sendEmpty, sendJson } from './http.ts';
import { rawAt, rpc, thrownText, type Inbound } from './message.ts';
import type { Scope } from './scope.ts';
import { paramHeaders, statelessRejection, statusOfError } from './stateless-request.ts';
import { Stream } from './stream.ts';

const keepAliveMs = 15_000;

export class StatelessEdge {
  readonly #clock: Clock;
  readonly #streams = new Set<Stream>();
  #callOffKeepAlive: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#callOffKeepAlive = this.#keepAlive();
  }

  async post(scope: Scope, messages: readonly Inbound[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const message = messages[0]!;
    const { id } = message.envelope;
    if (messages.length > 1) {
      return sendJson(response, 400, errorText(null, rpc.invalidRequest, 'Bad Request: this protocol version has no batches'));
    }
    const rejection = statelessRejection(message, request);
    if (rejection !== null) return sendJson(response, rejection.status, errorText(id, rejection.code, rejection.message, rejection.data));
    if (message.envelope.kind === 'notification') return sendEmpty(response, 202);
    const jsonOnly = acceptsOnlyJson(request);
    const stream = new Stream(0, response, { store: null, headers: {}, primed: false, retryMs: 0, jsonOnly });
    const controller = new AbortController();
    stream.onDisconnect = () => controller.abort(new FairleadError('Cancelled', 'the client closed the connection'));
    this.#streams.add(stream);
    try {
      const text = await scope.stateless(message, {
        signal: controller.signal,
        headers: paramHeaders(request),
        send: (before) => stream.send(before.text),
      });
      stream.answer(statusOf(text), text);
    } catch (thrown) {
      const text = thrownText(id, thrown, scope.service);
      stream.answer(statusOf(text), text);
    } finally {
      this.#streams.delete(stream);
    }
  }

  close(): void {
    this.#callOffKeepAlive();
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  #keepAlive(): () => void {
    return this.#clock.after(keepAliveMs, () => {
      for (const stream of this.#streams) stream.keepAlive();
      this.#callOffKeepAlive = this.#keepAlive();
    });
  }
}

const mayBeError = /"error"\s*:\s*\{/;

function statusOf(text: string): number {
  if (!mayBeError.test(text)) return 200;
  const code = rawAt(text, ['error', 'code']);
  return code === null ? 200 : statusOfError(Number(code));
}
