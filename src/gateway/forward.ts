/**
 * The core of the gateway: takes one request to one Instance of a Service and its answer back, whatever the client's era.
 *
 * Invariants: every request that comes in ends in exactly one answer or one typed error. A tools/call is sent a second time
 * only when nothing of it had been written; a request that only reads may be sent again once. Texts pass as they are.
 */
import { FairleadError } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { Envelope } from '../ports/upstream.ts';
import type { Backend } from './backend.ts';
import type { Caller, Line } from './caller.ts';
import type { CallOutcome, Usage } from './counters.ts';
import { inQuarantine } from './exposure.ts';
import type { Member } from './members.ts';
import { rawAt } from './message.ts';
import type { Affinity } from './shares.ts';

export interface Forwarding {
  readonly backend: Backend;
  readonly caller: Caller;
  /** What decides among Revisions; the Caller's own unless given. */
  readonly affinity?: Affinity;
  readonly message: Envelope;
  /** The name of the tool as the service has it, for tools/call. */
  readonly tool: string | null;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  readonly onNotification?: (message: Envelope) => void;
  readonly onRequest?: (message: Envelope) => Promise<string>;
  readonly onDetached?: (retryMs: number | null) => void;
  /** Changes the message for the session it goes to (an envelope for the other era), once the session is known. */
  readonly adapt?: (message: Envelope, line: Line) => Envelope;
  /** No end (subscriptions/listen). */
  readonly endless?: boolean;
  /** Of the clock's elapsedMs; callTimeout from now unless part of it has been used. */
  readonly deadlineMs?: number;
}

/** Requests that count as calls in TrafficCounters. */
const counted = new Set(['tools/call', 'resources/read', 'prompts/get']);
/** A service that refuses to shake hands is asked this often for one request. */
const maxHandshakes = 3;

export class Forwarder {
  readonly #clock: Clock;
  readonly #usage: Usage;

  constructor(clock: Clock, usage: Usage) {
    this.#clock = clock;
    this.#usage = usage;
  }

  /** When a request that comes in now has to have its answer, of the clock's elapsedMs. */
  deadlineOf({ plan }: Backend): number {
    return this.#clock.elapsedMs() + plan.limits.callTimeoutMs;
  }

  /** Resolves with the response's text under the id of the message. Throws FairleadError. */
  async forward(call: Forwarding): Promise<string> {
    const { backend } = call;
    if (!backend.published) throw backend.absent();
    if (call.tool !== null && backend.exposure.quarantined(call.tool)) throw inQuarantine(backend.service, call.tool);
    const deadlineMs = call.deadlineMs ?? this.deadlineOf(backend);
    // A stream that stays open for hours must not hold a slot that calls need.
    if (call.endless === true) return this.#attempts(call, deadlineMs);
    await backend.admit(deadlineMs, call.signal);
    try {
      return await this.#attempts(call, deadlineMs);
    } finally {
      backend.release();
    }
  }

  /** A session of this Caller with the Service, opened when there is none; waits for an Instance up to callTimeout. */
  async connect(
    backend: Backend,
    caller: Caller,
    signal?: AbortSignal,
    affinity = caller.affinityTo(backend),
    deadlineMs = this.deadlineOf(backend),
  ): Promise<Line> {
    const again = new Again();
    for (;;) {
      const member = caller.bound(backend) ?? (await backend.acquire(affinity, again.passOver, deadlineMs, signal));
      backend.members.begin(member);
      try {
        return await this.#open(caller, backend, member, deadlineMs);
      } catch (thrown) {
        if (!again.after(thrown, member, false)) throw thrown;
      } finally {
        backend.members.end(member);
      }
    }
  }

  async #attempts(call: Forwarding, deadlineMs: number): Promise<string> {
    const { backend, caller, message, affinity = caller.affinityTo(backend) } = call;
    const again = new Again();
    for (;;) {
      const member = caller.bound(backend) ?? (await backend.acquire(affinity, again.passOver, deadlineMs, call.signal));
      // A stream that stays open for hours keeps no Instance from ending its drain.
      if (call.endless !== true) backend.members.begin(member);
      const beganMs = this.#clock.elapsedMs();
      try {
        const line = await this.#open(caller, backend, member, deadlineMs);
        try {
          const text = await this.#send(call, line, deadlineMs);
          this.#count(call, member, text, this.#clock.elapsedMs() - beganMs);
          if (call.tool !== null) backend.mirror.heard({ message, tool: call.tool, headers: call.headers ?? {}, member, text });
          return text;
        } catch (thrown) {
          if (sessionIsOver(thrown)) caller.drop(backend, line);
          throw thrown;
        }
      } catch (thrown) {
        if (call.signal?.aborted === true || !again.after(thrown, member, readsOnly(message))) {
          this.#countFailure(call, member, thrown, this.#clock.elapsedMs() - beganMs);
          throw thrown;
        }
      } finally {
        if (call.endless !== true) backend.members.end(member);
      }
    }
  }

  /** The Caller's session at that Instance; its handshake, which others may wait for as well, goes on when the time is up. Throws ServiceUnavailable then. */
  #open(caller: Caller, backend: Backend, member: Member, deadlineMs: number): Promise<Line> {
    const { service } = backend;
    return new Promise((resolve, reject) => {
      const late = (): void =>
        reject(
          new FairleadError('ServiceUnavailable', `service ${service} opened no session within limits.callTimeout`, { data: { service } }),
        );
      const callOff = this.#clock.after(Math.max(0, deadlineMs - this.#clock.elapsedMs()), late);
      caller.open(backend, member).finally(callOff).then(resolve, reject);
    });
  }

  #send(call: Forwarding, line: Line, deadlineMs: number): Promise<string> {
    const message = call.adapt === undefined ? call.message : call.adapt(call.message, line);
    return line.request(message, {
      timeoutMs: call.endless === true ? Infinity : Math.max(1, deadlineMs - this.#clock.elapsedMs()),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
      ...(call.headers === undefined ? {} : { headers: call.headers }),
      ...(call.onNotification === undefined ? {} : { onNotification: call.onNotification }),
      ...(call.onRequest === undefined ? {} : { onRequest: call.onRequest }),
      ...(call.onDetached === undefined ? {} : { onDetached: call.onDetached }),
    });
  }

  /** `text`: the response; null when there was none. */
  #count(call: Forwarding, member: Member, text: string | null, latencyMs: number): void {
    const { backend, message, tool } = call;
    if (backend.way === 'preview' || message.method === null || !counted.has(message.method)) return;
    const outcome = outcomeOf(text);
    backend.counters.count(member.instance.revision, outcome, latencyMs);
    if (tool !== null) this.#usage.count(backend.service, tool, this.#clock.now(), outcome !== 'ok', latencyMs);
  }

  /** That a client changed its mind says nothing of the service. */
  #countFailure(call: Forwarding, member: Member, thrown: unknown, latencyMs: number): void {
    if (thrown instanceof FairleadError && thrown.code === 'Cancelled') return;
    this.#count(call, member, null, latencyMs);
  }
}

/** Whether a request may be sent once more, and where it has failed already. */
class Again {
  /** Instances that are not to be asked again while another is there. */
  readonly passOver = new Set<Member>();
  #handshakes = 0;
  #sessions = 0;
  #reads = 0;

  /** `reads`: the request changes nothing, so that sending it twice does no harm. */
  after(thrown: unknown, member: Member, reads: boolean): boolean {
    if (!(thrown instanceof FairleadError)) return false;
    if (thrown.code === 'HandshakeFailed' || thrown.code === 'HandshakeTimeout') {
      this.passOver.add(member);
      return ++this.#handshakes < maxHandshakes;
    }
    if (thrown.code === 'ConnectFailed') {
      this.passOver.add(member);
      return true;
    }
    if (thrown.code !== 'UpstreamLost') return false;
    // A service that forgot the session is there; it is asked in a new one, once.
    if (thrown.data['sessionLost'] === true && thrown.data['written'] === false) return ++this.#sessions === 1;
    this.passOver.add(member);
    return thrown.data['written'] === false || (reads && ++this.#reads === 1);
  }
}

/** Whether the session cannot be used for the next call either. */
function sessionIsOver(thrown: unknown): boolean {
  if (!(thrown instanceof FairleadError)) return false;
  if (thrown.code === 'ConnectFailed') return true;
  return thrown.code === 'UpstreamLost' && (thrown.data['sessionLost'] === true || thrown.data['written'] === false);
}

const readingMethods = new Set([
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'server/discover',
  'subscriptions/listen',
  'ping',
]);

function readsOnly(message: Envelope): boolean {
  return message.method !== null && readingMethods.has(message.method);
}

const mayBeError = /"error"\s*:\s*\{/;
const mayBeToolError = /"isError"\s*:\s*true/;

/** Looks before it reads: only an answer that may be an error is scanned. */
function outcomeOf(text: string | null): CallOutcome {
  if (text === null) return 'protocol-error';
  if (!mayBeError.test(text) && !mayBeToolError.test(text)) return 'ok';
  if (rawAt(text, ['error']) !== null) return 'protocol-error';
  return rawAt(text, ['result', 'isError']) === 'true' ? 'tool-error' : 'ok';
}
