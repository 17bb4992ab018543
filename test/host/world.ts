/** A Host among stand-ins that the test steers: a clock that stands still, runtimes, upstreams, a prober and a gateway. */
import type { FairleadError } from '../../src/base/error.ts';
import { Host } from '../../src/host/host.ts';
import type { Contract } from '../../src/model/contract.ts';
import type { InstanceEnd, Observation, ShadowReport, TrafficCounters } from '../../src/model/observation.ts';
import type { Measures, Plan, PlannedInstance, Route } from '../../src/model/plan.ts';
import type { RunSpec } from '../../src/model/revision.ts';
import type { Check, Health, Limits, MetricCheck } from '../../src/model/service.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Gateway, GatewayInstance } from '../../src/ports/gateway.ts';
import type { Measured } from '../../src/ports/metric-source.ts';
import type { Answer, Prober, ProbeSubject } from '../../src/ports/prober.ts';
import type { RunningInstance, Runtime, StartRequest } from '../../src/ports/runtime.ts';
import type { UsageDay } from '../../src/ports/store.ts';
import type { ServerFacts, Upstream, UpstreamSession } from '../../src/ports/upstream.ts';

export class ManualClock implements Clock {
  #now = 1_000_000;
  #setBackMs = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now - this.#setBackMs;
  }

  elapsedMs(): number {
    return this.#now;
  }

  /** Somebody sets the clock: forward, or back when negative. */
  jump(ms: number): void {
    this.#setBackMs -= ms;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Lets time pass, timer by timer, and everything that follows from each settle. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }
}

/** Lets promises that can settle do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** One start that the Host asked for, and how the test lets it go on. */
export class FakeInstance {
  readonly request: StartRequest;
  readonly upstream: FakeUpstream;
  readonly started = Promise.withResolvers<void>();
  readonly over = Promise.withResolvers<InstanceEnd>();
  stops: (number | undefined)[] = [];
  /** Whether stop() ends it. */
  stubborn = false;

  constructor(request: StartRequest) {
    this.request = request;
    this.upstream = new FakeUpstream(request.instanceId);
  }

  /** Ends by itself. */
  end(changes: Partial<InstanceEnd> = {}): void {
    this.over.resolve({ code: 'Exited', message: 'It exited.', at: 0, exitCode: 1, signal: null, stderrTail: 'last words', ...changes });
  }

  running(): RunningInstance {
    return {
      pid: 4711,
      port: null,
      endpoint: { kind: 'http', url: 'http://127.0.0.1:1/mcp', headers: {} },
      ended: this.over.promise,
      stderrTail: () => 'so far',
      stop: async (timeoutMs) => {
        this.stops.push(timeoutMs);
        if (!this.stubborn) this.end({ message: 'It was stopped.', exitCode: 0 });
        await this.over.promise;
      },
    };
  }
}

export class FakeUpstream implements Upstream {
  readonly instanceId: string;
  readonly violations = 0;
  readonly connected = Promise.withResolvers<void>();
  current: Contract;
  closed = false;
  /** How long it was given to shake hands. */
  connectTimeoutMs: number | null = null;
  listChanged: () => void = () => {};

  constructor(instanceId: string) {
    this.instanceId = instanceId;
    this.current = contract('c1');
  }

  async connect(timeoutMs: number): Promise<ServerFacts> {
    this.connectTimeoutMs = timeoutMs;
    await this.connected.promise;
    return {} as ServerFacts;
  }

  async contract(): Promise<Contract> {
    return this.current;
  }

  get own(): never {
    throw new Error('not used here');
  }

  openSession(): never {
    throw new Error('not used here');
  }

  onListChanged(callback: () => void): void {
    this.listChanged = callback;
  }

  onNotification(): () => void {
    return () => {};
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

export function contract(hash: string): Contract {
  return { hash, tools: [], prompts: [], resources: [], resourceTemplates: [] };
}

export class FakeGateway implements Gateway {
  readonly weights = new Map<string, Readonly<Record<string, number>> | null>();
  readonly applied: { service: string; generation: number; instances: string[]; contracts: string[] }[] = [];
  readonly forgotten: string[] = [];
  readonly loads = new Map<string, { sessions: number; inFlight: number }>();
  counters: Record<string, Record<string, TrafficCounters>> = {};
  previews: Record<string, () => Promise<UpstreamSession>> = {};
  shadows: Record<string, ShadowReport> = {};
  usage: UsageDay[] = [];
  closes: number[] = [];
  readonly closed = Promise.withResolvers<void>();
  idle: (instanceId: string) => void = () => {};

  apply(plan: Plan, instances: readonly GatewayInstance[]): void {
    this.weights.set(plan.service, plan.route?.weights ?? null);
    this.applied.push({
      service: plan.service,
      generation: plan.generation,
      instances: instances.map(({ id }) => id),
      contracts: instances.map(({ contract }) => contract.hash),
    });
  }

  forget(service: string): void {
    this.forgotten.push(service);
  }

  load(instanceId: string): { sessions: number; inFlight: number } {
    return this.loads.get(instanceId) ?? { sessions: 0, inFlight: 0 };
  }

  onIdle(callback: (instanceId: string) => void): void {
    this.idle = callback;
  }

  routed(service: string): Readonly<Record<string, number>> | null {
    return this.weights.get(service) ?? null;
  }

  traffic(service: string): Readonly<Record<string, TrafficCounters>> {
    return this.counters[service] ?? {};
  }

  preview(service: string): Promise<UpstreamSession> | null {
    return this.previews[service]?.() ?? null;
  }

  shadow(service: string): ShadowReport | null {
    return this.shadows[service] ?? null;
  }

  takeUsage(): UsageDay[] {
    return this.usage.splice(0);
  }

  listen(): never {
    throw new Error('not used here');
  }

  async close(graceMs: number): Promise<void> {
    this.closes.push(graceMs);
    await this.closed.promise;
  }
}

export const limits: Limits = {
  startTimeoutMs: 10_000,
  stopTimeoutMs: 5_000,
  drainTimeoutMs: 1_000,
  callTimeoutMs: 30_000,
  maxConcurrentCalls: 10,
};
export const basic: Check = { name: 'basic', type: 'basic', timeoutMs: 1_000 };

export const health: Health = { intervalMs: 30_000, checks: [basic], failureThreshold: 3, successThreshold: 1 };

export function planned(id: string, changes: Partial<PlannedInstance> = {}): PlannedInstance {
  return { id, revision: 'hash-a', ordinal: 0, incarnation: 1, duty: 'serve', ...changes };
}

const defaultRoute: Route = { weights: { 'hash-a': 100 }, hold: false, rollout: null, preview: null, shadow: null };

export interface PlanChanges {
  readonly runtime?: RunSpec['runtime'];
  readonly generation?: number;
  readonly instances?: readonly PlannedInstance[];
  readonly spared?: readonly string[];
  readonly route?: Partial<Route> | null;
  readonly previewChecks?: readonly string[] | null;
  readonly measures?: Measures | null;
  readonly health?: Health;
  readonly limits?: Limits;
}

export function planFor(service: string, changes: PlanChanges = {}): Plan {
  const run = { runtime: changes.runtime ?? 'process' } as RunSpec;
  const terms = { limits: changes.limits ?? limits, health: changes.health ?? health };
  return {
    service,
    generation: changes.generation ?? 1,
    revisions: { 'hash-a': { name: 'a', hash: 'hash-a', run }, 'hash-b': { name: 'b', hash: 'hash-b', run } },
    instances: changes.instances ?? [planned('a-1')],
    spared: changes.spared ?? [],
    route: changes.route === null ? null : { ...defaultRoute, ...changes.route },
    previewChecks: changes.previewChecks ?? null,
    measures: changes.measures ?? null,
    quarantine: [],
    terms: { 'hash-a': terms, 'hash-b': terms },
    limits: terms.limits,
    expose: { tools: { allow: [], deny: [], rename: {} }, prefix: service },
    affinity: 'session',
  };
}

export class HostWorld {
  readonly clock = new ManualClock();
  readonly gateway = new FakeGateway();
  /** Every start that was asked for, in order. */
  readonly instances: FakeInstance[] = [];
  /** Checks that were put, and what the next ones are answered. */
  readonly asked: { check: string; at: number; subject: ProbeSubject }[] = [];
  answer: (check: Check, subject: ProbeSubject) => Promise<Answer> = async () => ({ outcome: 'pass', message: 'fine', latencyMs: 5 });
  /** What metrics sources are asked, and what they answer. */
  readonly measured: { check: string; at: number }[] = [];
  measurement: (check: MetricCheck) => Promise<Measured> = async () => ({ value: 1, verdict: null, error: null });
  /** Services that the Host called new, in order. */
  readonly told: string[] = [];
  readonly host: Host;

  constructor(options: { maxStarts?: number } = {}) {
    const runtime: Runtime = {
      name: 'process',
      start: async (request) => {
        const instance = new FakeInstance(request);
        this.instances.push(instance);
        await Promise.race([
          instance.started.promise,
          new Promise<never>((_, reject) => request.signal!.addEventListener('abort', () => reject(new Error('aborted')))),
        ]);
        return instance.running();
      },
    };
    const prober: Prober = {
      probe: (check, subject) => {
        this.asked.push({ check: check.name, at: this.clock.now(), subject });
        return this.answer(check, subject);
      },
    };
    this.host = new Host({
      hostId: 'host-1',
      clock: this.clock,
      runtimes: { process: runtime, remote: runtime },
      createUpstream: (instanceId) => this.find(instanceId).upstream,
      prober,
      metrics: { read: (check) => this.measure(check) },
      gateway: this.gateway,
      maxStarts: options.maxStarts ?? 4,
    });
    this.host.onChange((service) => this.told.push(service));
  }

  private measure(check: MetricCheck): Promise<Measured> {
    this.measured.push({ check: check.name, at: this.clock.now() });
    return this.measurement(check);
  }

  /** The latest start of an Instance. */
  find(instanceId: string): FakeInstance {
    const found = this.instances.findLast(({ request }) => request.instanceId === instanceId);
    if (found === undefined) throw new Error(`${instanceId} was never started`);
    return found;
  }

  /** Lets an Instance come all the way up. */
  async bringUp(instanceId: string): Promise<FakeInstance> {
    await settle();
    const instance = this.find(instanceId);
    instance.started.resolve();
    instance.upstream.connected.resolve();
    await settle();
    return instance;
  }

  async failStart(instanceId: string, error: FairleadError): Promise<void> {
    await settle();
    this.find(instanceId).started.reject(error);
    await settle();
  }

  observe(service: string): Observation {
    const observation = this.host.observe(service);
    if (observation === null) throw new Error(`${service} is not known`);
    return observation;
  }

  /** `id phase` of every Instance. */
  phases(service: string): string[] {
    return this.observe(service).instances.map(({ id, phase }) => `${id} ${phase}`);
  }
}
