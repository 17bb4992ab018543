/**
 * One Instance from the Plan that first names it until nothing of it is left: started once, handshaken, its Contract taken,
 * checked, stopped or ended. It never starts a second time, and says `ended` only when its processes are gone.
 */
import { formatDuration } from '../base/duration.ts';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import { hashFraction } from '../base/hash.ts';
import type { Contract } from '../model/contract.ts';
import type { InstanceEnd, ObservedInstance, TrafficCounters } from '../model/observation.ts';
import type { Terms } from '../model/plan.ts';
import type { Revision } from '../model/revision.ts';
import type { Limits } from '../model/service.ts';
import type { Clock } from '../ports/clock.ts';
import type { Prober } from '../ports/prober.ts';
import type { RunningInstance, Runtime } from '../ports/runtime.ts';
import type { Upstream } from '../ports/upstream.ts';
import { CheckRounds } from './check-rounds.ts';
import type { StartGate } from './start-gate.ts';
import { within } from './within.ts';

export interface InstanceParts {
  readonly clock: Clock;
  readonly runtimes: Readonly<Record<Runtime['name'], Runtime>>;
  readonly createUpstream: (instanceId: string, running: RunningInstance, revision: Revision) => Upstream;
  readonly prober: Prober;
  readonly gate: StartGate;
}

/** What an Instance needs to know of the Host around it. */
export interface Surroundings {
  /** Something to be told to the controller changed; `members`: the gateway must hear of it too. */
  changed(instance: HostedInstance, members: boolean): void;
  /** Stopped, and nothing of it is left. */
  gone(instance: HostedInstance): void;
  /** Traffic of its Revision since the Host started. */
  traffic(instance: HostedInstance): TrafficCounters;
  serviceReady(name: string): boolean;
}

/** What is said of a handshake that broke off because the process ended: its end is the better reason, and known soon after. */
const mayMeanTheEnd: ReadonlySet<string> = new Set(['HandshakeFailed', 'UpstreamLost', 'ConnectFailed']);
const endingMs = 500;
/** How long the sessions of an Instance that is to stop may take to close. */
const farewellMs = 1_000;
/** Least time for taking the Contract, however long the handshake took. */
const contractMs = 5_000;
/** Whoever runs a remote endpoint may change it without a word: what it offers is looked at this often. */
const lookAgainMs = 60_000;

export class HostedInstance {
  readonly id: string;
  readonly revision: Revision;
  /** The Service whose Plan names it. Changes when that Service is renamed. */
  service: string;
  phase: ObservedInstance['phase'] = 'starting';
  contract: Contract | null = null;
  upstream: Upstream | null = null;
  readonly checks: CheckRounds;
  readonly #parts: InstanceParts;
  readonly #surroundings: Surroundings;
  readonly #abort = new AbortController();
  #limits: Limits;
  #startedAt: number;
  #connectedAt: number | null = null;
  #end: InstanceEnd | null = null;
  #running: RunningInstance | null = null;
  #start: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;
  #retaking = false;
  #retakeAgain = false;
  #trafficBefore: TrafficCounters | null = null;
  #callOffLook: () => void = () => {};

  constructor(named: { id: string; service: string; revision: Revision; terms: Terms }, parts: InstanceParts, surroundings: Surroundings) {
    this.id = named.id;
    this.service = named.service;
    this.revision = named.revision;
    this.#limits = named.terms.limits;
    this.#parts = parts;
    this.#surroundings = surroundings;
    this.#startedAt = parts.clock.now();
    this.checks = new CheckRounds(named.terms.health, {
      id: this.id,
      clock: parts.clock,
      prober: parts.prober,
      subject: (probeLatenciesMs) => ({
        session: async () => this.upstream!.own,
        traffic: this.#trafficOfRound(),
        probeLatenciesMs,
        serviceReady: (name) => surroundings.serviceReady(name),
      }),
      onChange: () => surroundings.changed(this, false),
    });
  }

  begin(): void {
    this.#start = this.#bringUp().catch((thrown: unknown) => this.#failed(thrown));
  }

  /** What applies without a rollout. */
  update({ limits, health }: Terms): void {
    this.#limits = limits;
    this.checks.setHealth(health);
  }

  /** Whether calls may be sent to it. */
  get callable(): boolean {
    return this.phase === 'connected';
  }

  observe(load: { sessions: number; inFlight: number }): ObservedInstance {
    return {
      id: this.id,
      revision: this.revision.hash,
      phase: this.phase,
      pid: this.#running?.pid ?? null,
      port: this.#running?.port ?? null,
      startedAt: this.#startedAt,
      connectedAt: this.#connectedAt,
      end: this.#end,
      contract: this.contract?.hash ?? null,
      checks: this.checks.results(),
      ...load,
    };
  }

  /** Resolves when nothing of it is left, `timeoutMs` (limits.stopTimeout unless told otherwise) at most. Idempotent. */
  stop(timeoutMs: number = this.#limits.stopTimeoutMs): Promise<void> {
    if (this.#stopping !== null) {
      void this.#running?.stop(timeoutMs);
      return this.#stopping;
    }
    this.#stopping = this.#stop(timeoutMs);
    return this.#stopping;
  }

  async #stop(timeoutMs: number): Promise<void> {
    if (this.phase !== 'ended') {
      this.phase = 'stopping';
      this.#surroundings.changed(this, true);
    }
    this.#abort.abort();
    this.checks.stop();
    await this.#closeUpstream();
    await this.#running?.stop(timeoutMs);
    await this.#start;
    this.#surroundings.gone(this);
  }

  /** It was stopped and is wanted again: it stays as ended, and another Instance has to take its place. */
  bury(): void {
    const at = this.#parts.clock.now();
    this.#end ??= { code: 'Exited', message: 'It was stopped.', at, exitCode: null, signal: null, stderrTail: '' };
    this.phase = 'ended';
    this.#stopping = null;
  }

  async #bringUp(): Promise<void> {
    const leave = await this.#parts.gate.enter(this.#abort.signal);
    try {
      await this.#connect();
    } finally {
      leave?.();
    }
  }

  async #connect(): Promise<void> {
    const { clock, runtimes, createUpstream } = this.#parts;
    const { startTimeoutMs, stopTimeoutMs } = this.#limits;
    this.#throwIfUnwanted();
    this.#startedAt = clock.now();
    const deadlineMs = clock.elapsedMs() + startTimeoutMs;
    const leftMs = (): number => Math.max(1, deadlineMs - clock.elapsedMs());
    const running = await runtimes[this.revision.run.runtime].start({
      instanceId: this.id,
      service: this.service,
      revision: this.revision,
      startTimeoutMs,
      stopTimeoutMs,
      signal: this.#abort.signal,
    });
    this.#running = running;
    this.#throwIfUnwanted();
    this.#surroundings.changed(this, false);
    const upstream = createUpstream(this.id, running, this.revision);
    this.upstream = upstream;
    await upstream.connect(leftMs());
    const contract = await upstream.contract(Math.max(contractMs, leftMs()));
    this.#throwIfUnwanted();
    this.contract = contract;
    upstream.onListChanged(() => void this.#retakeContract());
    this.#connectedAt = clock.now();
    this.phase = 'connected';
    this.#surroundings.changed(this, true);
    this.checks.start();
    if (this.revision.run.runtime === 'remote') this.#lookAgainLater();
    void running.ended.then((end) => this.#ended(end));
  }

  #throwIfUnwanted(): void {
    if (this.#abort.signal.aborted) throw new FairleadError('Cancelled', 'It is no longer wanted.');
  }

  /** A handshake has only what starting the process left of the limit: it is the limit that people know and can change. */
  #whyNotUp(thrown: unknown): string {
    if (codeOf(thrown) !== 'HandshakeTimeout') return messageOf(thrown);
    return `no MCP handshake within ${formatDuration(this.#limits.startTimeoutMs)} (limits.startTimeout)`;
  }

  /** It did not come up: whatever of it runs is stopped first, then it is said. */
  async #failed(thrown: unknown): Promise<void> {
    const { clock } = this.#parts;
    const running = this.#running;
    const at = clock.now();
    const own = running !== null && mayMeanTheEnd.has(codeOf(thrown)) ? await this.#endWithin(running, endingMs) : null;
    this.checks.stop();
    await this.#closeUpstream();
    await running?.stop(this.#limits.stopTimeoutMs);
    if (this.#stopping !== null) return;
    if (own !== null) this.#end = { ...own, code: own.code === 'Exited' ? 'ExitedEarly' : own.code };
    else this.#end = { code: codeOf(thrown), message: this.#whyNotUp(thrown), at, ...outputOf(thrown, running) };
    this.phase = 'ended';
    this.#surroundings.changed(this, true);
  }

  /** How it ended, if it has or does within `timeoutMs`: the reason why a handshake broke off. */
  async #endWithin(running: RunningInstance, timeoutMs: number): Promise<InstanceEnd | null> {
    return within<InstanceEnd | null>(this.#parts.clock, timeoutMs, running.ended, () => null);
  }

  /** It was connected and is over by itself. */
  #ended(end: InstanceEnd): void {
    if (this.#stopping !== null) return;
    this.#end = end;
    this.phase = 'ended';
    this.checks.stop();
    this.#surroundings.changed(this, true);
    void this.#closeUpstream();
  }

  /** Says goodbye; a service that does not answer to that is not waited for. */
  async #closeUpstream(): Promise<void> {
    this.#callOffLook();
    if (this.upstream === null) return;
    await within<void>(
      this.#parts.clock,
      farewellMs,
      this.upstream.close().catch(() => {}),
      () => {},
    );
  }

  #lookAgainLater(): void {
    const delayMs = Math.round(lookAgainMs * (0.9 + 0.2 * hashFraction(this.id)));
    this.#callOffLook = this.#parts.clock.after(delayMs, () => {
      void this.#retakeContract();
      if (this.callable) this.#lookAgainLater();
    });
  }

  /** One at a time; a change that comes in between is taken in by one more. */
  async #retakeContract(): Promise<void> {
    this.#retakeAgain = true;
    if (this.#retaking) return;
    this.#retaking = true;
    while (this.#retakeAgain && this.phase === 'connected') {
      this.#retakeAgain = false;
      try {
        const contract = await this.upstream!.contract(this.#limits.callTimeoutMs);
        if (contract.hash === this.contract?.hash || !this.callable) continue;
        this.contract = contract;
        this.#surroundings.changed(this, true);
      } catch {
        // The lists as they were last known stay in force; whether it still answers is for its checks to say.
      }
    }
    this.#retaking = false;
  }

  #trafficOfRound(): TrafficCounters {
    const now = this.#surroundings.traffic(this);
    const since = this.#trafficBefore === null ? now : difference(now, this.#trafficBefore);
    this.#trafficBefore = now;
    return since;
  }
}

function difference(now: TrafficCounters, before: TrafficCounters): TrafficCounters {
  return {
    calls: now.calls - before.calls,
    protocolErrors: now.protocolErrors - before.protocolErrors,
    toolErrors: now.toolErrors - before.toolErrors,
    latencyBuckets: now.latencyBuckets.map((count, index) => count - (before.latencyBuckets[index] ?? 0)),
    latencySumMs: now.latencySumMs - before.latencySumMs,
  };
}

function codeOf(thrown: unknown): ErrorCodeName {
  return thrown instanceof FairleadError ? thrown.code : 'Internal';
}

/** What is known of the process's end: from the runtime's error, or from the process that still runs. */
function outputOf(thrown: unknown, running: RunningInstance | null): Pick<InstanceEnd, 'exitCode' | 'signal' | 'stderrTail'> {
  const data = thrown instanceof FairleadError ? thrown.data : {};
  const { exitCode, signal, stderrTail } = data as { exitCode?: number; signal?: string; stderrTail?: string };
  return { exitCode: exitCode ?? null, signal: signal ?? null, stderrTail: stderrTail ?? running?.stderrTail() ?? '' };
}
