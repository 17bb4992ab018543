/**
 * The controller's end of the link: connects, connects again for as long as it takes, and says nothing before the Host has
 * said all that it sees. When a newer controller has taken over it stops trying.
 */
import { connect } from 'node:net';
import type { Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { HostLink, HostListener } from '../ports/host-link.ts';
import { MessageStream } from './message-stream.ts';
import { protocolVersion, type ToController, type ToHost } from './messages.ts';

const firstRetryMs = 20;
const longestRetryMs = 1_000;

/** A HostLink over the Host's unix socket. After a refusal `disconnected` is told a reason that begins with `StaleEpoch:`. */
export function createHostLink(options: { socketPath: string; clock: Clock }): HostLink {
  return new ControllerEnd(options.socketPath, options.clock);
}

class ControllerEnd implements HostLink {
  readonly #socketPath: string;
  readonly #clock: Clock;
  #epoch = 0;
  #listener: HostListener | null = null;
  #stream: MessageStream<ToController, ToHost> | null = null;
  /** Set between `welcome` and `synced`: what the Host sees, as far as it has been said. */
  #greeting: { hostId: string; observations: Map<string, Observation> } | null = null;
  #connected = false;
  #retryMs = firstRetryMs;
  #callOffRetry: () => void = () => {};
  #state: 'new' | 'running' | 'over' = 'new';
  #closed = Promise.withResolvers<void>();

  constructor(socketPath: string, clock: Clock) {
    this.#socketPath = socketPath;
    this.#clock = clock;
  }

  start(epoch: number, listener: HostListener): void {
    if (this.#state !== 'new') throw new Error('a link is started once');
    this.#state = 'running';
    this.#epoch = epoch;
    this.#listener = listener;
    this.#connect();
  }

  send(plan: Plan): void {
    if (this.#connected) this.#stream?.send({ kind: 'plan', plan });
  }

  forget(service: string): void {
    if (this.#connected) this.#stream?.send({ kind: 'forget', service });
  }

  async close(): Promise<void> {
    this.#state = 'over';
    this.#callOffRetry();
    if (this.#stream === null) return;
    this.#stream.cut('closed');
    await this.#closed.promise;
  }

  #connect(): void {
    this.#closed = Promise.withResolvers();
    let refusal: string | null = null;
    const socket = connect(this.#socketPath);
    const stream = new MessageStream<ToController, ToHost>(
      socket,
      (message) => {
        if (message.kind === 'refused') {
          refusal = `${message.code}: ${message.message}`;
          stream.cut(refusal);
        } else if (this.#stream === stream) this.#hear(stream, message);
      },
      (reason) => this.#lost(refusal ?? reason, refusal !== null),
    );
    this.#stream = stream;
    socket.once('connect', () => stream.send({ kind: 'hello', protocol: protocolVersion, epoch: this.#epoch }));
  }

  #lost(reason: string, refused: boolean): void {
    const told = this.#connected || refused;
    this.#stream = null;
    this.#greeting = null;
    this.#connected = false;
    this.#closed.resolve();
    if (refused) this.#state = 'over';
    if (told) this.#listener!.disconnected(reason);
    if (this.#state === 'over') return;
    this.#callOffRetry = this.#clock.after(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
  }

  #hear(stream: MessageStream<ToController, ToHost>, message: Exclude<ToController, { kind: 'refused' }>): void {
    const listener = this.#listener!;
    switch (message.kind) {
      case 'welcome':
        this.#greeting = { hostId: message.hostId, observations: new Map() };
        return;
      case 'synced':
        this.#retryMs = firstRetryMs;
        this.#connected = true;
        listener.connected(this.#greeting!.hostId, [...this.#greeting!.observations.values()]);
        this.#greeting = null;
        return;
      case 'observation':
        if (this.#greeting === null) listener.observed(message.observation);
        else this.#greeting.observations.set(message.observation.service, message.observation);
        return;
      case 'contract':
        listener.contract(message.contract);
        return;
      case 'usage':
        void this.#takeUsage(stream, message);
    }
  }

  /** The Host keeps what it counted until we have it for good. */
  async #takeUsage(stream: MessageStream<ToController, ToHost>, { batch, usage }: ToController & { kind: 'usage' }): Promise<void> {
    let stored = true;
    try {
      await this.#listener!.usage(usage);
    } catch {
      stored = false;
    }
    stream.send({ kind: 'usage-taken', batch, stored });
  }
}
